/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* Disks: commands by SBC-3. Data goes between the image and the guest's memory without a copy. */

#define DPO_FUA       0x08 /* byte 1: FUA */
#define PROTECT       0xe0 /* byte 1: RDPROTECT, WRPROTECT, VRPROTECT */
#define BUFFER_BLOCKS 128u /* of a command's own: a guest may have thousands under way */

/* --- addresses --- */

/* SPC-4, the CDB's fixed formats: the length of 6-byte commands is 1..256. */
static void
decode_address (ScsiTask *task)
{
  const uint8_t *cdb = task->cdb;

  switch (cdb[0] >> 5)
    {
    case 0:
      task->lba = load_be32 (cdb) & 0x1fffff;
      task->n_blocks = cdb[4] > 0 ? cdb[4] : 256;
      break;
    case 1:
    case 2:
      task->lba = load_be32 (cdb + 2);
      task->n_blocks = load_be16 (cdb + 7);
      break;
    case 4:
      task->lba = load_be64 (cdb + 2);
      task->n_blocks = load_be32 (cdb + 10);
      break;
    default:
      task->lba = load_be32 (cdb + 2);
      task->n_blocks = load_be32 (cdb + 6);
    }
}

static bool
in_range (const ScsiUnit *unit, uint64_t lba, uint64_t n_blocks)
{
  uint64_t n = scsi_disk_blocks (unit);

  return lba <= n && n_blocks <= n - lba;
}

/* False: the task is over. */
static bool
check_range (ScsiTask *task)
{
  decode_address (task);
  if (in_range (task->unit, task->lba, task->n_blocks))
    return true;
  GUEST_ERROR (task->unit->device, "unit %s: %" G_GUINT64_FORMAT " blocks at %" G_GUINT64_FORMAT,
               task->unit->serial, task->n_blocks, task->lba);
  scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x21, 0x00);
  return false;
}

static bool
check_writable (ScsiTask *task)
{
  if (!task->unit->read_only)
    return true;
  scsi_check (task, SENSE_DATA_PROTECT, 0x27, 0x00);
  return false;
}

/* Protection information is not there. */
static bool
check_protect (ScsiTask *task)
{
  if (task->cdb[0] >> 5 == 0 || !(task->cdb[1] & PROTECT))
    return true;
  scsi_invalid_field (task);
  return false;
}

/* --- reads and writes --- */

static void
read_done (ScsiTask *task, int error)
{
  if (error < 0)
    scsi_failed (task, error, false);
  else
    scsi_good (task);
}

static void
flushed (ScsiTask *task, int error)
{
  if (error < 0)
    scsi_failed (task, error, true);
  else
    scsi_good (task);
}

static void
flush (ScsiTask *task)
{
  task->n_iov = 0;
  scsi_submit (task, IMAGE_FLUSH, false, 0, 0, flushed);
}

/* The end of whatever changed the medium. */
static void
written (ScsiTask *task, int error)
{
  if (error < 0)
    scsi_failed (task, error, true);
  else if ((task->sync || !task->unit->write_cache) && !task->unit->write_through)
    flush (task);
  else
    scsi_good (task);
}

/* Makes sure of memory for all of the command's data. */
static bool
map_all (ScsiTask *task, uint64_t length, bool to_initiator)
{
  if (!scsi_map (task, length, to_initiator))
    return false;
  if (task->mapped == length)
    return true;
  GUEST_ERROR (task->unit->device, "unit %s: room for %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " bytes",
               task->unit->serial, task->mapped, length);
  scsi_overrun (task);
  return false;
}

static void
read_blocks (ScsiTask *task)
{
  uint64_t length;

  if (!check_protect (task) || !check_range (task))
    return;
  length = task->n_blocks * SCSI_BLOCK;
  if (!map_all (task, length, true))
    return;
  task->transferred = length;
  if (length > 0)
    scsi_submit (task, IMAGE_READ, false, task->lba * SCSI_BLOCK, length, read_done);
  else
    scsi_good (task);
}

static void
start_write (ScsiTask *task)
{
  uint64_t length = task->n_blocks * SCSI_BLOCK;

  if (!map_all (task, length, false))
    return;
  task->transferred = length;
  if (length > 0)
    scsi_submit (task, IMAGE_WRITE, false, task->lba * SCSI_BLOCK, length, written);
  else
    scsi_good (task);
}

static void
write_blocks (ScsiTask *task)
{
  if (!check_protect (task) || !check_writable (task) || !check_range (task))
    return;
  task->sync = task->cdb[0] >> 5 != 0 && (task->cdb[1] & DPO_FUA);
  start_write (task);
}

/* BYTCHK 0 leaves it to the medium what to verify: that the write is stable. */
static void
write_and_verify (ScsiTask *task)
{
  if (task->cdb[1] & 0x06)
    {
      scsi_invalid_field (task);
      return;
    }
  if (!check_protect (task) || !check_writable (task) || !check_range (task))
    return;
  task->sync = true;
  start_write (task);
}

static void
synchronize_cache (ScsiTask *task)
{
  if (check_range (task))
    flush (task);
}

/* --- VERIFY --- */

static void verify_next (ScsiTask *task);

/* What was read is in the buffer; the initiator's data stays mapped by its transport. */
static void
compare (ScsiTask *task, int error)
{
  uint64_t at = (uint64_t)task->step * SCSI_BLOCK;
  size_t size = MIN (task->n_blocks - task->step, BUFFER_BLOCKS) * SCSI_BLOCK, done = 0;
  uint8_t block[4096];

  if (error < 0)
    {
      scsi_failed (task, error, false);
      return;
    }
  if (!map_all (task, task->n_blocks * SCSI_BLOCK, false))
    return;
  while (done < size)
    {
      size_t n = MIN (size - done, sizeof block);

      iov_gather (task->iov, task->n_iov, at + done, block, n);
      if (memcmp (block, task->buffer + done, n) != 0)
        {
          scsi_check (task, SENSE_MISCOMPARE, 0x1d, 0x00);
          return;
        }
      done += n;
    }
  task->step += size / SCSI_BLOCK;
  verify_next (task);
}

static void
verify_next (ScsiTask *task)
{
  uint64_t n = MIN (task->n_blocks - task->step, BUFFER_BLOCKS);

  if (n == 0)
    {
      task->transferred = task->n_blocks * SCSI_BLOCK;
      scsi_good (task);
      return;
    }
  scsi_use_buffer (task, n * SCSI_BLOCK);
  scsi_submit (task, IMAGE_READ, false, (task->lba + task->step) * SCSI_BLOCK, n * SCSI_BLOCK, compare);
}

static void
verify (ScsiTask *task)
{
  unsigned check = task->cdb[1] >> 1 & 3;

  if (!check_protect (task))
    return;
  if (check > 1)
    scsi_invalid_field (task);
  else if (!check_range (task))
    return;
  else if (check == 0)
    scsi_good (task);
  else if (task->n_blocks > SCSI_MAX_WRITE_SAME)
    scsi_invalid_field (task);
  else if (map_all (task, task->n_blocks * SCSI_BLOCK, false))
    {
      task->buffer = g_malloc (MAX (MIN (task->n_blocks, BUFFER_BLOCKS), 1) * SCSI_BLOCK);
      task->step = 0;
      verify_next (task);
    }
}

/* --- UNMAP --- */

#define UNMAP_HEADER     8u
#define UNMAP_DESCRIPTOR 16u

static void
unmap_descriptor (const ScsiTask *task, unsigned i, uint64_t *lba, uint32_t *n_blocks)
{
  const uint8_t *descriptor = task->buffer + UNMAP_HEADER + UNMAP_DESCRIPTOR * i;

  *lba = load_be64 (descriptor);
  *n_blocks = load_be32 (descriptor + 8);
}

/* SBC-3, UNMAP: the additional sense code of what is wrong with the list, or 0. */
static uint8_t
judge_unmap (const ScsiTask *task)
{
  uint64_t lba, sum = 0;
  uint32_t n;

  if (task->n_steps > SCSI_MAX_UNMAP_LIST)
    return 0x26;
  for (unsigned i = 0; i < task->n_steps; i++)
    {
      unmap_descriptor (task, i, &lba, &n);
      if (!in_range (task->unit, lba, n))
        return 0x21;
      sum += n;
    }
  return sum > SCSI_MAX_UNMAP ? 0x26 : 0;
}

static void
unmap_next (ScsiTask *task, int error)
{
  while (error == 0 && task->step < task->n_steps)
    {
      uint64_t lba;
      uint32_t n;

      unmap_descriptor (task, task->step++, &lba, &n);
      if (n == 0)
        continue;
      task->n_iov = 0;
      scsi_submit (task, IMAGE_DISCARD, true, lba * SCSI_BLOCK, (uint64_t)n * SCSI_BLOCK, unmap_next);
      return;
    }
  written (task, error);
}

static void
unmap (ScsiTask *task)
{
  size_t size = load_be16 (task->cdb + 7), listed;
  uint8_t wrong;

  if (!check_writable (task))
    return;
  if (task->cdb[1] & 1) /* ANCHOR */
    {
      scsi_invalid_field (task);
      return;
    }
  if (size == 0)
    {
      scsi_good (task);
      return;
    }
  size = scsi_take_parameters (task, size, UNMAP_HEADER + (SCSI_MAX_UNMAP_LIST + 1) * UNMAP_DESCRIPTOR);
  if (task->buffer == NULL)
    return;
  if (size < UNMAP_HEADER)
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x1a, 0x00);
      return;
    }
  listed = load_be16 (task->buffer + 2);
  task->n_steps = MIN (listed, size - UNMAP_HEADER) / UNMAP_DESCRIPTOR;
  task->step = 0;
  wrong = judge_unmap (task);
  if (wrong != 0)
    scsi_check (task, SENSE_ILLEGAL_REQUEST, wrong, 0x00);
  else
    unmap_next (task, 0);
}

/* --- WRITE SAME --- */

static void
same_next (ScsiTask *task, int error)
{
  uint64_t n = MIN (task->n_blocks - task->step, BUFFER_BLOCKS);

  if (error < 0 || n == 0)
    {
      written (task, error);
      return;
    }
  scsi_use_buffer (task, n * SCSI_BLOCK);
  task->step += n;
  scsi_submit (task, IMAGE_WRITE, false, (task->lba + task->step - n) * SCSI_BLOCK, n * SCSI_BLOCK,
               same_next);
}

static void
write_pattern (ScsiTask *task, const uint8_t *block)
{
  size_t n = MIN (task->n_blocks, BUFFER_BLOCKS);

  task->buffer = g_malloc (n * SCSI_BLOCK);
  for (size_t i = 0; i < n; i++)
    memcpy (task->buffer + i * SCSI_BLOCK, block, SCSI_BLOCK);
  task->step = 0;
  same_next (task, 0);
}

static void
write_same (ScsiTask *task)
{
  uint8_t flags = task->cdb[1], block[SCSI_BLOCK] = { 0 };
  bool no_data = task->cdb[0] == 0x93 && (flags & 0x01), unmaps = flags & 0x08, is_zero = true;

  if (!check_protect (task) || !check_writable (task) || !check_range (task))
    return;
  if ((flags & 0x16) || task->n_blocks == 0 || task->n_blocks > SCSI_MAX_WRITE_SAME
      || (unmaps && task->unit->no_discard))
    {
      scsi_invalid_field (task); /* ANCHOR, PBDATA, LBDATA; nothing or too much to write */
      return;
    }
  if (!no_data)
    {
      if (!map_all (task, SCSI_BLOCK, false))
        return;
      iov_gather (task->iov, task->n_iov, 0, block, sizeof block);
      task->transferred = sizeof block;
      for (size_t i = 0; i < sizeof block; i++)
        is_zero = is_zero && block[i] == 0;
    }
  if (!is_zero)
    {
      write_pattern (task, block);
      return;
    }
  task->n_iov = 0;
  scsi_submit (task, IMAGE_WRITE_ZEROES, unmaps, task->lba * SCSI_BLOCK, task->n_blocks * SCSI_BLOCK,
               written);
}

/* --- the rest --- */

static void
start_stop (ScsiTask *task)
{
  if (task->cdb[4] & 1)
    scsi_good (task);
  else
    flush (task); /* it stays ready: nothing is spun down */
}

static void
pre_fetch (ScsiTask *task)
{
  if (check_range (task))
    scsi_good (task);
}

static void
maintenance_in (ScsiTask *task)
{
  scsi_report_opcodes (task);
}

/* --- the command set --- */

const ScsiCommand scsi_disk_commands[] = {
  { 0x00, 0, scsi_test_unit_ready },
  { 0x03, SCSI_IGNORES_ATTENTION, scsi_request_sense },
  { 0x08, 0, read_blocks },
  { 0x0a, 0, write_blocks },
  { 0x12, SCSI_IGNORES_ATTENTION, scsi_inquiry },
  { 0x15, 0, scsi_disk_mode_select },
  { 0x1a, 0, scsi_disk_mode_sense },
  { 0x1b, 0, start_stop },
  { 0x25, 0, scsi_disk_capacity_10 },
  { 0x28, 0, read_blocks },
  { 0x2a, 0, write_blocks },
  { 0x2e, 0, write_and_verify },
  { 0x2f, 0, verify },
  { 0x34, 0, pre_fetch },
  { 0x35, 0, synchronize_cache },
  { 0x41, 0, write_same },
  { 0x42, 0, unmap },
  { 0x55, 0, scsi_disk_mode_select },
  { 0x5a, 0, scsi_disk_mode_sense },
  { 0x88, 0, read_blocks },
  { 0x8a, 0, write_blocks },
  { 0x8e, 0, write_and_verify },
  { 0x8f, 0, verify },
  { 0x90, 0, pre_fetch },
  { 0x91, 0, synchronize_cache },
  { 0x93, 0, write_same },
  { 0x9e, 0, scsi_disk_service_in },
  { 0xa0, SCSI_IGNORES_ATTENTION, scsi_report_luns },
  { 0xa3, 0, maintenance_in },
  { 0xa8, 0, read_blocks },
  { 0xaa, 0, write_blocks },
  { 0xae, 0, write_and_verify },
  { 0xaf, 0, verify },
};
const unsigned scsi_n_disk_commands = G_N_ELEMENTS (scsi_disk_commands);
