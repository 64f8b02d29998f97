/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* CD-ROM drives: commands by MMC-6 (T10/1836-D). */

/* --- disc and tray --- */

uint32_t
scsi_cd_blocks (const ScsiUnit *unit)
{
  Image *disc = scsi_medium (unit);
  uint64_t n = disc != NULL ? (image_size (disc) + CD_BLOCK - 1) / CD_BLOCK : 0;

  return MIN (n, INT32_MAX);
}

static void
prevent_allow (ScsiTask *task)
{
  task->unit->locked = task->cdb[4] & 1;
  scsi_good (task);
}

/* MMC-6, START STOP UNIT: LoEj moves the tray, Start says which way. */
static void
start_stop (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  bool load_eject = task->cdb[4] & 2, start = task->cdb[4] & 1;

  if ((task->cdb[4] & 0xf0) != 0 || !load_eject)
    {
      scsi_good (task); /* power conditions and spinning up or down */
      return;
    }
  if (!start && unit->locked)
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x53, 0x02);
      return;
    }
  TRACE (unit->device, start ? "load" : "eject", "unit=%s", unit->serial);
  if (unit->tray_open == start && unit->image != NULL)
    {
      unit->media_event = start ? 2 : 3; /* NewMedia, MediaRemoval */
      if (start)
        scsi_unit_attention (unit, 0x28, 0x00);
    }
  unit->tray_open = !start;
  scsi_good (task);
}

/* --- reading --- */

static void
read_done (ScsiTask *task, int error)
{
  if (error == 0)
    scsi_good (task);
  else
    scsi_failed (task, error, false);
}

static void
read_blocks (ScsiTask *task, uint32_t lba, uint32_t n)
{
  Image *disc = scsi_medium (task->unit);
  uint32_t n_blocks = scsi_cd_blocks (task->unit);
  uint64_t offset = (uint64_t)lba * CD_BLOCK, length = (uint64_t)n * CD_BLOCK, on_disc;

  if (lba > n_blocks || n > n_blocks - lba)
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
      return;
    }
  if (!scsi_map (task, length, true))
    return;

  /* A packet's host may take less than it names; and an image may end inside its last block. */
  if (task->mapped < length && !task->unit->atapi)
    {
      scsi_overrun (task);
      return;
    }
  length = MIN (length, task->mapped);
  on_disc = MIN (length, image_size (disc) - MIN (offset, image_size (disc)));
  iov_scatter (task->iov, task->n_iov, on_disc, NULL, length - on_disc);
  task->n_iov = iov_slice (task->iov, task->n_iov, task->iov, task->n_iov, 0, on_disc);
  task->transferred = length;
  if (on_disc > 0)
    scsi_submit (task, IMAGE_READ, false, offset, on_disc, read_done);
  else
    scsi_good (task);
}

static void
read_10 (ScsiTask *task)
{
  read_blocks (task, load_be32 (task->cdb + 2), load_be16 (task->cdb + 7));
}

static void
read_12 (ScsiTask *task)
{
  read_blocks (task, load_be32 (task->cdb + 2), load_be32 (task->cdb + 6));
}

/* MMC-6, READ CD: user data of data sectors; there is nothing else on these discs. */
static void
read_cd (ScsiTask *task)
{
  uint8_t type = task->cdb[1] >> 2 & 7, parts = task->cdb[9];
  uint32_t n = load_be32 (task->cdb + 5) & 0xffffff;

  if ((type != 0 && type != 2) || (parts != 0x10 && parts != 0x00) || (task->cdb[10] & 7) != 0)
    scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x64, 0x00);
  else
    read_blocks (task, load_be32 (task->cdb + 2), parts != 0 ? n : 0);
}

static void
read_capacity (ScsiTask *task)
{
  uint8_t data[8];

  store_be32 (data, scsi_cd_blocks (task->unit) - 1);
  store_be32 (data + 4, CD_BLOCK);
  scsi_reply (task, data, sizeof data, sizeof data);
}

static void
seek (ScsiTask *task)
{
  if (load_be32 (task->cdb + 2) < scsi_cd_blocks (task->unit))
    scsi_good (task);
  else
    scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
}

/* The pages that can be set have no effect here; they are taken and dropped. */
static void
mode_select (ScsiTask *task)
{
  if (!scsi_map (task, task->cdb[0] == 0x15 ? task->cdb[4] : load_be16 (task->cdb + 7), false))
    return;
  task->transferred = task->mapped;
  scsi_good (task);
}

static void
set_speed (ScsiTask *task)
{
  scsi_good (task);
}

/* --- the command set --- */

const ScsiCommand scsi_cdrom_commands[] = {
  { 0x00, SCSI_NEEDS_MEDIUM, scsi_test_unit_ready },
  { 0x03, SCSI_IGNORES_ATTENTION, scsi_request_sense },
  { 0x12, SCSI_IGNORES_ATTENTION, scsi_inquiry },
  { 0x15, 0, mode_select },
  { 0x1a, 0, scsi_cd_mode_sense },
  { 0x1b, 0, start_stop },
  { 0x1e, 0, prevent_allow },
  { 0x25, SCSI_NEEDS_MEDIUM, read_capacity },
  { 0x28, SCSI_NEEDS_MEDIUM, read_10 },
  { 0x2b, SCSI_NEEDS_MEDIUM, seek },
  { 0x43, SCSI_NEEDS_MEDIUM, scsi_cd_read_toc },
  { 0x46, SCSI_IGNORES_ATTENTION, scsi_cd_get_configuration },
  { 0x4a, SCSI_IGNORES_ATTENTION, scsi_cd_get_event_status },
  { 0x51, SCSI_NEEDS_MEDIUM, scsi_cd_read_disc_information },
  { 0x55, 0, mode_select },
  { 0x5a, 0, scsi_cd_mode_sense },
  { 0xa0, SCSI_IGNORES_ATTENTION, scsi_report_luns },
  { 0xa8, SCSI_NEEDS_MEDIUM, read_12 },
  { 0xad, SCSI_NEEDS_MEDIUM, scsi_cd_read_disc_structure },
  { 0xbb, 0, set_speed },
  { 0xbd, 0, scsi_cd_mechanism_status },
  { 0xbe, SCSI_NEEDS_MEDIUM, read_cd },
};
const unsigned scsi_n_cdrom_commands = G_N_ELEMENTS (scsi_cdrom_commands);
