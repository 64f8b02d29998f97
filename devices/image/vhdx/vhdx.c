/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhdx/vhdx-private.h"
#include "devices/image/windows-path.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

#define DATA_WRITE_GUID 32 /* in the header */

bool
vhdx_refuse (ImageLayer *layer, GError **error, const char *format, ...)
{
  g_autofree char *cause = NULL;
  va_list arguments;

  va_start (arguments, format);
  cause = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "VHDX image “%s”: %s", layer->store->path, cause);
  return false;
}

static bool
vhdx_probe (const ImageProbe *probe)
{
  return memcmp (probe->head, "vhdxfile", 8) == 0;
}

/* --- opening --- */

/* 2.5: a sector bitmap block's entry follows those of each chunk's payload blocks. */
static bool
load_bat (ImageLayer *layer, GError **error)
{
  Vhdx *vhdx = layer->state;
  uint64_t n_blocks = (layer->size + vhdx->block_size - 1) / vhdx->block_size, n_entries;
  int result;

  vhdx->chunk_ratio = VHDX_CHUNK_SECTORS * (uint64_t)vhdx->sector_size / vhdx->block_size;
  n_entries = vhdx->has_parent
                ? (n_blocks + vhdx->chunk_ratio - 1) / vhdx->chunk_ratio * (vhdx->chunk_ratio + UINT64_C (1))
                : n_blocks + (n_blocks - 1) / vhdx->chunk_ratio;
  if (n_entries * 8 > VHDX_MAX_BAT)
    return vhdx_refuse (layer, error,
                        "its BAT has %" G_GUINT64_FORMAT " entries; more than %u are not supported",
                        n_entries, VHDX_MAX_BAT / 8);
  if (n_entries * 8 > vhdx->bat_region.length)
    return vhdx_refuse (layer, error,
                        "its BAT region has %" G_GUINT64_FORMAT
                        " bytes, too few for a disk of %" G_GUINT64_FORMAT,
                        vhdx->bat_region.length, layer->size);
  vhdx->n_blocks = n_blocks;
  vhdx->n_entries = n_entries;
  vhdx->bat = g_new (uint64_t, n_entries);
  result = vhdx_read (layer, vhdx->bat_region.offset, vhdx->bat, n_entries * 8);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read the BAT of VHDX image “%s”", layer->store->path);
  for (uint64_t i = 0; i < n_entries; i++)
    vhdx->bat[i] = GUINT64_FROM_LE (vhdx->bat[i]);
  return true;
}

static void
vhdx_close (ImageLayer *layer)
{
  Vhdx *vhdx = layer->state;

  if (vhdx == NULL)
    return;
  g_clear_pointer (&vhdx->patches, g_array_unref);
  g_clear_pointer (&vhdx->patched, g_array_unref);
  g_free (vhdx->log);
  g_free (vhdx->bat);
  g_free (vhdx->bitmap);
  g_clear_pointer (&layer->state, g_free);
}

static bool
check_signature (ImageLayer *layer, GError **error)
{
  uint8_t signature[8];
  int result = store_read (layer->store, 0, signature, sizeof signature);

  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't read VHDX image “%s”", layer->store->path);
  return memcmp (signature, "vhdxfile", 8) == 0
         || vhdx_refuse (layer, error, "its signature is not “vhdxfile”");
}

static bool
vhdx_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Vhdx *vhdx = layer->state = g_new0 (Vhdx, 1);

  if (!check_signature (layer, error) || !vhdx_read_headers (layer, error) || !vhdx_replay_log (layer, error)
      || !vhdx_read_regions (layer, error) || !vhdx_read_metadata (layer, error) || !load_bat (layer, error))
    {
      vhdx_close (layer);
      return false;
    }
  layer->cluster = vhdx->block_size;
  layer->granule = vhdx->sector_size;
  return true;
}

/* 2.6.2.6.3: the parent's DataWriteGuid changes with its content. */
static bool
vhdx_check_backing (ImageLayer *layer, ImageLayer *below, GError **error)
{
  Vhdx *vhdx = layer->state;

  if (below->format == &image_vhdx
      && memcmp (((Vhdx *)below->state)->header + DATA_WRITE_GUID, vhdx->parent_linkage, 16) == 0)
    return true;
  return vhdx_refuse (
    layer, error,
    "its parent “%s” is not the image it was made on, or was written to since; put the right file "
    "in its place",
    below->store->path);
}

/* --- mapping --- */

/* The sector bitmap of @block's chunk into memory. */
static int
load_bitmap (ImageLayer *layer, uint32_t block, bool may_block)
{
  Vhdx *vhdx = layer->state;
  uint32_t chunk = block / vhdx->chunk_ratio, index = chunk * (vhdx->chunk_ratio + 1) + vhdx->chunk_ratio;
  uint64_t entry;
  int result;

  if (vhdx->bitmap != NULL && vhdx->bitmap_chunk == chunk)
    return 0;
  if (index >= vhdx->n_entries)
    return -EIO;
  entry = vhdx->bat[index];
  if (vhdx_state (entry) != VHDX_BITMAP_PRESENT || vhdx_offset (entry) >= store_size (layer->store))
    return -EIO;
  if (!may_block)
    return -EAGAIN;
  if (vhdx->bitmap == NULL)
    vhdx->bitmap = g_malloc (VHDX_BITMAP_SIZE);
  vhdx->bitmap_chunk = chunk;
  result = vhdx_read (layer, vhdx_offset (entry), vhdx->bitmap, VHDX_BITMAP_SIZE);
  if (result < 0)
    g_clear_pointer (&vhdx->bitmap, g_free);
  return result;
}

/* 2.5.1.1, “partially present”: a set bit says that the sector is here, a clear one that it is the parent's.
 */
static int
map_partial (ImageLayer *layer, uint32_t block, uint32_t inside, uint64_t length, bool may_block,
             LayerExtent *extent)
{
  Vhdx *vhdx = layer->state;
  uint64_t sectors_per_block = vhdx->block_size / vhdx->sector_size,
           base = block % vhdx->chunk_ratio * sectors_per_block, i = inside / vhdx->sector_size;
  bool here;
  int result = load_bitmap (layer, block, may_block);

  if (result < 0)
    return result;
  here = (vhdx->bitmap[(base + i) / 8] >> ((base + i) % 8)) & 1;
  for (i++; i < sectors_per_block && i * vhdx->sector_size - inside < length
            && ((vhdx->bitmap[(base + i) / 8] >> ((base + i) % 8)) & 1) == here;
       i++)
    ;
  extent->length = MIN (i * vhdx->sector_size - inside, length);
  extent->kind = here ? EXTENT_DATA : EXTENT_ABSENT;
  return 0;
}

/* Whether an entry says that a whole block is absent, or zero; else it has data. */
static bool
is_empty (const Vhdx *vhdx, uint64_t entry, ExtentKind *kind)
{
  unsigned state = vhdx_state (entry);

  *kind = state == VHDX_NOT_PRESENT && vhdx->has_parent ? EXTENT_ABSENT : EXTENT_ZERO;
  return state <= VHDX_UNMAPPED;
}

static uint64_t
empty_run (const Vhdx *vhdx, uint32_t block, uint64_t run, uint64_t length, ExtentKind kind)
{
  ExtentKind next;

  while (run < length && is_empty (vhdx, vhdx->bat[vhdx_bat_index (vhdx, ++block)], &next) && next == kind)
    run += vhdx->block_size;
  return MIN (run, length);
}

static int
vhdx_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  Vhdx *vhdx = layer->state;
  uint32_t block = offset / vhdx->block_size, inside = offset % vhdx->block_size;
  uint64_t entry = vhdx->bat[vhdx_bat_index (vhdx, block)], run = vhdx->block_size - inside,
           at = vhdx_offset (entry) + inside;
  int result = 0;

  *extent = (LayerExtent){ .length = MIN (run, length) };
  if (is_empty (vhdx, entry, &extent->kind))
    {
      extent->length = empty_run (vhdx, block, run, length, extent->kind);
      return 0;
    }
  if (vhdx_state (entry) == VHDX_FULLY_PRESENT)
    extent->kind = EXTENT_DATA;
  else if (vhdx_state (entry) == VHDX_PARTIALLY_PRESENT && vhdx->has_parent)
    result = map_partial (layer, block, inside, extent->length, may_block, extent);
  else
    return -EIO;
  if (result < 0 || extent->kind != EXTENT_DATA)
    return result;
  /* The log is of metadata (2.3): one that changes data is damaged. */
  if (vhdx_offset (entry) < (1 << 20) || at >= store_size (layer->store)
      || vhdx_is_patched (vhdx, at, extent->length))
    return -EIO;
  extent->store = layer->store;
  extent->offset = at;
  return 0;
}

/* --- telling --- */

static void
vhdx_describe (ImageLayer *layer, ImageInfo *info)
{
  Vhdx *vhdx = layer->state;
  const uint8_t *id = vhdx->disk_id;
  uint8_t name[512];
  g_autofree char *creator = NULL;

  g_free (info->subformat);
  info->subformat = g_strdup (vhdx->has_parent ? "differencing" : vhdx->fixed ? "fixed" : "dynamic");
  info->cluster_size = vhdx->block_size;
  info->dirty |= vhdx->log_replayed;
  image_info_detail (info, "unique id", "%08x-%04x-%04x-%04x-%04x%08x", load_le32 (id), load_le16 (id + 4),
                     load_le16 (id + 6), load_be16 (id + 8), load_be16 (id + 10), load_be32 (id + 12));
  image_info_detail (info, "sectors", "%u bytes, physical %u", vhdx->sector_size, vhdx->physical_sector_size);
  /* 2.2.1: the creator, at 8. */
  if (store_read (layer->store, 8, name, sizeof name) == 0)
    creator = windows_text (name, sizeof name, false);
  if (creator != NULL && *creator != 0)
    image_info_detail (info, "creator", "%s", creator);
  if (vhdx->log_replayed)
    image_info_detail (info, "log", "was not closed; its log is replayed in memory");
}

const ImageFormat image_vhdx = {
  .name = "vhdx",
  .suffix = ".vhdx",
  .probe = vhdx_probe,
  .open = vhdx_open,
  .close = vhdx_close,
  .check_backing = vhdx_check_backing,
  .map = vhdx_map,
  .describe = vhdx_describe,
  .check = vhdx_check,
};
