/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

static bool
refuse (ImageLayer *layer, GError **error, const char *cause)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "VDI image “%s” %s", layer->store->path, cause);
  return false;
}

static uint64_t
map_bytes (uint64_t n_blocks)
{
  return (n_blocks * 4 + 511) / 512 * 512;
}

/* The plan of a longer map. The header's one sector switches from the old map, data and size to the new ones.
 */
typedef struct {
  uint64_t size;
  uint32_t n_blocks;
  uint32_t map_offset;
  uint64_t data_offset;
  uint32_t moved; /* blocks in the new map's way, the first ones: they go to the end */
  uint32_t shift; /* indices count from so many blocks later */
  uint32_t next;
} Growth;

static bool
plan (ImageLayer *layer, uint64_t size, Growth *growth)
{
  Vdi *vdi = layer->state;
  uint64_t stride = vdi_stride (vdi), map_end, shift;

  *growth = (Growth){
    .size = size, .map_offset = vdi->map_offset, .data_offset = vdi->data_offset, .next = vdi->next
  };
  growth->n_blocks = (size + vdi->block_size - 1) / vdi->block_size;
  if (vdi->map_offset + map_bytes (growth->n_blocks) <= vdi->data_offset)
    return true;

  growth->map_offset += map_bytes (vdi->n_blocks);
  map_end = growth->map_offset + map_bytes (growth->n_blocks);
  shift = map_end > vdi->data_offset ? (map_end - vdi->data_offset + stride - 1) / stride : 0;
  growth->shift = shift;
  growth->moved = MIN (vdi->next, shift);
  growth->next = MAX (vdi->next, growth->shift) + growth->moved - growth->shift;
  growth->data_offset += shift * stride;
  return growth->data_offset <= UINT32_MAX;
}

/* To behind all others. The old map leads to them there before the new one is written where they were. */
static int
move_first_blocks (ImageLayer *layer, const Growth *growth)
{
  Vdi *vdi = layer->state;
  uint32_t target = MAX (vdi->next, growth->shift);
  int result = 0;

  if (growth->shift == 0)
    return 0;
  for (uint32_t i = 0; i < growth->moved && result == 0; i++)
    result = vdi_copy_block (layer, i, target + i);
  if (result < 0)
    return result;
  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    if (vdi->map[i] < growth->moved)
      {
        g_array_append_val (vdi->freed, vdi->map[i]);
        vdi->map[i] += target;
        vdi_mark_map (vdi, i);
      }
  vdi->next = target + growth->moved;
  vdi->header_dirty = layer->dirty = true;
  return vdi_flush (layer);
}

/* *@map (transfer full): as it is then. */
static int
write_new_map (ImageLayer *layer, const Growth *growth, uint32_t **map)
{
  Vdi *vdi = layer->state;
  uint64_t length = map_bytes (growth->n_blocks);
  g_autofree uint32_t *entries = g_try_malloc0 (length);
  uint32_t first = 0;
  int result;

  if (entries == NULL)
    return -ENOMEM;
  for (uint32_t i = 0; i < growth->n_blocks; i++)
    {
      uint32_t entry = i < vdi->n_blocks        ? vdi->map[i]
                       : vdi->type == VDI_FIXED ? growth->next + growth->shift + (i - vdi->n_blocks)
                                                : VDI_FREE;

      entries[i] = GUINT32_TO_LE (vdi_is_allocated (entry) ? entry - growth->shift : entry);
    }
  /* In place: nothing that counts now is written. */
  if (growth->map_offset == vdi->map_offset)
    first = vdi->n_blocks;
  result = store_write (layer->store, growth->map_offset + first * UINT64_C (4), entries + first,
                        length - first * UINT64_C (4));
  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return result;
  for (uint32_t i = 0; i < growth->n_blocks; i++)
    entries[i] = GUINT32_FROM_LE (entries[i]);
  *map = g_steal_pointer (&entries);
  return 0;
}

static int
switch_header (ImageLayer *layer, const Growth *growth)
{
  Vdi *vdi = layer->state;
  uint32_t next = growth->next + (vdi->type == VDI_FIXED ? growth->n_blocks - vdi->n_blocks : 0);
  uint64_t end = growth->data_offset + next * vdi_stride (vdi);
  uint8_t old[VDI_HEADER_SIZE];
  int result = 0;

  if (store_size (layer->store) < end)
    result = store_resize (layer->store, end);
  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return result;
  memcpy (old, vdi->header, VDI_HEADER_SIZE);
  store_le32 (vdi->header + VDI_AT_MAP_OFFSET, growth->map_offset);
  store_le32 (vdi->header + VDI_AT_DATA_OFFSET, growth->data_offset);
  store_le64 (vdi->header + VDI_AT_DISK_SIZE, growth->size);
  store_le32 (vdi->header + VDI_AT_BLOCKS, growth->n_blocks);
  store_le32 (vdi->header + VDI_AT_ALLOCATED, next);
  return vdi_switch_header (layer, old);
}

/* What lies behind the disk's end in its last block would come to light. */
static int
zero_rest_of_last_block (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  uint32_t inside = layer->size % vdi->block_size, index = vdi->map[vdi->n_blocks - 1];

  if (inside == 0 || !vdi_is_allocated (index))
    return 0;
  return store_zero (layer->store, vdi_data_at (vdi, index) + inside, vdi->block_size - inside);
}

static int
grow (ImageLayer *layer, uint64_t size)
{
  Vdi *vdi = layer->state;
  g_autofree uint32_t *map = NULL;
  Growth growth;
  int result;

  if (!plan (layer, size, &growth))
    return -EFBIG;
  result = zero_rest_of_last_block (layer);
  if (result == 0)
    result = move_first_blocks (layer, &growth);
  if (result == 0)
    result = write_new_map (layer, &growth, &map);
  if (result == 0)
    result = switch_header (layer, &growth);
  if (result < 0)
    {
      vdi_find_holes (vdi); /* where the new map was to be */
      return result;
    }
  vdi->map_offset = growth.map_offset;
  vdi->data_offset = growth.data_offset;
  vdi_adopt_map (vdi, g_steal_pointer (&map), growth.n_blocks);
  return 0;
}

static int
drop_blocks_from (ImageLayer *layer, uint32_t first)
{
  Vdi *vdi = layer->state;

  for (uint32_t i = first; i < vdi->n_blocks; i++)
    if (vdi_is_allocated (vdi->map[i]))
      {
        g_array_append_val (vdi->freed, vdi->map[i]);
        vdi->map[i] = VDI_FREE;
        vdi_mark_map (vdi, i);
        layer->dirty = true;
      }
  return layer->dirty ? vdi_flush (layer) : 0;
}

static int
shrink (ImageLayer *layer, uint64_t size)
{
  Vdi *vdi = layer->state;
  uint32_t n_blocks = (size + vdi->block_size - 1) / vdi->block_size, old_n_blocks = vdi->n_blocks;
  uint8_t old[VDI_HEADER_SIZE];
  int result = drop_blocks_from (layer, n_blocks);

  if (result == 0 && n_blocks < old_n_blocks)
    {
      vdi->n_blocks = n_blocks; /* holes are given to blocks that stay */
      result = vdi_compact_below (layer, n_blocks);
      vdi->n_blocks = old_n_blocks;
    }
  if (result < 0)
    return result;
  memcpy (old, vdi->header, VDI_HEADER_SIZE);
  store_le64 (vdi->header + VDI_AT_DISK_SIZE, size);
  store_le32 (vdi->header + VDI_AT_BLOCKS, n_blocks);
  result = vdi_switch_header (layer, old);
  if (result == 0)
    vdi_adopt_map (vdi, vdi->map, n_blocks);
  return result;
}

bool
vdi_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  Vdi *vdi = layer->state;
  int result = layer->dirty ? vdi_flush (layer) : 0;

  if (size == layer->size)
    return true;
  if (size == 0 || size > (uint64_t)VDI_MAX_MAP / 4 * vdi->block_size)
    return refuse (layer, error,
                   "can't get so large, because its blocks are too small; convert it to qcow2 first");
  if (result == 0)
    result = vdi_compact (layer); /* no holes */
  if (result == 0)
    result = size > layer->size ? grow (layer, size) : shrink (layer, size);
  if (result == -EFBIG)
    return refuse (layer, error,
                   "can't get so large, because there is no room for its map; convert it to qcow2 first");
  if (result < 0)
    return vmm_set_errno_error (error, -result, "VDI image “%s” could not be resized", layer->store->path);
  layer->size = size;
  return true;
}
