/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include "vmm/base/error.h"

#include <string.h>

static bool
vhd_probe (const ImageProbe *probe)
{
  /* Before Virtual PC 2004 footers had 511 bytes. */
  return memcmp (probe->head, "conectix", 8) == 0 || memcmp (probe->tail, "conectix", 8) == 0
         || memcmp (probe->tail + 1, "conectix", 8) == 0;
}

G_GNUC_PRINTF (3, 4)
static bool
refuse (ImageLayer *layer, GError **error, const char *format, ...)
{
  g_autofree char *cause = NULL;
  va_list arguments;

  va_start (arguments, format);
  cause = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "VHD image “%s”: %s", layer->store->path, cause);
  return false;
}

static bool
io_failed (ImageLayer *layer, int result, const char *what, GError **error)
{
  return vmm_set_errno_error (error, -result, "VHD image “%s”: can't access %s", layer->store->path, what);
}

/* --- opening --- */

static bool
choose_footer (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  int result = vhd_read_footer (layer->store, vhd->footer, &vhd->tail_valid, &vhd->head_valid);

  if (result < 0)
    return io_failed (layer, result, "the footer", error);
  if (memcmp (vhd->footer, "conectix", 8) != 0)
    return refuse (layer, error,
                   "there is no footer with cookie “conectix” at its end, nor a copy at its head");
  if (!vhd->tail_valid && !vhd->head_valid && !layer->lenient)
    return refuse (
      layer, error,
      "the footer's checksum is wrong, and there is no good copy; if you trust the file, repair it "
      "with “bonsai disk check --repair”");
  return true;
}

static bool
read_header (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store), at = load_be64 (vhd->footer + FOOTER_DATA_OFFSET);
  uint32_t version;
  int result;

  if (at < VHD_FOOTER_SIZE || at % VHD_SECTOR != 0 || file_size < VHD_HEADER_SIZE
      || at > file_size - VHD_HEADER_SIZE)
    return refuse (layer, error, "the footer's data offset, %" G_GUINT64_FORMAT ", is no place for a header",
                   at);
  result = store_read (layer->store, at, vhd->header, VHD_HEADER_SIZE);
  if (result < 0)
    return io_failed (layer, result, "the dynamic disk header", error);
  if (memcmp (vhd->header, "cxsparse", 8) != 0)
    return refuse (layer, error, "the dynamic disk header's cookie is not “cxsparse”");
  if (!vhd_header_is_valid (vhd->header) && !layer->lenient)
    return refuse (
      layer, error,
      "the dynamic disk header's checksum is wrong; if you trust the file, repair it with “bonsai "
      "disk check --repair”");
  version = load_be32 (vhd->header + HEADER_VERSION);
  if (version >> 16 != 1)
    return refuse (layer, error, "the dynamic disk header's version is %u.%u; only 1.0 is known",
                   version >> 16, version & 0xffff);
  return true;
}

static bool
check_header (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store), table_size;
  uint64_t header_offset = load_be64 (vhd->footer + FOOTER_DATA_OFFSET);

  vhd->bat_offset = load_be64 (vhd->header + HEADER_TABLE_OFFSET);
  vhd->max_entries = load_be32 (vhd->header + HEADER_MAX_ENTRIES);
  vhd->block_size = load_be32 (vhd->header + HEADER_BLOCK_SIZE);
  table_size = vhd->max_entries * UINT64_C (4);
  if (vhd->block_size < VHD_MIN_BLOCK_SIZE || vhd->block_size > VHD_MAX_BLOCK_SIZE
      || (vhd->block_size & (vhd->block_size - 1)) != 0)
    return refuse (layer, error, "the block size, %u, is no power of two from %u to %u", vhd->block_size,
                   VHD_MIN_BLOCK_SIZE, VHD_MAX_BLOCK_SIZE);
  vhd->bitmap_size = vhd_round_up (vhd_sectors_per_block (vhd) / 8, VHD_SECTOR);
  if (vhd->bat_offset < VHD_FOOTER_SIZE || vhd->bat_offset % VHD_SECTOR != 0 || vhd->bat_offset > file_size
      || table_size > file_size - vhd->bat_offset)
    return refuse (layer, error,
                   "the table offset, %" G_GUINT64_FORMAT
                   ", leaves no room for %u entries in a file of %" G_GUINT64_FORMAT " bytes",
                   vhd->bat_offset, vhd->max_entries, file_size);
  if (vhd->bat_offset < header_offset + VHD_HEADER_SIZE && header_offset < vhd->bat_offset + table_size)
    return refuse (layer, error,
                   "the table offset, %" G_GUINT64_FORMAT
                   ", lies on the dynamic disk header at %" G_GUINT64_FORMAT,
                   vhd->bat_offset, header_offset);
  if (table_size > VHD_MAX_BAT)
    return refuse (layer, error, "the table has %u entries; more than %u are not supported", vhd->max_entries,
                   VHD_MAX_BAT / 4);
  if (layer->size > (uint64_t)vhd->max_entries * vhd->block_size)
    return refuse (layer, error,
                   "the disk has %" G_GUINT64_FORMAT
                   " bytes, but the table's %u entries of %u bytes don't reach",
                   layer->size, vhd->max_entries, vhd->block_size);
  return true;
}

static bool
load_bat (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  int result;

  vhd->n_blocks = (layer->size + vhd->block_size - 1) / vhd->block_size;
  vhd->bat = g_new (uint32_t, vhd->n_blocks);
  vhd->bat_dirty = g_new0 (uint8_t, vhd->n_blocks / 128 / 8 + 1);
  vhd->full = g_new0 (uint8_t, vhd->n_blocks / 8 + 1);
  vhd->blocks = g_hash_table_new_full (g_int_hash, g_int_equal, NULL, g_free);
  vhd->free_slots = g_array_new (false, false, sizeof (VhdSlot));
  vhd->freed = g_array_new (false, false, sizeof (VhdSlot));
  vhd->free_slots_known = false;
  vhd->n_dirty = 0;

  result = store_read (layer->store, vhd->bat_offset, vhd->bat, vhd->n_blocks * sizeof (uint32_t));
  if (result < 0)
    {
      memset (vhd->bat, 0xff, vhd->n_blocks * sizeof (uint32_t));
      return io_failed (layer, result, "the block allocation table", error);
    }
  for (uint32_t i = 0; i < vhd->n_blocks; i++)
    vhd->bat[i] = GUINT32_FROM_BE (vhd->bat[i]);
  return true;
}

static void
unload_bat (Vhd *vhd)
{
  g_clear_pointer (&vhd->bat, g_free);
  g_clear_pointer (&vhd->bat_dirty, g_free);
  g_clear_pointer (&vhd->full, g_free);
  g_clear_pointer (&vhd->blocks, g_hash_table_unref);
  g_clear_pointer (&vhd->free_slots, g_array_unref);
  g_clear_pointer (&vhd->freed, g_array_unref);
}

/* A block on top of the header or of the locators would let a guest write them. */
static bool
check_bat (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store);
  VhdRegion regions[3 + VHD_N_LOCATORS];
  unsigned n = vhd_regions (vhd, file_size, regions);

  for (uint32_t i = 0; i < vhd->n_blocks; i++)
    if (vhd->bat[i] != VHD_UNUSED
        && !vhd_block_fits (vhd, file_size, regions, n, vhd->bat[i] * (uint64_t)VHD_SECTOR))
      return refuse (
        layer, error,
        "the table's entry %u, sector %u, lies outside the file or on its header; repair it with "
        "“bonsai disk check --repair”, or open it read-only",
        i, vhd->bat[i]);
  return true;
}

/* Both copies of the footer as they should be. */
static bool
repair_footers (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store);
  int result = 0;

  vhd->end = vhd->footer_at = file_size - VHD_FOOTER_SIZE;
  if (!vhd->tail_valid)
    result = vhd_move_footer (layer, layer->store->fixed_size ? file_size - VHD_FOOTER_SIZE
                                                              : vhd_used_end (vhd, file_size));
  if (result == 0 && !vhd->head_valid)
    {
      result = store_write (layer->store, 0, vhd->footer, VHD_FOOTER_SIZE);
      if (result == 0)
        result = store_sync (layer->store);
    }
  vhd->head_valid |= result == 0;
  return result == 0 || io_failed (layer, result, "the footer to repair it", error);
}

static bool
open_dynamic (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Vhd *vhd = layer->state;

  if (!read_header (layer, error) || !check_header (layer, error) || !load_bat (layer, error))
    return false;
  layer->cluster = vhd->block_size;
  layer->granule = VHD_SECTOR;
  if (vhd->type == VHD_DIFFERENCING && !vhd_find_parent (layer, options->no_backing, error))
    return false;
  vhd->end = vhd->footer_at = store_size (layer->store) - VHD_FOOTER_SIZE;
  if (layer->read_only || layer->lenient)
    return true;
  return check_bat (layer, error) && repair_footers (layer, error);
}

static bool
open_fixed (ImageLayer *layer, GError **error)
{
  Vhd *vhd = layer->state;
  uint64_t file_size = store_size (layer->store);

  /* 511: see vhd_probe. */
  if (file_size < 511 || layer->size > file_size - 511)
    return refuse (layer, error,
                   "the footer tells of a fixed disk of %" G_GUINT64_FORMAT
                   " bytes, but the file has only %" G_GUINT64_FORMAT,
                   layer->size, file_size);
  layer->cluster = layer->granule = VHD_SECTOR;
  layer->identity = true;
  vhd->footer_at = vhd->end = file_size - VHD_FOOTER_SIZE;
  return true;
}

static void
vhd_close (ImageLayer *layer)
{
  Vhd *vhd = layer->state;

  if (vhd == NULL)
    return;
  if (vhd->bat != NULL && !layer->read_only && !layer->lenient && !layer->dirty && vhd->tail_valid
      && !layer->store->fixed_size)
    {
      /* What a discard left at the end goes back. Blocks that another program put elsewhere stay. */
      uint64_t end = vhd_used_end (vhd, store_size (layer->store));

      if (end + vhd_stride (vhd) <= vhd->end || vhd->footer_at == UINT64_MAX)
        vhd_move_footer (layer, end);
    }
  unload_bat (vhd);
  g_clear_pointer (&layer->state, g_free);
}

static bool
vhd_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Vhd *vhd = layer->state = g_new0 (Vhd, 1);
  uint32_t type;
  bool opened;

  opened = choose_footer (layer, error);
  if (opened)
    {
      type = load_be32 (vhd->footer + FOOTER_TYPE);
      vhd->type = type;
      layer->size = vhd_disk_size (vhd->footer, &vhd->size_from_geometry);
      if (type < VHD_FIXED || type > VHD_DIFFERENCING)
        opened = refuse (layer, error,
                         "the footer's disk type is %u; only 2 (fixed), 3 (dynamic) and 4 "
                         "(differencing) are known",
                         type);
      else if (layer->size == 0 || layer->size > INT64_MAX)
        opened =
          refuse (layer, error, "the footer's current size is %" G_GUINT64_FORMAT " bytes, which can't be",
                  load_be64 (vhd->footer + FOOTER_CURRENT_SIZE));
      else
        opened = type == VHD_FIXED ? open_fixed (layer, error) : open_dynamic (layer, options, error);
    }
  if (!opened)
    {
      unload_bat (vhd);
      g_clear_pointer (&layer->state, g_free);
    }
  return opened;
}

/* --- telling --- */

static void
describe_creator (const Vhd *vhd, ImageInfo *info)
{
  const uint8_t *footer = vhd->footer;
  uint32_t version = load_be32 (footer + FOOTER_CREATOR_VERSION);
  char app[5] = { 0 }, os[5] = { 0 };

  memcpy (app, footer + FOOTER_CREATOR_APP, 4);
  memcpy (os, footer + FOOTER_CREATOR_OS, 4);
  for (unsigned i = 0; i < 4; i++)
    {
      app[i] = g_ascii_isprint (app[i]) ? app[i] : 0;
      os[i] = g_ascii_isprint (os[i]) ? os[i] : 0;
    }
  g_strchomp (app);
  image_info_detail (info, "creator", "%s %u.%u on %s", app, version >> 16, version & 0xffff,
                     strcmp (os, "Wi2k") == 0  ? "Windows"
                     : strcmp (os, "Mac") == 0 ? "Macintosh"
                                               : os);
}

static void
vhd_describe (ImageLayer *layer, ImageInfo *info)
{
  Vhd *vhd = layer->state;
  const uint8_t *footer = vhd->footer;
  g_autofree char *uuid = vhd_uuid_text (footer + FOOTER_UUID);
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (load_be32 (footer + FOOTER_TIME) + VHD_EPOCH);
  g_autofree char *created = g_date_time_format (time, "%Y-%m-%d %H:%M:%S UTC");

  g_free (info->subformat);
  info->subformat = g_strdup (vhd_type_name (vhd->type));
  info->cluster_size = vhd->type == VHD_FIXED ? 0 : vhd->block_size;
  info->dirty |= !vhd->tail_valid && vhd->head_valid;
  info->corrupt |= !vhd->tail_valid && !vhd->head_valid;
  image_info_detail (info, "unique id", "%s", uuid);
  image_info_detail (info, "created", "%s", created);
  describe_creator (vhd, info);
  image_info_detail (info, "geometry", "%u cylinders, %u heads, %u sectors",
                     load_be16 (footer + FOOTER_CYLINDERS), footer[FOOTER_HEADS], footer[FOOTER_SECTORS]);
  if (vhd->size_from_geometry)
    image_info_detail (info, "size",
                       "from the geometry, as the creator does; the footer says %" G_GUINT64_FORMAT,
                       load_be64 (footer + FOOTER_CURRENT_SIZE));
  if (footer[FOOTER_SAVED_STATE] == 1)
    image_info_detail (info, "saved state", "a machine was suspended with this disk");
  if (vhd->type == VHD_DIFFERENCING)
    {
      g_autofree char *parent = vhd_uuid_text (vhd->header + HEADER_PARENT_UUID);

      image_info_detail (info, "parent's unique id", "%s", parent);
    }
}

const ImageFormat image_vhd = {
  .name = "vhd",
  .suffix = ".vhd",
  .probe = vhd_probe,
  .open = vhd_open,
  .close = vhd_close,
  .check_backing = vhd_check_backing,
  .map = vhd_map,
  .place = vhd_place,
  .link = vhd_link,
  .unplace = vhd_unplace,
  .unmap = vhd_unmap,
  .flush = vhd_flush,
  .resize = vhd_resize,
  .set_backing = vhd_set_backing,
  .describe = vhd_describe,
  .check = vhd_check,
  .create = vhd_create,
};
