/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

/* Blocks at @limit and beyond go to holes below it. */
static int
move_down (ImageLayer *layer, uint32_t limit)
{
  Vdi *vdi = layer->state;
  guint hole = 0;
  int result = 0;

  for (uint32_t i = 0; i < vdi->n_blocks && result == 0; i++)
    {
      uint32_t index = vdi->map[i];

      if (!vdi_is_allocated (index) || index < limit)
        continue;
      if (hole == vdi->holes->len)
        break; /* not with as many blocks as @limit */
      result = vdi_copy_block (layer, index, g_array_index (vdi->holes, VdiRoom, hole).index);
      if (result < 0)
        break;
      vdi->map[i] = g_array_index (vdi->holes, VdiRoom, hole++).index;
      g_array_append_val (vdi->freed, index);
      vdi_mark_map (vdi, i);
      layer->dirty = true;
    }
  return result == 0 && layer->dirty ? vdi_flush (layer) : result;
}

/* Blocks of zeroes get what nobody has: it takes no space, and nothing need move. */
static int
give_holes (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  uint32_t block = 0;
  int result = 0;

  for (guint i = 0; i < vdi->holes->len && result == 0; i++)
    {
      const VdiRoom *room = &g_array_index (vdi->holes, VdiRoom, i);
      uint64_t at = vdi_block_at (vdi, room->index), length = vdi_stride (vdi);

      while (block < vdi->n_blocks && vdi_is_allocated (vdi->map[block]))
        block++;
      if (block == vdi->n_blocks)
        break;
      if (!room->zero)
        result = store_punch (layer->store, at, length);
      if (result < 0)
        result = store_zero (layer->store, at, length);
      if (result < 0)
        break;
      vdi->map[block] = room->index;
      vdi_mark_map (vdi, block);
      layer->dirty = true;
    }
  g_array_set_size (vdi->holes, 0);
  return result == 0 && layer->dirty ? vdi_flush (layer) : result;
}

/* The header's count, and where the file ends. */
static int
set_end (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  uint64_t end = vdi_block_at (vdi, vdi->next);
  int result = 0;

  if (store_size (layer->store) < end)
    result = store_resize (layer->store, end);
  if (result == 0 && load_le32 (vdi->header + VDI_AT_ALLOCATED) != vdi->next)
    {
      store_le32 (vdi->header + VDI_AT_ALLOCATED, vdi->next);
      result = vdi_write_header (layer);
      if (result < 0)
        vdi->header_dirty = layer->dirty = true;
    }
  if (result == 0 && store_size (layer->store) >= end + vdi_stride (vdi) && !layer->store->fixed_size)
    result = store_resize (layer->store, end);
  return result;
}

int
vdi_compact_below (ImageLayer *layer, uint32_t limit)
{
  Vdi *vdi = layer->state;
  int result = vdi_settle (layer, true);

  if (result < 0)
    return result;
  vdi_find_holes (vdi);
  if (vdi->next > limit)
    {
      result = move_down (layer, limit);
      vdi_find_holes (vdi);
    }
  if (result == 0 && vdi->holes->len > 0)
    result = give_holes (layer);
  if (result == 0)
    result = set_end (layer);
  if (result < 0)
    vdi_find_holes (vdi); /* some were given, or moved to */
  return result;
}

int
vdi_compact (ImageLayer *layer)
{
  return vdi_compact_below (layer, ((Vdi *)layer->state)->n_blocks);
}
