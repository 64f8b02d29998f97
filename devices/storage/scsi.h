/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "vmm/device/device.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * SCSI logical units: disks (SBC-3), CD-ROM drives (MMC-6) and units of the host that are passed through,
 * for whatever brings commands to them: a SATA port (ATAPI) or a SCSI controller.
 *
 * A controller fills in a ScsiTask and calls scsi_execute; the unit asks through the task's ScsiTransport
 * for memory and for work on its image, and ends the task with @done.
 *
 * Threading: everything here wants the lock of the unit's device held, but for what says otherwise.
 */
typedef struct ScsiUnit ScsiUnit;
typedef struct ScsiTask ScsiTask;
typedef struct ScsiTransport ScsiTransport;
typedef struct ScsiHost ScsiHost;

#define SCSI_CDB_SIZE   32u
#define SCSI_SENSE_SIZE 18u /* what scsi_build_sense writes at most */

/* SAM-5, status codes. */
enum {
  SCSI_GOOD = 0x00,
  SCSI_CHECK_CONDITION = 0x02,
  SCSI_BUSY = 0x08,
  SCSI_TASK_ABORTED = 0x40,
};

typedef enum {
  SCSI_NO_UNIT,
  SCSI_DISK,
  SCSI_CDROM,
  SCSI_HOST,
} ScsiKind;

/* SPC-4, sense data: key, additional code and qualifier. Key 0: none. */
typedef struct {
  uint8_t key, asc, ascq;
} ScsiSense;

#define SCSI_MAX_ATTENTIONS 4u

struct ScsiUnit {
  uint8_t kind; /* ScsiKind */
  Device *device;
  bool atapi;         /* sense waits for REQUEST SENSE, INQUIRY says SATA's things */
  Image *image;       /* NULL: no disc */
  ScsiHost *host;     /* SCSI_HOST */
  bool read_only;     /* disks */
  bool no_discard;    /* disks: the guest is not offered to give space back */
  bool write_through; /* disks: the image makes every write stable: the guest finds the cache off */
  char serial[21];

  /* Saved. */
  ScsiSense sense; /* ATAPI: of the last command */
  ScsiSense attentions[SCSI_MAX_ATTENTIONS];
  uint8_t n_attentions;
  bool write_cache, descriptor_sense;
  bool locked, tray_open;
  uint8_t media_event; /* MMC-6, GET EVENT STATUS NOTIFICATION: reported once */
};

extern const StateTable scsi_unit_state;

/* What is behind a unit: an image or, for SCSI_HOST, an opened device. */
typedef struct {
  ScsiKind kind;
  Image *image; /* NULL: a drive without a disc */
  ScsiHost *host;
  const char *serial; /* cut at 20 bytes */
  bool read_only;     /* also if the image is */
  bool no_discard, write_through;
} ScsiUnitConfig;

/* As after power-on. */
void scsi_unit_init (ScsiUnit *unit, Device *device, const ScsiUnitConfig *config);

/* One command. Owned by the controller, unmoved from scsi_execute to @done. */
struct ScsiTask {
  ScsiUnit *unit;
  const ScsiTransport *transport;
  uint8_t cdb[SCSI_CDB_SIZE]; /* zeroes behind what the guest sent */
  bool aborted;               /* set by the controller: the task ends before its next step */

  /* What @map found. */
  struct iovec *iov; /* the transport's; may be cut */
  unsigned n_iov;
  uint64_t mapped;

  /* The end. */
  uint8_t status;
  ScsiSense sense;
  bool overrun;             /* the initiator's buffers are too small for the command; nothing was done */
  bool lost;                /* the way to the host's unit is broken */
  uint64_t transferred;     /* bytes of data */
  const uint8_t *raw_sense; /* passed through: what the host's unit said, instead of @sense */
  unsigned raw_sense_size;

  /* The unit's. */
  void (*then) (ScsiTask *task, int error);
  uint64_t lba, n_blocks;
  bool sync;
  uint8_t *buffer;
  unsigned step, n_steps;
  struct iovec own_iov;
};

/* An initiator's data: @iov lives as long as the task. */
typedef struct {
  const struct iovec *iov;
  unsigned n_iov;
  uint64_t size;
  bool to_initiator;
  bool both; /* data in both directions */
} ScsiData;

struct ScsiTransport {
  /* Says in task->iov, n_iov, mapped where @wanted bytes of data lie (fewer if the initiator has fewer),
   * @to_initiator or from it. False: it could not, and the task is over without @done. */
  bool (*map) (ScsiTask *task, uint64_t wanted, bool to_initiator);

  /* Sends a request with task->iov to the unit's image; scsi_image_done follows, with the lock held. */
  void (*submit) (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length);

  /* The host's disk is full: the task is to be executed anew once there is room. */
  void (*wait_for_room) (ScsiTask *task, int error);

  void (*done) (ScsiTask *task);

  /* For units of the host: where the initiator's data lies and what way it goes. */
  void (*data) (ScsiTask *task, ScsiData *data);
};

/* Runs the command; @done may come before this returns. */
void scsi_execute (ScsiTask *task);
/* A command to a unit that isn't there, of the target that @task->unit stands for. */
void scsi_execute_elsewhere (ScsiTask *task);
void scsi_image_done (ScsiTask *task, ImageRequestKind kind, int error);

/* Power-on (@cold) or a reset that the initiator asked for. */
void scsi_unit_reset (ScsiUnit *unit, bool cold);

/* Queues a unit attention. */
void scsi_unit_attention (ScsiUnit *unit, uint8_t asc, uint8_t ascq);

/* Writes sense data in the format that the initiator chose. Returns its bytes. */
unsigned scsi_build_sense (const ScsiTask *task, uint8_t data[SCSI_SENSE_SIZE]);

/* A CD-ROM's disc, put in or taken out by the host. False, with VMM_ERROR_BUSY, if the guest locked the tray
 * and @force is not given. @old: (out) (transfer full): to be closed without the lock. */
bool scsi_change_disc (ScsiUnit *unit, Image *image, bool force, Image **old, GError **error);

/* The disc in the closed tray or NULL; a disk's image. */
Image *scsi_medium (const ScsiUnit *unit);

/* --- units of the host (scsi-host.c) --- */

/**
 * scsi_host_open:
 * @loop: the machine's
 * @path: /dev/sgN, or a block device that understands SG_IO
 *
 * Claims the device for this machine: one that is mounted or open exclusively elsewhere is refused. Any
 * thread. Returns: (transfer full).
 */
ScsiHost *scsi_host_open (EventLoop *loop, const char *path, GError **error);

/* Waits for its commands. Without the device's lock; not on a thread that it takes. NULL is ignored. */
void scsi_host_close (ScsiHost *host);
const char *scsi_host_path (const ScsiHost *host);

/* The most bytes that one command may carry. */
uint32_t scsi_host_max_transfer (const ScsiHost *host);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ScsiHost, scsi_host_close)

G_END_DECLS
