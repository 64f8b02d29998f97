/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/scsi.h"

G_BEGIN_DECLS

/*
 * Between scsi.c (life of a task, sense, commands that all units have), scsi-disk*.c, scsi-cdrom*.c and
 * scsi-host.c. The device's lock is held.
 */
enum {
  SENSE_NOT_READY = 0x02,
  SENSE_MEDIUM_ERROR = 0x03,
  SENSE_HARDWARE_ERROR = 0x04,
  SENSE_ILLEGAL_REQUEST = 0x05,
  SENSE_UNIT_ATTENTION = 0x06,
  SENSE_DATA_PROTECT = 0x07,
  SENSE_ABORTED_COMMAND = 0x0b,
  SENSE_MISCOMPARE = 0x0e,
};

enum {
  SCSI_NEEDS_MEDIUM = 1,
  SCSI_IGNORES_ATTENTION = 2, /* SAM-5, unit attention: does not report it */
};

typedef struct {
  uint8_t opcode, flags;
  void (*handle) (ScsiTask *task);
} ScsiCommand;

extern const ScsiCommand scsi_disk_commands[], scsi_cdrom_commands[];
extern const unsigned scsi_n_disk_commands, scsi_n_cdrom_commands;

/* --- ends --- */

void scsi_finish (ScsiTask *task, uint8_t status);
void scsi_good (ScsiTask *task);
void scsi_check (ScsiTask *task, uint8_t key, uint8_t asc, uint8_t ascq);
void scsi_invalid_field (ScsiTask *task);
void scsi_overrun (ScsiTask *task);
/* By an errno of the image. */
void scsi_failed (ScsiTask *task, int error, bool write);

/* Sends as much of the answer as the initiator has room for (@room: the CDB's allocation length), and ends.
 */
void scsi_reply (ScsiTask *task, const uint8_t *data, size_t size, size_t room);

/* --- work --- */

static inline bool
scsi_map (ScsiTask *task, uint64_t wanted, bool to_initiator)
{
  return task->transport->map (task, wanted, to_initiator);
}

/* One request to the image; @then is called unless the task was aborted or there was no room. */
void scsi_submit (ScsiTask *task, ImageRequestKind kind, bool may_unmap, uint64_t offset, uint64_t length,
                  void (*then) (ScsiTask *task, int error));

/* Lets the next request work on @size bytes of task->buffer. */
void scsi_use_buffer (ScsiTask *task, size_t size);

/* Takes the parameter list, at most @max bytes, into task->buffer. Returns its size; on failure, 0 with
 * task->buffer NULL, and the task is over. */
size_t scsi_take_parameters (ScsiTask *task, size_t size, size_t max);

/* --- what units tell of themselves --- */

void scsi_store_text (uint8_t *p, size_t size, const char *text);
void scsi_test_unit_ready (ScsiTask *task);
void scsi_request_sense (ScsiTask *task);
void scsi_inquiry (ScsiTask *task);
void scsi_report_luns (ScsiTask *task);
void scsi_report_opcodes (ScsiTask *task);

/* scsi-disk-info.c */
void scsi_disk_capacity_10 (ScsiTask *task);
void scsi_disk_service_in (ScsiTask *task);
void scsi_disk_mode_sense (ScsiTask *task);
void scsi_disk_mode_select (ScsiTask *task);
size_t scsi_disk_vpd (ScsiUnit *unit, uint8_t page, uint8_t *data); /* 0: no such page */

#define SCSI_BLOCK 512u

static inline uint64_t
scsi_disk_blocks (const ScsiUnit *unit)
{
  return image_size (unit->image) / SCSI_BLOCK;
}

/* The most that UNMAP and WRITE SAME take in one go, in blocks. */
#define SCSI_MAX_UNMAP      0x3fffffu
#define SCSI_MAX_UNMAP_LIST 255u
#define SCSI_MAX_WRITE_SAME 0x3fffffu

/* scsi-cdrom-info.c */
#define CD_BLOCK 2048u

/* Discs beyond what a CD holds (99 minutes) are DVDs. */
#define CD_MAX_BLOCKS (99u * 60 * 75)

uint32_t scsi_cd_blocks (const ScsiUnit *unit); /* 0 without a disc */
void scsi_cd_mode_sense (ScsiTask *task);
void scsi_cd_read_toc (ScsiTask *task);
void scsi_cd_get_configuration (ScsiTask *task);
void scsi_cd_get_event_status (ScsiTask *task);
void scsi_cd_read_disc_information (ScsiTask *task);
void scsi_cd_read_disc_structure (ScsiTask *task);
void scsi_cd_mechanism_status (ScsiTask *task);

/* scsi-host.c: sends the command to the host's unit. */
void scsi_host_execute (ScsiTask *task);

G_END_DECLS
