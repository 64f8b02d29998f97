/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"

#include "vmm/base/bytes.h"

/* What a disk tells of itself: capacity, mode pages, vital product data (SBC-3, SPC-4). */

/* Power of two: logical blocks per block that the host likes. */
static unsigned
physical_exponent (const ScsiUnit *unit)
{
  return (unsigned)g_bit_nth_lsf (image_block_size (unit->image) / SCSI_BLOCK, -1);
}

/* --- capacity --- */

void
scsi_disk_capacity_10 (ScsiTask *task)
{
  uint64_t last = scsi_disk_blocks (task->unit) - 1;
  uint8_t data[8];

  store_be32 (data, MIN (last, UINT32_MAX));
  store_be32 (data + 4, SCSI_BLOCK);
  scsi_reply (task, data, sizeof data, sizeof data);
}

/* SERVICE ACTION IN (16): READ CAPACITY (16). */
void
scsi_disk_service_in (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  uint8_t data[32] = { 0 };

  if ((task->cdb[1] & 0x1f) != 0x10)
    {
      scsi_invalid_field (task);
      return;
    }
  store_be64 (data, scsi_disk_blocks (unit) - 1);
  store_be32 (data + 8, SCSI_BLOCK);
  data[13] = physical_exponent (unit);
  data[14] = unit->no_discard || unit->read_only ? 0 : 0x80; /* LBPME; LBPRZ is not promised */
  scsi_reply (task, data, sizeof data, load_be32 (task->cdb + 10));
}

/* --- mode pages --- */

#define PAGE_CACHING 0x08
#define PAGE_CONTROL 0x0a
#define WCE          0x04 /* byte 2 of the caching page */
#define D_SENSE      0x04 /* byte 2 of the control page */
#define MAX_PAGES    (12u + 20 + 12)

static size_t
store_recovery_page (const ScsiUnit *unit, uint8_t *p)
{
  static const uint8_t page[12] = { 0x01, sizeof page - 2 };

  memcpy (p, page, sizeof page);
  return sizeof page;
}

static size_t
store_caching_page (const ScsiUnit *unit, uint8_t *p)
{
  uint8_t page[20] = { PAGE_CACHING, sizeof page - 2, unit->write_cache ? WCE : 0 };

  memcpy (p, page, sizeof page);
  return sizeof page;
}

static size_t
store_control_page (const ScsiUnit *unit, uint8_t *p)
{
  uint8_t page[12] = { PAGE_CONTROL, sizeof page - 2, unit->descriptor_sense ? D_SENSE : 0, 0x10 };

  memcpy (p, page, sizeof page);
  return sizeof page;
}

typedef struct {
  uint8_t code;
  size_t (*store) (const ScsiUnit *unit, uint8_t *p);
  uint8_t changeable; /* bits of byte 2 */
} ModePage;

static const ModePage mode_pages[] = {
  { 0x01, store_recovery_page, 0 },
  { PAGE_CACHING, store_caching_page, WCE },
  { PAGE_CONTROL, store_control_page, D_SENSE },
};

/* @control: 0 current, 1 changeable, 2 default values. */
static size_t
store_mode_page (const ScsiUnit *unit, const ModePage *page, unsigned control, uint8_t *p)
{
  size_t size = page->store (unit, p);

  if (control == 1)
    {
      memset (p + 2, 0, size - 2);
      p[2] = page->changeable;
    }
  else if (control == 2)
    p[2] = page->code == PAGE_CACHING && !unit->write_through ? WCE : 0;
  return size;
}

static size_t
store_block_descriptor (const ScsiUnit *unit, bool is_long, uint8_t *p)
{
  uint64_t n = scsi_disk_blocks (unit);

  if (is_long)
    {
      store_be64 (p, n);
      store_be32 (p + 12, SCSI_BLOCK);
      return 16;
    }
  store_be32 (p, MIN (n, UINT32_MAX));
  store_be32 (p + 4, SCSI_BLOCK);
  return 8;
}

void
scsi_disk_mode_sense (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  const uint8_t *cdb = task->cdb;
  bool is_6 = cdb[0] == 0x1a, is_long = !is_6 && (cdb[1] & 0x10), bare = cdb[1] & 0x08;
  uint8_t wanted = cdb[2] & 0x3f, control = cdb[2] >> 6, data[8 + 16 + MAX_PAGES] = { 0 };
  uint8_t settings = (unit->read_only ? 0x80 : 0) | 0x10; /* write protected; DPO and FUA are known */
  size_t header = is_6 ? 4 : 8, size = header, before;

  if (control == 3)
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x39, 0x00); /* nothing is saved */
      return;
    }
  if (!bare)
    size += store_block_descriptor (unit, is_long, data + size);
  before = size;
  for (unsigned i = 0; i < G_N_ELEMENTS (mode_pages); i++)
    if ((wanted == 0x3f && (cdb[3] == 0 || cdb[3] == 0xff)) || (wanted == mode_pages[i].code && cdb[3] == 0))
      size += store_mode_page (unit, &mode_pages[i], control, data + size);
  if (size == before)
    {
      scsi_invalid_field (task);
      return;
    }
  if (is_6)
    {
      data[0] = size - 1;
      data[2] = settings;
      data[3] = before - header;
      scsi_reply (task, data, size, cdb[4]);
      return;
    }
  store_be16 (data, size - 2);
  data[3] = settings;
  data[4] = is_long;
  store_be16 (data + 6, before - header);
  scsi_reply (task, data, size, load_be16 (cdb + 7));
}

/* --- MODE SELECT --- */

static void
select_done (ScsiTask *task, int error)
{
  if (error < 0)
    scsi_failed (task, error, true);
  else
    scsi_good (task);
}

/* Judges one page of a parameter list: only what is said to be changeable may differ from what is. */
static bool
page_is_fine (const ScsiUnit *unit, const ModePage *page, const uint8_t *p, size_t room)
{
  uint8_t current[20];
  size_t size = page->store (unit, current);

  if (size > room || p[1] != size - 2)
    return false;
  if ((p[2] ^ current[2]) & ~page->changeable)
    return false;
  return memcmp (p + 3, current + 3, size - 3) == 0;
}

static const ModePage *
find_page (uint8_t code)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (mode_pages); i++)
    if (mode_pages[i].code == code)
      return &mode_pages[i];
  return NULL;
}

static bool
take_pages (ScsiUnit *unit, const uint8_t *p, size_t size, bool apply)
{
  for (size_t at = 0; at < size; at += 2u + p[at + 1])
    {
      const ModePage *page = find_page (p[at] & 0x7f); /* PS is reserved here */

      if (size - at < 3 || page == NULL || !page_is_fine (unit, page, p + at, size - at))
        return false;
      if (apply && page->code == PAGE_CACHING)
        unit->write_cache = p[at + 2] & WCE;
      if (apply && page->code == PAGE_CONTROL)
        unit->descriptor_sense = p[at + 2] & D_SENSE;
    }
  return true;
}

/* Where the pages begin, or 0 if there is something that no disk of ours can become: with another block size.
 */
static size_t
skip_block_descriptor (const uint8_t *list, size_t size, bool is_6)
{
  size_t header = is_6 ? 4 : 8, length = is_6 ? list[3] : load_be16 (list + 6);
  bool is_long = !is_6 && (list[4] & 1);

  if (length == 0)
    return header;
  if (length != (is_long ? 16u : 8u) || size < header + length)
    return 0;
  return (load_be32 (list + header + length - 4) & (is_long ? UINT32_MAX : 0xffffff)) == SCSI_BLOCK
           ? header + length
           : 0;
}

void
scsi_disk_mode_select (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  bool is_6 = task->cdb[0] == 0x15;
  size_t wanted = is_6 ? task->cdb[4] : load_be16 (task->cdb + 7), header = is_6 ? 4 : 8, size, skip;

  if ((task->cdb[1] & 0x11) != 0x10) /* PF, and nothing is saved */
    {
      scsi_invalid_field (task);
      return;
    }
  size = scsi_take_parameters (task, wanted, 256);
  if (task->buffer == NULL)
    return;
  if (size == 0)
    {
      scsi_good (task);
      return;
    }
  if (size < header || size < header + (is_6 ? task->buffer[3] : load_be16 (task->buffer + 6)))
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x1a, 0x00); /* parameter list length error */
      return;
    }
  skip = skip_block_descriptor (task->buffer, size, is_6);
  if (skip == 0 || !take_pages (unit, task->buffer + skip, size - skip, false))
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x26, 0x00); /* invalid field in parameter list */
      return;
    }
  take_pages (unit, task->buffer + skip, size - skip, true);
  task->n_iov = 0;
  if (!unit->write_cache && !unit->write_through) /* also if it is tried again for want of room */
    scsi_submit (task, IMAGE_FLUSH, false, 0, 0, select_done);
  else
    scsi_good (task);
}

/* --- vital product data --- */

/* Page B0h: block limits. */
static size_t
store_limits (const ScsiUnit *unit, uint8_t *p)
{
  uint32_t granule = image_block_size (unit->image) / SCSI_BLOCK;

  p[0] = 1; /* WSNZ: WRITE SAME of nothing is refused */
  store_be16 (p + 2, granule);
  if (!unit->no_discard && !unit->read_only)
    {
      store_be32 (p + 16, SCSI_MAX_UNMAP);
      store_be32 (p + 20, SCSI_MAX_UNMAP_LIST);
      store_be32 (p + 24, granule);
      store_be32 (p + 28, 0x80000000u); /* aligned at block 0 */
    }
  store_be64 (p + 32, SCSI_MAX_WRITE_SAME);
  return 60;
}

/* Page B1h: it does not rotate. */
static size_t
store_characteristics (uint8_t *p)
{
  store_be16 (p, 1);
  return 60;
}

/* Page B2h: UNMAP, WRITE SAME (16) and (10) give space back; thin. */
static size_t
store_provisioning (const ScsiUnit *unit, uint8_t *p)
{
  bool thin = !unit->no_discard && !unit->read_only;

  p[1] = thin ? 0xe0 : 0;
  p[2] = thin ? 2 : 0;
  return 4;
}

size_t
scsi_disk_vpd (ScsiUnit *unit, uint8_t page, uint8_t *data)
{
  memset (data, 0, 60);
  switch (page)
    {
    case 0xb0:
      return store_limits (unit, data);
    case 0xb1:
      return store_characteristics (data);
    case 0xb2:
      return store_provisioning (unit, data);
    default:
      return 0;
    }
}
