/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/scsi-private.h"

#include "vmm/base/bytes.h"

/* What every unit tells of itself (SPC-4): INQUIRY with vital product data, REPORT LUNS. */

#define INQUIRY_SIZE 36u
#define VENDOR       "Bonsai"

void
scsi_store_text (uint8_t *p, size_t size, const char *text)
{
  size_t length = strlen (text);

  for (size_t i = 0; i < size; i++)
    p[i] = i < length ? text[i] : ' ';
}

void
scsi_test_unit_ready (ScsiTask *task)
{
  scsi_good (task);
}

static const char *
product (const ScsiUnit *unit)
{
  return unit->kind == SCSI_CDROM ? "CD-ROM" : "Disk";
}

static uint8_t
peripheral_type (const ScsiUnit *unit)
{
  return unit->kind == SCSI_CDROM ? 0x05 : 0x00;
}

/* Page 83h: the unit by vendor and serial number (SPC-4, T10 vendor ID based designator). */
static size_t
store_identification (const ScsiUnit *unit, uint8_t *p)
{
  size_t length = strlen (unit->serial);

  p[0] = 0x02; /* ASCII */
  p[1] = 0x01;
  p[3] = 8 + length;
  scsi_store_text (p + 4, 8, VENDOR);
  memcpy (p + 12, unit->serial, length);
  return 12 + length;
}

static size_t
store_serial (const ScsiUnit *unit, uint8_t *p)
{
  size_t length = strlen (unit->serial);

  memcpy (p, unit->serial, length);
  return length;
}

static size_t
store_page_list (ScsiUnit *unit, uint8_t *p)
{
  static const uint8_t pages[] = { 0x00, 0x80, 0x83, 0xb0, 0xb1, 0xb2 };
  uint8_t scratch[64];
  size_t n = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    if (pages[i] < 0xb0 || (unit->kind == SCSI_DISK && scsi_disk_vpd (unit, pages[i], scratch) > 0))
      p[n++] = pages[i];
  return n;
}

static void
vital_product_data (ScsiTask *task)
{
  ScsiUnit *unit = task->unit;
  uint8_t page = task->cdb[2], data[4 + 64] = { peripheral_type (unit), page };
  size_t size = 0;

  switch (page)
    {
    case 0x00:
      size = store_page_list (unit, data + 4);
      break;
    case 0x80:
      size = store_serial (unit, data + 4);
      break;
    case 0x83:
      size = store_identification (unit, data + 4);
      break;
    default:
      if (unit->kind == SCSI_DISK)
        size = scsi_disk_vpd (unit, page, data + 4);
      if (size == 0)
        {
          scsi_invalid_field (task);
          return;
        }
    }
  store_be16 (data + 2, size);
  scsi_reply (task, data, 4 + size, load_be16 (task->cdb + 3));
}

void
scsi_inquiry (ScsiTask *task)
{
  const ScsiUnit *unit = task->unit;
  uint8_t data[INQUIRY_SIZE] = { peripheral_type (unit) };
  bool vital = task->cdb[1] & 1;

  if ((vital && unit->atapi) || (!vital && task->cdb[2] != 0))
    {
      scsi_invalid_field (task);
      return;
    }
  if (vital)
    {
      vital_product_data (task);
      return;
    }
  data[1] = unit->kind == SCSI_CDROM ? 0x80 : 0x00; /* removable */
  data[2] = unit->atapi ? 0x00 : 0x06;              /* SPC-4; packet devices say nothing */
  data[3] = unit->atapi ? 0x32 : 0x12;              /* response format 2, hierarchical LUNs */
  data[4] = INQUIRY_SIZE - 5;
  data[7] = unit->atapi ? 0x00 : 0x02; /* command queueing */
  scsi_store_text (data + 8, 8, VENDOR);
  scsi_store_text (data + 16, 16, product (unit));
  scsi_store_text (data + 32, 4, "1.0");
  scsi_reply (task, data, sizeof data, load_be16 (task->cdb + 3));
}

/* There is one unit behind each target. */
void
scsi_report_luns (ScsiTask *task)
{
  uint8_t data[16] = { 0, 0, 0, 8 };

  if (task->cdb[2] > 2)
    scsi_invalid_field (task);
  else if (task->cdb[2] == 1) /* well known units: none */
    {
      data[3] = 0;
      scsi_reply (task, data, 8, load_be32 (task->cdb + 6));
    }
  else
    scsi_reply (task, data, sizeof data, load_be32 (task->cdb + 6));
}
