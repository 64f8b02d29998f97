/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/checksums.h"

#include "vmm/base/bytes.h"

/* Virtual Hard Disk Image Format Specification, "Hard Disk Footer Format" and "Dynamic Disk Header Format".
 */
#define VHD_FOOTER_SIZE   512u
#define VHD_FOOTER_SUM    64u
#define VHD_FOOTER_HEADER 16u
#define VHD_HEADER_SIZE   1024u
#define VHD_HEADER_SUM    36u

/* [MS-VHDX] 2.2 and 2.3. */
#define VHDX_HEADER_1   65536u
#define VHDX_HEADER_2   131072u
#define VHDX_REGION_1   196608u
#define VHDX_REGION_2   262144u
#define VHDX_HEADER     4096u
#define VHDX_REGION     65536u
#define VHDX_SUM        4u
#define VHDX_LOG_LENGTH 68u
#define VHDX_LOG_OFFSET 72u
#define VHDX_LOG_SECTOR 4096u
#define VHDX_LOG_ENTRY  8u /* EntryLength */
#define VHDX_LOG_MOST   (1u << 20)

/* --- VHD --- */

static bool
mend_vhd_at (Medium *medium, uint64_t offset, size_t size, size_t at)
{
  uint8_t data[VHD_HEADER_SIZE], old[4];
  uint32_t sum = 0;

  medium_read (medium, offset, data, size);
  memcpy (old, data + at, 4);
  memset (data + at, 0, 4);
  for (size_t i = 0; i < size; i++)
    sum += data[i];
  store_be32 (data + at, ~sum);
  medium_write (medium, offset, data, size);
  return memcmp (old, data + at, 4) != 0;
}

static bool
mend_vhd (Medium *medium)
{
  uint64_t size = medium_size (medium), header;
  uint8_t footer[VHD_FOOTER_SIZE];
  bool mended = false;

  if (size < VHD_FOOTER_SIZE)
    return false;
  medium_read (medium, size - VHD_FOOTER_SIZE, footer, sizeof footer);
  mended |= mend_vhd_at (medium, size - VHD_FOOTER_SIZE, VHD_FOOTER_SIZE, VHD_FOOTER_SUM);
  header = load_be64 (footer + VHD_FOOTER_HEADER);
  if (size >= 2 * VHD_FOOTER_SIZE && header != UINT64_MAX)
    mended |= mend_vhd_at (medium, 0, VHD_FOOTER_SIZE, VHD_FOOTER_SUM);
  if (size >= VHD_HEADER_SIZE && header >= VHD_FOOTER_SIZE && header <= size - VHD_HEADER_SIZE)
    mended |= mend_vhd_at (medium, header, VHD_HEADER_SIZE, VHD_HEADER_SUM);
  return mended;
}

/* --- VHDX --- */

/* CRC-32C, polynomial 0x1edc6f41 reflected. */
static uint32_t
crc32c (const uint8_t *data, size_t size)
{
  uint32_t table[256], crc = ~0u;

  for (uint32_t i = 0; i < 256; i++)
    {
      table[i] = i;
      for (unsigned bit = 0; bit < 8; bit++)
        table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0x82f63b78u : 0);
    }
  for (size_t i = 0; i < size; i++)
    crc = crc >> 8 ^ table[(crc ^ data[i]) & 0xff];
  return ~crc;
}

static bool
mend_vhdx_at (Medium *medium, uint64_t offset, size_t size)
{
  g_autofree uint8_t *data = g_malloc (size);
  uint32_t old;

  if (offset >= medium_size (medium))
    return false;
  medium_read (medium, offset, data, size);
  old = load_le32 (data + VHDX_SUM);
  store_le32 (data + VHDX_SUM, 0);
  store_le32 (data + VHDX_SUM, crc32c (data, size));
  medium_write (medium, offset + VHDX_SUM, data + VHDX_SUM, 4);
  return load_le32 (data + VHDX_SUM) != old;
}

/* Entries of the log: wherever one's signature stands. */
static bool
mend_vhdx_log (Medium *medium)
{
  uint8_t header[VHDX_HEADER], entry[16];
  uint64_t start, length;
  bool mended = false;

  medium_read (medium, VHDX_HEADER_1, header, sizeof header);
  start = load_le64 (header + VHDX_LOG_OFFSET);
  length = MIN (load_le32 (header + VHDX_LOG_LENGTH), VHDX_LOG_MOST);
  for (uint64_t at = 0; start < medium_size (medium) && at < length; at += VHDX_LOG_SECTOR)
    {
      uint32_t size;

      medium_read (medium, start + at, entry, sizeof entry);
      size = load_le32 (entry + VHDX_LOG_ENTRY);
      if (memcmp (entry, "loge", 4) == 0 && size >= VHDX_LOG_SECTOR && size <= length - at)
        mended |= mend_vhdx_at (medium, start + at, size);
    }
  return mended;
}

static bool
mend_vhdx (Medium *medium)
{
  bool mended = false;

  mended |= mend_vhdx_at (medium, VHDX_HEADER_1, VHDX_HEADER);
  mended |= mend_vhdx_at (medium, VHDX_HEADER_2, VHDX_HEADER);
  mended |= mend_vhdx_at (medium, VHDX_REGION_1, VHDX_REGION);
  mended |= mend_vhdx_at (medium, VHDX_REGION_2, VHDX_REGION);
  mended |= mend_vhdx_log (medium);
  return mended;
}

bool
checksums_mend (Medium *medium, const char *format)
{
  if (g_str_equal (format, "vhd"))
    return mend_vhd (medium);
  if (g_str_equal (format, "vhdx"))
    return mend_vhdx (medium);
  return false;
}
