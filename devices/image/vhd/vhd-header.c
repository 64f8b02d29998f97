/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include <string.h>

/* "Hard Disk Footer Format", Checksum: the one's complement of the sum of all bytes without the checksum. */
uint32_t
vhd_checksum (const uint8_t *data, size_t size, size_t checksum_at)
{
  uint32_t sum = 0;

  for (size_t i = 0; i < size; i++)
    if (i < checksum_at || i >= checksum_at + 4)
      sum += data[i];
  return ~sum;
}

bool
vhd_footer_is_valid (const uint8_t *footer)
{
  return memcmp (footer, "conectix", 8) == 0
         && load_be32 (footer + FOOTER_CHECKSUM) == vhd_checksum (footer, VHD_FOOTER_SIZE, FOOTER_CHECKSUM);
}

bool
vhd_header_is_valid (const uint8_t *header)
{
  return memcmp (header, "cxsparse", 8) == 0
         && load_be32 (header + HEADER_CHECKSUM) == vhd_checksum (header, VHD_HEADER_SIZE, HEADER_CHECKSUM);
}

void
vhd_seal_footer (uint8_t *footer)
{
  store_be32 (footer + FOOTER_CHECKSUM, vhd_checksum (footer, VHD_FOOTER_SIZE, FOOTER_CHECKSUM));
}

void
vhd_seal_header (uint8_t *header)
{
  store_be32 (header + HEADER_CHECKSUM, vhd_checksum (header, VHD_HEADER_SIZE, HEADER_CHECKSUM));
}

/* "Appendix: CHS Calculation". */
VhdGeometry
vhd_geometry (uint64_t size)
{
  uint64_t total = MIN (size / VHD_SECTOR, UINT64_C (65535) * 16 * 255), tracks;
  unsigned sectors, heads;

  if (total >= UINT64_C (65535) * 16 * 63)
    {
      sectors = 255;
      heads = 16;
      tracks = total / sectors;
    }
  else
    {
      sectors = 17;
      tracks = total / sectors;
      heads = MAX ((tracks + 1023) / 1024, 4);
      if (tracks >= heads * 1024 || heads > 16)
        {
          sectors = 31;
          heads = 16;
          tracks = total / sectors;
        }
      if (tracks >= heads * 1024)
        {
          sectors = 63;
          heads = 16;
          tracks = total / sectors;
        }
    }
  return (VhdGeometry){ .cylinders = tracks / heads, .heads = heads, .sectors = sectors };
}

/*
 * The specification has two sizes: the geometry's and the current size. Virtual PC, Virtual Server and old
 * QEMU give a guest the geometry's; Hyper-V and whoever followed it the current size. The geometry can't say
 * more than 65535 × 16 × 255 sectors: at that the current size counts anyway.
 */
uint64_t
vhd_disk_size (const uint8_t *footer, bool *from_geometry)
{
  static const char by_geometry[][5] = { "vpc ", "vs  ", "qemu" };
  uint64_t current = load_be64 (footer + FOOTER_CURRENT_SIZE) / VHD_SECTOR * VHD_SECTOR;
  unsigned cylinders = load_be16 (footer + FOOTER_CYLINDERS), heads = footer[FOOTER_HEADS],
           sectors = footer[FOOTER_SECTORS];
  uint64_t geometry = (uint64_t)cylinders * heads * sectors * VHD_SECTOR;
  bool use_geometry = false;

  for (unsigned i = 0; i < G_N_ELEMENTS (by_geometry); i++)
    use_geometry |= memcmp (footer + FOOTER_CREATOR_APP, by_geometry[i], 4) == 0;
  if (geometry == 0 || (cylinders == 65535 && heads == 16 && sectors == 255))
    use_geometry = false;
  if (from_geometry != NULL)
    *from_geometry = use_geometry && geometry != current;
  return use_geometry ? geometry : current;
}

void
vhd_set_size (uint8_t *footer, uint64_t size)
{
  VhdGeometry geometry = vhd_geometry (size);

  /* Readers decide by the creator which size counts; "win " is known to all of them as the current size's. */
  memcpy (footer + FOOTER_CREATOR_APP, "win ", 4);
  store_be64 (footer + FOOTER_CURRENT_SIZE, size);
  store_be16 (footer + FOOTER_CYLINDERS, geometry.cylinders);
  footer[FOOTER_HEADS] = geometry.heads;
  footer[FOOTER_SECTORS] = geometry.sectors;
  vhd_seal_footer (footer);
}

void
vhd_new_uuid (uint8_t *uuid)
{
  for (unsigned i = 0; i < 16; i += 4)
    store_be32 (uuid + i, g_random_int ());
  uuid[6] = (uuid[6] & 0x0f) | 0x40; /* RFC 4122, 4.4: version 4 */
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

void
vhd_make_footer (uint8_t *footer, VhdType type, uint64_t size, uint64_t data_offset)
{
  memset (footer, 0, VHD_FOOTER_SIZE);
  memcpy (footer + FOOTER_COOKIE, "conectix", 8);
  store_be32 (footer + FOOTER_FEATURES, 2); /* reserved, always set */
  store_be32 (footer + FOOTER_VERSION, 0x00010000);
  store_be64 (footer + FOOTER_DATA_OFFSET, data_offset);
  store_be32 (footer + FOOTER_TIME, MAX (g_get_real_time () / G_USEC_PER_SEC - VHD_EPOCH, 0));
  store_be32 (footer + FOOTER_CREATOR_VERSION, 0x000a0000);
  memcpy (footer + FOOTER_CREATOR_OS, "Wi2k", 4);
  store_be64 (footer + FOOTER_ORIGINAL_SIZE, size);
  store_be32 (footer + FOOTER_TYPE, type);
  vhd_new_uuid (footer + FOOTER_UUID);
  vhd_set_size (footer, size);
}

void
vhd_make_header (uint8_t *header, uint64_t bat_offset, uint32_t max_entries, uint32_t block_size)
{
  memset (header, 0, VHD_HEADER_SIZE);
  memcpy (header + HEADER_COOKIE, "cxsparse", 8);
  store_be64 (header + HEADER_DATA_OFFSET, UINT64_MAX);
  store_be64 (header + HEADER_TABLE_OFFSET, bat_offset);
  store_be32 (header + HEADER_VERSION, 0x00010000);
  store_be32 (header + HEADER_MAX_ENTRIES, max_entries);
  store_be32 (header + HEADER_BLOCK_SIZE, block_size);
  vhd_seal_header (header);
}

char *
vhd_uuid_text (const uint8_t *uuid)
{
  return g_strdup_printf ("%08x-%04x-%04x-%04x-%04x%08x", load_be32 (uuid), load_be16 (uuid + 4),
                          load_be16 (uuid + 6), load_be16 (uuid + 8), load_be16 (uuid + 10),
                          load_be32 (uuid + 12));
}

const char *
vhd_type_name (VhdType type)
{
  return type == VHD_FIXED ? "fixed" : type == VHD_DYNAMIC ? "dynamic" : "differencing";
}
