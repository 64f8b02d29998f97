/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-scsi.h"
#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between virtio-scsi.c (configuration, life), virtio-scsi-request.c (commands), virtio-scsi-control.c (task
 * management, events) and virtio-scsi-units.c (units that come and go). The device's lock is held. */
typedef struct VirtioScsi VirtioScsi;
typedef struct ScsiRequest ScsiRequest;
typedef struct ScsiTmf ScsiTmf;

enum {
  SCSI_QUEUE_CONTROL = 0,
  SCSI_QUEUE_EVENT = 1,
  SCSI_QUEUE_REQUEST = 2,
};

/* Section 5.6.3. */
enum {
  SCSI_F_HOTPLUG = 1,
  SCSI_F_CHANGE = 2,
};

/* Section 5.6.6.1 and 5.6.6.2: response. */
enum {
  SCSI_S_OK = 0,
  SCSI_S_OVERRUN = 1,
  SCSI_S_ABORTED = 2,
  SCSI_S_BAD_TARGET = 3,
  SCSI_S_RESET = 4,
  SCSI_S_TRANSPORT_FAILURE = 6,
  SCSI_S_FUNCTION_SUCCEEDED = 10,
  SCSI_S_FUNCTION_REJECTED = 11,
  SCSI_S_INCORRECT_LUN = 12,
};

/* Section 5.6.6.3: events and their reasons. */
enum {
  SCSI_T_TRANSPORT_RESET = 1,
  SCSI_T_ASYNC_NOTIFY = 2,
  SCSI_T_PARAM_CHANGE = 3,
  SCSI_RESET_RESCAN = 1,
  SCSI_RESET_REMOVED = 2,
};

#define SCSI_ASYNC_MEDIA_CHANGE 16u
#define SCSI_MAX_EVENTS         16u
#define SCSI_SENSE_MAX          252u

struct ScsiRequest {
  VirtioScsi *scsi;
  Virtq *vq;
  ScsiRequest *next, *previous; /* of those under way; @next also of the spare ones */
  uint64_t tag;
  uint8_t target;
  uint8_t abort_response; /* once task.aborted is set */
  unsigned head_size, response_size;
  ScsiTask task;
  ImageRequest io;
  struct iovec data[VIRTQ_CHAIN_MAX];
  VirtqChain chain;
};

/* A task management function that waits for what it aborted. */
struct ScsiTmf {
  ScsiTmf *next;
  uint8_t target;
  bool one; /* the task @tag, else all of the target's */
  uint64_t tag;
  VirtqChain chain;
};

struct VirtioScsi {
  VirtioDevice virtio;
  ScsiUnit units[VIRTIO_SCSI_N_TARGETS];
  uint32_t sense_size, cdb_size;
  uint8_t subscribed[VIRTIO_SCSI_N_TARGETS]; /* to SCSI_ASYNC_MEDIA_CHANGE */

  /* What the guest has not been told yet for want of a buffer. */
  uint8_t n_events;
  bool events_missed;
  uint32_t events[SCSI_MAX_EVENTS], event_targets[SCSI_MAX_EVENTS], event_reasons[SCSI_MAX_EVENTS];

  uint16_t waiting_targets; /* of commands that are parked for want of room */

  /* Not saved. */
  bool blocked; /* no room on the host: commands wait for the user */
  ScsiRequest *active, *spare;
  unsigned n_spare;
  ScsiTmf *tmfs;
};

/* --- virtio-scsi-request.c --- */

/* Takes commands from a request queue. */
void virtio_scsi_serve (VirtioScsi *scsi, Virtq *vq);

/* The unit that @lun (8 bytes) names: *@target is set if there is such a target. False: another unit of it.
 */
bool virtio_scsi_find (const VirtioScsi *scsi, const uint8_t *lun, int *target);

/* Ends @request before its next step. */
void virtio_scsi_abort (ScsiRequest *request, uint8_t response);

/* Gives back the memory of requests kept for reuse. */
void virtio_scsi_free_spare (VirtioScsi *scsi);

/* --- virtio-scsi-units.c --- */

/* Makes the unit at @target, which is free, as after power-on. */
void virtio_scsi_fill_unit (VirtioScsi *scsi, unsigned target, const ScsiUnitConfig *config);

/* Closes what was behind a unit; NULL is ignored. Without the lock. */
void virtio_scsi_close_backend (Image *image, ScsiHost *host);

/* --- virtio-scsi-control.c --- */

void virtio_scsi_control (VirtioScsi *scsi, Virtq *vq);

/* Answers the functions that waited for nothing else. */
void virtio_scsi_finish_tmfs (VirtioScsi *scsi);

/* Queues an event for the guest and sends what can be sent. */
void virtio_scsi_event (VirtioScsi *scsi, uint32_t event, unsigned target, uint32_t reason);
void virtio_scsi_send_events (VirtioScsi *scsi);

G_END_DECLS
