/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"

#include "vmm/base/bytes.h"

/* What a CD-ROM drive tells of itself and of its disc (MMC-6). */

#define LEAD_OUT   0xaa
#define DATA_TRACK 0x14 /* ADR 1, CONTROL 4 */

static uint16_t
allocation (const ScsiTask *task)
{
  return load_be16 (task->cdb + 7);
}

static bool
is_dvd (const ScsiUnit *unit)
{
  return scsi_cd_blocks (unit) > CD_MAX_BLOCKS;
}

/* --- mode pages --- */

/* Read error recovery. */
static size_t
store_recovery_page (uint8_t *p)
{
  static const uint8_t page[8] = { 0x01, 0x06, 0x00, 0x05 };

  memcpy (p, page, sizeof page);
  return sizeof page;
}

/* MMC-3: capabilities and mechanical status. */
static size_t
store_capabilities_page (uint8_t *p, const ScsiUnit *unit)
{
  uint8_t page[20] = { 0x2a, sizeof page - 2 };

  page[2] = 0x0b;                             /* reads CD-R, CD-RW, DVD-ROM */
  page[4] = 0x70;                             /* mode 2 forms 1 and 2, multisession */
  page[6] = 0x29 | (unit->locked ? 0x02 : 0); /* tray, eject, lock */
  store_be16 (page + 8, 5540);                /* kB/s */
  store_be16 (page + 12, 512);                /* KiB of buffer */
  store_be16 (page + 14, 5540);
  memcpy (p, page, sizeof page);
  return sizeof page;
}

void
scsi_cd_mode_sense (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  bool is_6 = task->cdb[0] == 0x1a;
  uint8_t page = task->cdb[2] & 0x3f, control = task->cdb[2] >> 6;
  uint8_t medium = unit->tray_open ? 0x71 : unit->image != NULL ? 0x01 : 0x70;
  uint8_t data[8 + 8 + 20] = { 0 };
  size_t header = is_6 ? 4 : 8, size = header;

  if (control == 3)
    {
      scsi_check (task, SENSE_ILLEGAL_REQUEST, 0x39, 0x00); /* nothing is saved */
      return;
    }
  if (page == 0x01 || page == 0x3f)
    size += store_recovery_page (data + size);
  if (page == 0x2a || page == 0x3f)
    size += store_capabilities_page (data + size, unit);
  if (size == header)
    {
      scsi_invalid_field (task);
      return;
    }
  if (control == 1) /* what can be changed: nothing */
    for (size_t at = header; at < size; at += 2 + data[at + 1])
      memset (data + at + 2, 0, data[at + 1]);
  if (is_6)
    {
      data[0] = size - 1;
      data[1] = medium;
      scsi_reply (task, data, size, task->cdb[4]);
      return;
    }
  store_be16 (data, size - 2);
  data[2] = medium;
  scsi_reply (task, data, size, allocation (task));
}

/* --- table of contents --- */

/* Four bytes: a logical block, or minutes, seconds and frames with the lead-in's 150 frames. */
static void
store_address (uint8_t *p, uint32_t lba, bool msf)
{
  uint32_t frames = lba + 150;

  if (!msf)
    {
      store_be32 (p, lba);
      return;
    }
  p[0] = 0;
  p[1] = MIN (frames / 75 / 60, 255);
  p[2] = frames / 75 % 60;
  p[3] = frames % 75;
}

static size_t
store_tracks (uint8_t *data, uint8_t first, uint32_t n_blocks, bool msf)
{
  size_t size = 4;

  data[2] = data[3] = 1;
  if (first <= 1)
    {
      data[size + 1] = DATA_TRACK;
      data[size + 2] = 1;
      store_address (data + size + 4, 0, msf);
      size += 8;
    }
  data[size + 1] = DATA_TRACK;
  data[size + 2] = LEAD_OUT;
  store_address (data + size + 4, n_blocks, msf);
  return size + 8;
}

static size_t
store_session (uint8_t *data, bool msf)
{
  data[2] = data[3] = 1;
  data[5] = DATA_TRACK;
  data[6] = 1;
  store_address (data + 8, 0, msf);
  return 12;
}

/* Format 2: as the lead-in has it. Points A0 and A1 name the first and last track, A2 the lead-out. */
static size_t
store_full_toc (uint8_t *data, uint32_t n_blocks)
{
  static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 0x01 };
  size_t size = 4;

  data[2] = data[3] = 1;
  for (unsigned i = 0; i < G_N_ELEMENTS (points); i++, size += 11)
    {
      data[size] = 1;
      data[size + 1] = DATA_TRACK;
      data[size + 3] = points[i];
      if (points[i] == 0xa2)
        store_address (data + size + 7, n_blocks, true);
      else if (points[i] == 0x01)
        store_address (data + size + 7, 0, true);
      else
        data[size + 8] = 1;
    }
  return size;
}

/* READ TOC/PMA/ATIP. */
void
scsi_cd_read_toc (ScsiTask *task)
{
  bool msf = task->cdb[1] & 2;
  uint8_t format = task->cdb[2] & 0xf, first = task->cdb[6];
  uint32_t n_blocks = scsi_cd_blocks (task->unit);
  uint8_t data[64] = { 0 };
  size_t size;

  if (format == 0)
    format = task->cdb[9] >> 6; /* where old hosts put it */
  if (format == 0 && (first <= 1 || first == LEAD_OUT))
    size = store_tracks (data, first, n_blocks, msf);
  else if (format == 1)
    size = store_session (data, msf);
  else if (format == 2)
    size = store_full_toc (data, n_blocks);
  else
    {
      scsi_invalid_field (task);
      return;
    }
  store_be16 (data, size - 2);
  scsi_reply (task, data, size, allocation (task));
}

/* --- features --- */

typedef struct {
  uint16_t code;
  uint8_t flags;   /* version and persistent bit */
  uint8_t current; /* when: 0 never said, 1 always, 2 with a CD, 3 with a DVD, 4 with either */
  uint8_t size;
  uint8_t data[8];
} Feature;

/* MMC-6, feature descriptors. */
static const Feature features[] = {
  { 0x0000, 0x02, 1, 8, { 0x00, 0x10, 0, 0, 0x00, 0x08, 0, 0 } }, /* profiles: DVD-ROM, CD-ROM */
  { 0x0001, 0x0a, 1, 8, { 0, 0, 0, 7, 1, 0, 0, 0 } },             /* core: Serial ATAPI */
  { 0x0003, 0x02, 1, 4, { 0x29 } },                               /* removable: tray, eject, lock */
  { 0x0010, 0x00, 4, 8, { 0, 0, 0x08, 0, 0, 1, 1, 0 } },          /* random readable, blocks of 2048 */
  { 0x001e, 0x08, 2, 4, { 0 } },                                  /* CD read */
  { 0x001f, 0x00, 3, 4, { 0 } },                                  /* DVD read */
};

static bool
is_current (const Feature *feature, const ScsiUnit *unit)
{
  bool disc = scsi_medium (unit) != NULL;

  switch (feature->current)
    {
    case 1:
      return true;
    case 2:
      return disc && !is_dvd (unit);
    case 3:
      return disc && is_dvd (unit);
    default:
      return disc;
    }
}

/* GET CONFIGURATION. */
void
scsi_cd_get_configuration (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  uint8_t which = task->cdb[1] & 3, data[128] = { 0 };
  uint16_t first = load_be16 (task->cdb + 2);
  uint16_t profile = scsi_medium (unit) == NULL ? 0 : is_dvd (unit) ? 0x10 : 0x08;
  size_t size = 8;

  if (which == 3)
    {
      scsi_invalid_field (task);
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (features); i++)
    {
      const Feature *feature = &features[i];
      bool current = is_current (feature, unit);

      if (which == 2 ? feature->code != first : feature->code < first || (which == 1 && !current))
        continue;
      store_be16 (data + size, feature->code);
      data[size + 2] = feature->flags | (current ? 1 : 0);
      data[size + 3] = feature->size;
      memcpy (data + size + 4, feature->data, feature->size);
      if (feature->code == 1 && !unit->atapi)
        data[size + 4 + 3] = 1; /* the SCSI family */
      if (feature->code == 0)
        {
          data[size + 4 + 2] = profile == 0x10;
          data[size + 8 + 2] = profile == 0x08;
        }
      size += 4 + feature->size;
    }
  store_be32 (data, size - 4);
  store_be16 (data + 6, profile);
  scsi_reply (task, data, size, allocation (task));
}

/* --- events and status --- */

/* Polled only; the media class is the one there is. */
void
scsi_cd_get_event_status (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  uint8_t data[8] = { 0, 2, 0x80, 0x10 };
  size_t size = 4;

  if (!(task->cdb[1] & 1))
    {
      scsi_invalid_field (task);
      return;
    }
  if (task->cdb[4] & 0x10)
    {
      data[1] = 6;
      data[2] = 0x04;
      data[4] = unit->media_event;
      data[5] = (unit->tray_open ? 1 : 0) | (scsi_medium (unit) != NULL ? 2 : 0);
      size = 8;
      if (allocation (task) > 4) /* otherwise the host has not seen it */
        unit->media_event = 0;
    }
  scsi_reply (task, data, size, allocation (task));
}

/* One complete session that can't be added to. */
void
scsi_cd_read_disc_information (ScsiTask *task)
{
  uint8_t data[34] = { 0, 32, 0x0e, 1, 1, 1, 1, 0x20 };

  if ((task->cdb[1] & 7) != 0)
    {
      scsi_invalid_field (task);
      return;
    }
  scsi_reply (task, data, sizeof data, allocation (task));
}

/* READ DISC STRUCTURE, formats 0 (physical) and 1 (copyright). */
void
scsi_cd_read_disc_structure (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  uint8_t format = task->cdb[7], data[4 + CD_BLOCK] = { 0 };
  size_t size = format == 0 ? sizeof data : 8;

  if (!is_dvd (unit))
    {
      scsi_check (task, 0x05, 0x30, 0x02); /* incompatible medium */
      return;
    }
  if (task->cdb[6] != 0 || format > 1 || (task->cdb[1] & 0xf) != 0)
    {
      scsi_invalid_field (task);
      return;
    }
  store_be16 (data, size - 2);
  if (format == 0)
    {
      data[4] = 0x01;                  /* DVD-ROM, version 1 */
      data[5] = 0x0f;                  /* 120 mm, no maximum rate */
      data[6] = 0x01;                  /* one layer, embossed */
      store_be32 (data + 8, 0x030000); /* where the data begins */
      store_be32 (data + 12, 0x030000 + scsi_cd_blocks (unit) - 1);
    }
  scsi_reply (task, data, size, load_be16 (task->cdb + 8));
}

void
scsi_cd_mechanism_status (ScsiTask *task)
{
  uint8_t data[8] = { 0, task->unit->tray_open ? 0x10 : 0 };

  scsi_reply (task, data, sizeof data, load_be16 (task->cdb + 8));
}
