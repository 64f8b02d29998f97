/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhdx/vhdx-private.h"
#include "devices/image/windows-path.h"

#include "vmm/base/error.h"

#include <string.h>

/* 2.6: a table of items. Places count from the region's start. */
enum {
  TABLE_COUNT = 10,
  TABLE_ENTRIES = 32,
  ENTRY_SIZE = 32,
  ENTRY_OFFSET = 16,
  ENTRY_LENGTH = 20,
  ENTRY_FLAGS = 24,
  FLAG_REQUIRED = 1 << 2,
  MAX_ENTRIES = 1023,

  FILE_LEAVE_ALLOCATED = 1 << 0,
  FILE_HAS_PARENT = 1 << 1,

  LOCATOR_COUNT = 18,
  LOCATOR_ENTRIES = 20,
  LOCATOR_ENTRY_SIZE = 12,
  MAX_LOCATOR = 1 << 20,
};

/* In the order of enum Item. */
static const uint8_t item_guids[][16] = {
  { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d, 0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b },
  { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 },
  { 0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45, 0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46 },
  { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47, 0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f },
  { 0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44, 0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56 },
  { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45, 0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c },
};

enum Item {
  ITEM_FILE_PARAMETERS,
  ITEM_DISK_SIZE,
  ITEM_DISK_ID,
  ITEM_SECTOR_SIZE,
  ITEM_PHYSICAL_SECTOR_SIZE,
  ITEM_PARENT_LOCATOR,
  N_ITEMS,
};

static const struct {
  const char *name;
  uint32_t size; /* at least */
} items[N_ITEMS] = {
  { "file parameters", 8 },     { "virtual disk size", 8 },    { "virtual disk id", 16 },
  { "logical sector size", 4 }, { "physical sector size", 4 }, { "parent locator", LOCATOR_ENTRIES },
};

static bool
read_failed (ImageLayer *layer, int result, GError **error)
{
  return vmm_set_errno_error (error, -result, "Can't read the metadata of VHDX image “%s”",
                              layer->store->path);
}

/* Finds the items' places. One that is required and unknown must not be ignored. */
static bool
find_items (ImageLayer *layer, const uint8_t *table, VhdxRange *places, GError **error)
{
  Vhdx *vhdx = layer->state;
  unsigned n = load_le16 (table + TABLE_COUNT);

  if (memcmp (table, "metadata", 8) != 0)
    return vhdx_refuse (layer, error, "its metadata table's signature is not “metadata”");
  if (n > MAX_ENTRIES)
    return vhdx_refuse (layer, error, "its metadata table's entry count is %u; 1023 are allowed", n);
  for (unsigned i = 0; i < n; i++)
    {
      const uint8_t *entry = table + TABLE_ENTRIES + i * ENTRY_SIZE;
      uint32_t offset = load_le32 (entry + ENTRY_OFFSET), length = load_le32 (entry + ENTRY_LENGTH);
      unsigned item = 0;

      while (item < N_ITEMS && memcmp (entry, item_guids[item], 16) != 0)
        item++;
      if (item == N_ITEMS && (load_le32 (entry + ENTRY_FLAGS) & FLAG_REQUIRED) != 0)
        return vhdx_refuse (layer, error, "its metadata requires an unknown item, 0x%08x…",
                            load_le32 (entry));
      if (item == N_ITEMS)
        continue;
      if (length < items[item].size || length > MAX_LOCATOR
          || offset + (uint64_t)length > vhdx->metadata_region.length)
        return vhdx_refuse (layer, error,
                            "its %s lies at %u of its metadata and has %u bytes, which can't be",
                            items[item].name, offset, length);
      places[item] = (VhdxRange){ vhdx->metadata_region.offset + offset, length };
    }
  for (unsigned item = 0; item < ITEM_PARENT_LOCATOR; item++)
    if (places[item].length == 0)
      return vhdx_refuse (layer, error, "its metadata has no %s", items[item].name);
  return true;
}

static bool
take_numbers (ImageLayer *layer, const VhdxRange *places, GError **error)
{
  Vhdx *vhdx = layer->state;
  uint8_t data[ITEM_PARENT_LOCATOR][16];
  uint32_t flags;

  for (unsigned item = 0; item < ITEM_PARENT_LOCATOR; item++)
    {
      int result = vhdx_read (layer, places[item].offset, data[item], items[item].size);

      if (result < 0)
        return read_failed (layer, result, error);
    }
  flags = load_le32 (data[ITEM_FILE_PARAMETERS] + 4);
  vhdx->block_size = load_le32 (data[ITEM_FILE_PARAMETERS]);
  vhdx->fixed = (flags & FILE_LEAVE_ALLOCATED) != 0;
  vhdx->has_parent = (flags & FILE_HAS_PARENT) != 0;
  layer->size = load_le64 (data[ITEM_DISK_SIZE]);
  memcpy (vhdx->disk_id, data[ITEM_DISK_ID], 16);
  vhdx->sector_size = load_le32 (data[ITEM_SECTOR_SIZE]);
  vhdx->physical_sector_size = load_le32 (data[ITEM_PHYSICAL_SECTOR_SIZE]);

  if (vhdx->block_size < (1u << 20) || vhdx->block_size > (256u << 20)
      || (vhdx->block_size & (vhdx->block_size - 1)) != 0)
    return vhdx_refuse (layer, error, "its block size, %u, is no power of two from 1 MiB to 256 MiB",
                        vhdx->block_size);
  if (vhdx->sector_size != 512 && vhdx->sector_size != 4096)
    return vhdx_refuse (layer, error, "its logical sector size is %u; only 512 and 4096 are allowed",
                        vhdx->sector_size);
  if (layer->size == 0 || layer->size > VHDX_MAX_SIZE || layer->size % vhdx->sector_size != 0)
    return vhdx_refuse (layer, error,
                        "its virtual disk size, %" G_GUINT64_FORMAT
                        ", is 0, or more than 64 TiB, or no whole sectors",
                        layer->size);
  return true;
}

/* --- the parent --- */

static char *
locator_text (const uint8_t *locator, uint32_t length, uint32_t offset, uint16_t size)
{
  return offset + (uint64_t)size <= length ? windows_text (locator + offset, size, false) : NULL;
}

/* "{xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}", into the order of a file. */
static bool
parse_guid (const char *text, uint8_t *guid)
{
  static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
  unsigned n = 0;

  for (; *text != 0; text++)
    {
      int digit = g_ascii_xdigit_value (*text);

      if (digit < 0)
        continue;
      if (n == 32)
        return false;
      if (n % 2 == 0)
        guid[order[n / 2]] = digit << 4;
      else
        guid[order[n / 2]] |= digit;
      n++;
    }
  return n == 32;
}

static char *
usable_path (const char *value)
{
  g_autofree char *path = windows_path_here (value);

  return path != NULL && !g_str_has_prefix (value, "\\\\?\\Volume") ? g_steal_pointer (&path) : NULL;
}

/* 2.6.2.6: keys and values. The relative path is best, then a name beside. */
static bool
take_locator (ImageLayer *layer, const uint8_t *locator, uint32_t length, GError **error)
{
  Vhdx *vhdx = layer->state;
  unsigned n = load_le16 (locator + LOCATOR_COUNT);
  g_autofree char *relative = NULL, *absolute = NULL;
  bool linked = false;

  if (LOCATOR_ENTRIES + n * LOCATOR_ENTRY_SIZE > length)
    return vhdx_refuse (layer, error, "its parent locator's key count is %u, more than there is room for", n);
  for (unsigned i = 0; i < n; i++)
    {
      const uint8_t *entry = locator + LOCATOR_ENTRIES + i * LOCATOR_ENTRY_SIZE;
      g_autofree char *key = locator_text (locator, length, load_le32 (entry), load_le16 (entry + 8));
      g_autofree char *value = locator_text (locator, length, load_le32 (entry + 4), load_le16 (entry + 10));

      if (key == NULL || value == NULL)
        continue;
      if (strcmp (key, "parent_linkage") == 0)
        linked = parse_guid (value, vhdx->parent_linkage);
      else if (strcmp (key, "relative_path") == 0 && relative == NULL)
        relative = usable_path (value);
      else if (strcmp (key, "absolute_win32_path") == 0 && absolute == NULL)
        absolute = usable_path (value);
    }
  if (!linked)
    return vhdx_refuse (layer, error, "its parent locator has no parent_linkage");
  if (relative == NULL && absolute == NULL)
    return vhdx_refuse (layer, error, "its parent locator has no path that can be followed");
  layer->backing_path = g_strdup (relative != NULL ? relative : absolute);
  layer->backing_format = g_strdup ("vhdx");
  return true;
}

static bool
read_locator (ImageLayer *layer, const VhdxRange *place, GError **error)
{
  g_autofree uint8_t *locator = NULL;
  int result;

  if (place->length == 0)
    return vhdx_refuse (layer, error, "it has a parent, but its metadata has no parent locator");
  locator = g_malloc (place->length);
  result = vhdx_read (layer, place->offset, locator, place->length);
  return result < 0 ? read_failed (layer, result, error)
                    : take_locator (layer, locator, place->length, error);
}

bool
vhdx_read_metadata (ImageLayer *layer, GError **error)
{
  Vhdx *vhdx = layer->state;
  g_autofree uint8_t *table = g_malloc (VHDX_TABLE_SIZE);
  VhdxRange places[N_ITEMS] = { 0 };
  int result = vhdx_read (layer, vhdx->metadata_region.offset, table, VHDX_TABLE_SIZE);

  if (result < 0)
    return read_failed (layer, result, error);
  return find_items (layer, table, places, error) && take_numbers (layer, places, error)
         && (!vhdx->has_parent || read_locator (layer, &places[ITEM_PARENT_LOCATOR], error));
}
