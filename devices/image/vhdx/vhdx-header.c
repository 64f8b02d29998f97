/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhdx/crc32c.h"
#include "devices/image/vhdx/vhdx-private.h"

#include "vmm/base/error.h"

#include <string.h>

/* 2.2.2, 2.2.3: places of the two headers and the two region tables. */
static const uint64_t headers_at[2] = { 64 << 10, 128 << 10 };
static const uint64_t tables_at[2] = { 192 << 10, 256 << 10 };

enum {
  HEADER_SEQUENCE = 8,
  HEADER_LOG_VERSION = 64,
  HEADER_VERSION = 66,
  REGION_COUNT = 8,
  REGION_ENTRIES = 16,
  REGION_ENTRY_SIZE = 32,
  REGION_OFFSET = 16, /* in an entry */
  REGION_LENGTH = 24,
  REGION_FLAGS = 28,
  MAX_REGIONS = 2047,
};

static const uint8_t bat_guid[16] = {
  0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08,
};
static const uint8_t metadata_guid[16] = {
  0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b, 0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e,
};

/* The checksum is at 4, and counts as zero. */
static bool
is_intact (const uint8_t *data, size_t size, const char *signature)
{
  static const uint8_t zero[4];
  uint32_t crc = crc32c (0, data, 4);

  crc = crc32c (crc, zero, 4);
  crc = crc32c (crc, data + 8, size - 8);
  return memcmp (data, signature, 4) == 0 && load_le32 (data + 4) == crc;
}

bool
vhdx_read_headers (ImageLayer *layer, GError **error)
{
  Vhdx *vhdx = layer->state;
  bool found = false;

  for (unsigned i = 0; i < 2; i++)
    {
      uint8_t header[VHDX_HEADER_SIZE];
      int result = store_read (layer->store, headers_at[i], header, sizeof header);

      if (result < 0)
        return vmm_set_errno_error (error, -result, "Can't read VHDX image “%s”", layer->store->path);
      if (!is_intact (header, sizeof header, "head"))
        continue;
      if (!found || load_le64 (header + HEADER_SEQUENCE) > load_le64 (vhdx->header + HEADER_SEQUENCE))
        memcpy (vhdx->header, header, sizeof header);
      found = true;
    }
  if (!found)
    return vhdx_refuse (layer, error, "the signature or checksum of both headers is wrong");
  if (load_le16 (vhdx->header + HEADER_VERSION) != 1)
    return vhdx_refuse (layer, error, "its header's version is %u; only 1 is known",
                        load_le16 (vhdx->header + HEADER_VERSION));
  if (load_le16 (vhdx->header + HEADER_LOG_VERSION) != 0)
    return vhdx_refuse (layer, error, "its log's version is %u; only 0 is known",
                        load_le16 (vhdx->header + HEADER_LOG_VERSION));
  return true;
}

static bool
take_region (ImageLayer *layer, const uint8_t *entry, GError **error)
{
  Vhdx *vhdx = layer->state;
  VhdxRange region = { load_le64 (entry + REGION_OFFSET), load_le32 (entry + REGION_LENGTH) };
  bool is_bat = memcmp (entry, bat_guid, 16) == 0, is_metadata = memcmp (entry, metadata_guid, 16) == 0;

  if (!is_bat && !is_metadata)
    return (load_le32 (entry + REGION_FLAGS) & 1) == 0
           || vhdx_refuse (layer, error, "its region table requires an unknown region, 0x%08x…",
                           load_le32 (entry));
  if (region.offset < (1 << 20) || region.offset > INT64_MAX || region.offset % (1 << 20) != 0
      || region.length == 0)
    return vhdx_refuse (
      layer, error, "its region table puts a region at %" G_GUINT64_FORMAT ", of %" G_GUINT64_FORMAT " bytes",
      region.offset, region.length);
  *(is_bat ? &vhdx->bat_region : &vhdx->metadata_region) = region;
  return true;
}

bool
vhdx_read_regions (ImageLayer *layer, GError **error)
{
  Vhdx *vhdx = layer->state;
  g_autofree uint8_t *table = g_malloc (VHDX_TABLE_SIZE);
  bool found = false;
  uint32_t n;

  for (unsigned i = 0; i < 2 && !found; i++)
    {
      int result = vhdx_read (layer, tables_at[i], table, VHDX_TABLE_SIZE);

      if (result < 0)
        return vmm_set_errno_error (error, -result, "Can't read VHDX image “%s”", layer->store->path);
      found = is_intact (table, VHDX_TABLE_SIZE, "regi");
    }
  if (!found)
    return vhdx_refuse (layer, error, "the signature or checksum of both region tables is wrong");
  n = load_le32 (table + REGION_COUNT);
  if (n > MAX_REGIONS)
    return vhdx_refuse (layer, error, "its region table's entry count is %u; 2047 are allowed", n);
  for (uint32_t i = 0; i < n; i++)
    if (!take_region (layer, table + REGION_ENTRIES + i * REGION_ENTRY_SIZE, error))
      return false;
  if (vhdx->bat_region.length == 0 || vhdx->metadata_region.length == 0)
    return vhdx_refuse (layer, error, "its region table lacks the BAT or the metadata");
  return true;
}

void
vhdx_count_damage (ImageLayer *layer, unsigned *headers, unsigned *tables)
{
  g_autofree uint8_t *data = g_malloc (VHDX_TABLE_SIZE);

  *headers = *tables = 0;
  for (unsigned i = 0; i < 2; i++)
    {
      *headers += store_read (layer->store, headers_at[i], data, VHDX_HEADER_SIZE) < 0
                  || !is_intact (data, VHDX_HEADER_SIZE, "head");
      *tables += vhdx_read (layer, tables_at[i], data, VHDX_TABLE_SIZE) < 0
                 || !is_intact (data, VHDX_TABLE_SIZE, "regi");
    }
}
