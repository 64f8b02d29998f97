/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

static bool
vdi_probe (const ImageProbe *probe)
{
  return load_le32 (probe->head + VDI_AT_SIGNATURE) == VDI_SIGNATURE;
}

G_GNUC_PRINTF (4, 5)
static bool
refuse (ImageLayer *layer, VmmError code, GError **error, const char *format, ...)
{
  g_autofree char *cause = NULL;
  va_list arguments;

  va_start (arguments, format);
  cause = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, VMM_ERROR, code, "VDI image “%s”: %s", layer->store->path, cause);
  return false;
}

static bool
io_failed (ImageLayer *layer, int result, const char *what, GError **error)
{
  return vmm_set_errno_error (error, -result, "VDI image “%s”: can't access its %s", layer->store->path,
                              what);
}

void
vdi_new_uuid (uint8_t *uuid)
{
  for (unsigned i = 0; i < 16; i += 4)
    store_be32 (uuid + i, g_random_int ());
  uuid[7] = (uuid[7] & 0x0f) | 0x40; /* RFC 4122, 4.4: version 4; the first three fields are little-endian */
  uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

static char *
uuid_text (const uint8_t *uuid)
{
  return g_strdup_printf ("%08x-%04x-%04x-%04x-%04x%08x", load_le32 (uuid), load_le16 (uuid + 4),
                          load_le16 (uuid + 6), load_be16 (uuid + 8), load_be16 (uuid + 10),
                          load_be32 (uuid + 12));
}

int
vdi_write_header (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  int result = store_write (layer->store, 0, vdi->header, VDI_HEADER_SIZE);

  if (result == 0)
    result = store_sync (layer->store);
  if (result == 0)
    vdi->header_dirty = false;
  return result;
}

int
vdi_switch_header (ImageLayer *layer, const uint8_t *before)
{
  Vdi *vdi = layer->state;
  int result = vdi_write_header (layer);

  if (result == 0)
    return 0;
  memcpy (vdi->header, before, VDI_HEADER_SIZE);
  vdi->unsettled = layer->dirty = true;
  vdi_settle (layer, true);
  return result;
}

int
vdi_settle (ImageLayer *layer, bool may_block)
{
  Vdi *vdi = layer->state;
  int result;

  if (!vdi->unsettled)
    return 0;
  if (!may_block)
    return -EAGAIN;
  result = vdi_write_header (layer);
  vdi->unsettled = result < 0;
  return result;
}

bool
vdi_index_fits (ImageLayer *layer, uint32_t index)
{
  return vdi_block_at (layer->state, index) < store_size (layer->store);
}

/* --- opening --- */

static bool
check_type (ImageLayer *layer, GError **error)
{
  Vdi *vdi = layer->state;
  uint32_t version = load_le32 (vdi->header + VDI_AT_VERSION), type = load_le32 (vdi->header + VDI_AT_TYPE);

  if (load_le32 (vdi->header + VDI_AT_SIGNATURE) != VDI_SIGNATURE)
    return refuse (layer, VMM_ERROR_INVALID, error, "its signature is 0x%08x, not 0x%08x",
                   load_le32 (vdi->header + VDI_AT_SIGNATURE), VDI_SIGNATURE);
  if (version >> 16 != 1)
    return refuse (layer, VMM_ERROR_UNSUPPORTED, error,
                   "its header's version is %u.%u; only 1.x is known: convert it with VirtualBox",
                   version >> 16, version & 0xffff);
  if (type == VDI_DIFFERENCING || type == VDI_UNDO)
    {
      g_autofree char *parent = uuid_text (vdi->header + VDI_AT_UUID_LINK);

      return refuse (
        layer, VMM_ERROR_UNSUPPORTED, error,
        "it is a differencing image, and only VirtualBox's own list of disks knows where its parent {%s} "
        "is; make a full copy of it with “VBoxManage clonemedium”",
        parent);
    }
  if (type != VDI_DYNAMIC && type != VDI_FIXED)
    return refuse (layer, VMM_ERROR_INVALID, error,
                   "its image type is %u; only 1 (dynamic) and 2 (fixed) are known", type);
  vdi->type = type;
  return true;
}

static bool
check_numbers (ImageLayer *layer, GError **error)
{
  Vdi *vdi = layer->state;
  const uint8_t *header = vdi->header;
  uint64_t disk_size = load_le64 (header + VDI_AT_DISK_SIZE);
  uint32_t blocks = load_le32 (header + VDI_AT_BLOCKS), sector = load_le32 (header + VDI_AT_SECTOR_SIZE);

  vdi->map_offset = load_le32 (header + VDI_AT_MAP_OFFSET);
  vdi->data_offset = load_le32 (header + VDI_AT_DATA_OFFSET);
  vdi->block_size = load_le32 (header + VDI_AT_BLOCK_SIZE);
  vdi->block_extra = load_le32 (header + VDI_AT_BLOCK_EXTRA);
  if (load_le32 (header + VDI_AT_HEADER_SIZE) < VDI_AT_UUID_LINK - VDI_AT_HEADER_SIZE)
    return refuse (layer, VMM_ERROR_INVALID, error, "its header size is %u, too small for version 1",
                   load_le32 (header + VDI_AT_HEADER_SIZE));
  if (sector != 0 && sector != 512)
    return refuse (layer, VMM_ERROR_UNSUPPORTED, error, "its sector size is %u; only 512 is known", sector);
  if (vdi->block_size < VDI_MIN_BLOCK_SIZE || vdi->block_size > VDI_MAX_BLOCK_SIZE
      || (vdi->block_size & (vdi->block_size - 1)) != 0)
    return refuse (layer, VMM_ERROR_INVALID, error, "its block size, %u, is no power of two from %u to %u",
                   vdi->block_size, VDI_MIN_BLOCK_SIZE, VDI_MAX_BLOCK_SIZE);
  if (vdi->block_extra > vdi->block_size || vdi->block_extra % 512 != 0)
    return refuse (layer, VMM_ERROR_INVALID, error, "its block extra data has %u bytes, which can't be",
                   vdi->block_extra);
  if (disk_size == 0 || disk_size > (uint64_t)VDI_MAX_MAP / 4 * vdi->block_size)
    return refuse (layer, VMM_ERROR_INVALID, error,
                   "its disk size, %" G_GUINT64_FORMAT
                   ", is 0 or more than blocks of %u bytes are supported for",
                   disk_size, vdi->block_size);
  if (blocks < (disk_size + vdi->block_size - 1) / vdi->block_size || blocks > VDI_MAX_MAP / 4)
    return refuse (layer, VMM_ERROR_INVALID, error,
                   "its number of blocks, %u, does not fit its disk size, %" G_GUINT64_FORMAT, blocks,
                   disk_size);
  if (vdi->map_offset < VDI_HEADER_SIZE || vdi->map_offset % 512 != 0 || vdi->data_offset % 512 != 0
      || vdi->map_offset + blocks * UINT64_C (4) > vdi->data_offset)
    return refuse (layer, VMM_ERROR_INVALID, error,
                   "its block map at %u, %u entries, does not lie between its header and its data at %u",
                   vdi->map_offset, blocks, vdi->data_offset);
  layer->size = (disk_size + 511) / 512 * 512;
  vdi->n_blocks = (layer->size + vdi->block_size - 1) / vdi->block_size;
  return true;
}

void
vdi_adopt_map (Vdi *vdi, uint32_t *map, uint32_t n_blocks)
{
  if (map != vdi->map)
    g_free (vdi->map);
  g_free (vdi->map_dirty);
  vdi->map = map;
  vdi->n_blocks = n_blocks;
  vdi->map_dirty = g_new0 (uint8_t, n_blocks / VDI_ENTRY_SECTOR / 8 + 1);
  vdi_find_holes (vdi);
}

static bool
load_map (ImageLayer *layer, GError **error)
{
  Vdi *vdi = layer->state;
  uint32_t *map = g_new (uint32_t, vdi->n_blocks);
  int result = store_read (layer->store, vdi->map_offset, map, vdi->n_blocks * sizeof (uint32_t));

  if (result < 0)
    {
      g_free (map);
      return io_failed (layer, result, "block map", error);
    }
  vdi->map = map;
  vdi->map_dirty = g_new0 (uint8_t, vdi->n_blocks / VDI_ENTRY_SECTOR / 8 + 1);
  vdi->pending = g_hash_table_new_full (g_int_hash, g_int_equal, NULL, g_free);
  vdi->holes = g_array_new (false, false, sizeof (VdiRoom));
  vdi->freed = g_array_new (false, false, sizeof (uint32_t));
  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    {
      map[i] = GUINT32_FROM_LE (map[i]);
      if (vdi_is_allocated (map[i]) && vdi_index_fits (layer, map[i]))
        vdi->next = MAX (vdi->next, map[i] + 1);
    }
  return true;
}

static void
unload_map (Vdi *vdi)
{
  g_clear_pointer (&vdi->map, g_free);
  g_clear_pointer (&vdi->map_dirty, g_free);
  g_clear_pointer (&vdi->pending, g_hash_table_unref);
  g_clear_pointer (&vdi->holes, g_array_unref);
  g_clear_pointer (&vdi->freed, g_array_unref);
}

/* Whoever appends next must not find a block of two owners, nor one outside the file. What a crash left is
 * put in order: holes, and a count that is too large. A resize that was cut short uses some indices more. */
static bool
prepare_writing (ImageLayer *layer, GError **error)
{
  Vdi *vdi = layer->state;
  uint64_t limit = vdi->n_blocks + UINT64_C (65536);
  g_autofree uint8_t *used = g_malloc0 (limit / 8 + 1);
  int result;

  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    {
      uint32_t index = vdi->map[i];

      if (!vdi_is_allocated (index))
        continue;
      if (index >= limit || !vdi_index_fits (layer, index))
        return refuse (
          layer, VMM_ERROR_INVALID, error,
          "its block map's entry %u, %u, lies outside the file; repair it with “bonsai disk check "
          "--repair”, or open it read-only",
          i, index);
      if (used[index / 8] & (1 << (index % 8)))
        return refuse (
          layer, VMM_ERROR_INVALID, error,
          "its block map's entry %u, %u, is another's too; repair it with “bonsai disk check --repair”, or "
          "open it read-only",
          i, index);
      used[index / 8] |= 1 << (index % 8);
    }
  result = vdi_compact (layer);
  return result == 0 || io_failed (layer, result, "blocks to put them in order", error);
}

static void
vdi_close (ImageLayer *layer)
{
  Vdi *vdi = layer->state;

  if (vdi == NULL)
    return;
  if (!layer->read_only && !layer->lenient && !layer->dirty)
    vdi_compact (layer); /* if it fails: the next one who opens it does it */
  unload_map (vdi);
  g_clear_pointer (&layer->state, g_free);
}

static bool
vdi_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Vdi *vdi = layer->state = g_new0 (Vdi, 1);
  int result = store_read (layer->store, 0, vdi->header, VDI_HEADER_SIZE);
  bool opened = result == 0 ? check_type (layer, error) && check_numbers (layer, error)
                            : io_failed (layer, result, "header", error);

  opened = opened && load_map (layer, error);
  if (opened)
    {
      layer->cluster = layer->granule = vdi->block_size;
      if (!layer->read_only && !layer->lenient)
        opened = prepare_writing (layer, error);
    }
  if (!opened)
    {
      unload_map (vdi);
      g_clear_pointer (&layer->state, g_free);
    }
  return opened;
}

/* Differencing images know by it that their parent changed. */
static int
vdi_begin_writing (ImageLayer *layer)
{
  Vdi *vdi = layer->state;

  vdi_new_uuid (vdi->header + VDI_AT_UUID_MODIFIED);
  vdi->header_dirty = true;
  layer->dirty = true;
  return 0;
}

static void
vdi_describe (ImageLayer *layer, ImageInfo *info)
{
  Vdi *vdi = layer->state;
  const uint8_t *header = vdi->header;
  g_autofree char *uuid = uuid_text (header + VDI_AT_UUID),
                  *modified = uuid_text (header + VDI_AT_UUID_MODIFIED);
  g_autofree char *comment = g_strndup ((const char *)header + VDI_AT_COMMENT, 256);
  uint32_t version = load_le32 (header + VDI_AT_VERSION), allocated = 0;

  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    allocated += vdi_is_allocated (vdi->map[i]);
  g_free (info->subformat);
  info->subformat = g_strdup (vdi->type == VDI_FIXED ? "fixed" : "dynamic");
  info->cluster_size = vdi->block_size;
  image_info_detail (info, "version", "%u.%u", version >> 16, version & 0xffff);
  image_info_detail (info, "unique id", "%s", uuid);
  image_info_detail (info, "modification id", "%s", modified);
  image_info_detail (info, "blocks", "%u of %u allocated", allocated, vdi->n_blocks);
  if (*comment != 0 && g_utf8_validate (comment, -1, NULL))
    image_info_detail (info, "comment", "%s", comment);
}

const ImageFormat image_vdi = {
  .name = "vdi",
  .suffix = ".vdi",
  .probe = vdi_probe,
  .open = vdi_open,
  .close = vdi_close,
  .begin_writing = vdi_begin_writing,
  .map = vdi_map,
  .place = vdi_place,
  .link = vdi_link,
  .unplace = vdi_unplace,
  .unmap = vdi_unmap,
  .flush = vdi_flush,
  .resize = vdi_resize,
  .describe = vdi_describe,
  .check = vdi_check,
  .create = vdi_create,
};
