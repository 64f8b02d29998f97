/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

#include <errno.h>
#include <string.h>

#define MAX_RUN   64u /* blocks of one place */
#define COPY_SIZE (UINT64_C (1) << 20)

int
vdi_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  Vdi *vdi = layer->state;
  uint32_t block = offset / vdi->block_size, inside = offset % vdi->block_size, first = vdi->map[block];
  uint64_t run = vdi->block_size - inside;

  *extent = (LayerExtent){ .kind = EXTENT_ZERO };
  if (!vdi_is_allocated (first))
    {
      while (run < length && !vdi_is_allocated (vdi->map[++block]))
        run += vdi->block_size;
      extent->length = MIN (run, length);
      return 0;
    }
  if (!vdi_index_fits (layer, first))
    return -EIO;
  for (uint32_t n = 1; run < length && vdi->block_extra == 0 && vdi->map[block + n] == first + n
                       && vdi_index_fits (layer, first + n);
       n++)
    run += vdi->block_size;
  *extent = (LayerExtent){
    .kind = EXTENT_DATA,
    .writable = true,
    .length = MIN (run, length),
    .store = layer->store,
    .offset = vdi_data_at (vdi, first) + inside,
  };
  return 0;
}

/* --- room --- */

static VdiPending *
find_pending (const Vdi *vdi, uint32_t block)
{
  return g_hash_table_lookup (vdi->pending, &block);
}

static void
add_pending (Vdi *vdi, uint32_t block, uint32_t index)
{
  VdiPending *pending = g_new0 (VdiPending, 1);

  pending->block = block;
  pending->index = index;
  pending->pins = 1;
  g_hash_table_insert (vdi->pending, &pending->block, pending);
}

static int
make_zero (ImageLayer *layer, uint32_t index)
{
  return store_zero (layer->store, vdi_block_at (layer->state, index), vdi_stride (layer->state));
}

/* One index that was used before. */
static int
take_hole (ImageLayer *layer, bool may_block, uint32_t *index)
{
  Vdi *vdi = layer->state;
  VdiRoom room = g_array_index (vdi->holes, VdiRoom, vdi->holes->len - 1);
  int result = 0;

  if (!room.zero && !may_block)
    return -EAGAIN;
  if (!room.zero)
    result = make_zero (layer, room.index);
  if (result < 0)
    return result;
  g_array_set_size (vdi->holes, vdi->holes->len - 1);
  *index = room.index;
  return 0;
}

/* At most *@n new indices at the end; no index reaches the number of blocks. */
static int
take_end (ImageLayer *layer, bool may_block, uint32_t *index, uint32_t *n)
{
  Vdi *vdi = layer->state;
  int result = 0;

  *n = MIN (*n, vdi->n_blocks - vdi->next);
  *index = vdi->next;
  if (layer->store->fixed_size && vdi_block_at (vdi, vdi->next + *n) > store_size (layer->store))
    return -ENOSPC;
  if (vdi_block_at (vdi, vdi->next) < store_size (layer->store))
    {
      if (!may_block)
        return -EAGAIN;
      *n = 1;
      result = make_zero (layer, *index);
    }
  if (result == 0)
    {
      vdi->next += *n;
      vdi->header_dirty = true;
    }
  return result;
}

/* Consecutive blocks from @block on that have no room yet. */
static uint32_t
count_new (const Vdi *vdi, uint32_t block, uint64_t length)
{
  uint32_t most = vdi->block_extra != 0 ? 1 : MIN (MAX_RUN, (length + vdi->block_size - 1) / vdi->block_size);
  uint32_t n = 0;

  while (n < most && block + n < vdi->n_blocks && !vdi_is_allocated (vdi->map[block + n])
         && find_pending (vdi, block + n) == NULL)
    n++;
  return n;
}

static int
take_room (ImageLayer *layer, bool may_block, uint32_t *index, uint32_t *n)
{
  Vdi *vdi = layer->state;
  int result = 0;

  if (vdi->holes->len == 0 && vdi->next >= vdi->n_blocks)
    {
      result = may_block ? vdi_flush (layer) : -EAGAIN; /* what was freed becomes holes */
      if (result == 0 && vdi->holes->len == 0)
        result = -EIO;
    }
  if (result < 0)
    return result;
  if (vdi->holes->len == 0)
    return take_end (layer, may_block, index, n);
  *n = 1;
  return take_hole (layer, may_block, index);
}

int
vdi_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  Vdi *vdi = layer->state;
  uint32_t block = offset / vdi->block_size, n, index;
  VdiPending *pending = find_pending (vdi, block);
  int result = vdi_settle (layer, may_block);

  if (result < 0)
    return result;
  if (pending != NULL)
    {
      pending->pins++;
      index = pending->index;
      n = 1;
    }
  else if (vdi_is_allocated (vdi->map[block]))
    return -EIO; /* it fits not in the file, else map would have given it */
  else
    {
      n = count_new (vdi, block, length + offset % vdi->block_size);
      result = take_room (layer, may_block, &index, &n);
      if (result < 0)
        return result;
      for (uint32_t i = 0; i < n; i++)
        add_pending (vdi, block + i, index + i);
    }
  *place = (ImagePlace){
    .offset = (uint64_t)block * vdi->block_size,
    .length = (uint64_t)n * vdi->block_size,
    .store = layer->store,
    .store_offset = vdi_data_at (vdi, index),
    .zeroed = true,
    .tag = { block, n },
  };
  return 0;
}

void
vdi_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  Vdi *vdi = layer->state;
  uint32_t first = offset / vdi->block_size, last = (offset + length - 1) / vdi->block_size;

  for (uint32_t block = first; block <= last; block++)
    {
      VdiPending *pending = find_pending (vdi, block);

      if (pending == NULL || pending->linked)
        continue;
      pending->linked = true;
      vdi->map[block] = pending->index;
      vdi_mark_map (vdi, block);
    }
  layer->dirty = true;
}

void
vdi_unplace (ImageLayer *layer, const ImagePlace *place)
{
  Vdi *vdi = layer->state;

  for (uint32_t i = 0; i < place->tag[1]; i++)
    {
      VdiPending *pending = find_pending (vdi, place->tag[0] + i);

      if (pending == NULL || --pending->pins > 0)
        continue;
      if (!pending->linked)
        g_array_append_val (vdi->holes, ((VdiRoom){ .index = pending->index }));
      g_hash_table_remove (vdi->pending, &pending->block);
    }
}

/* --- giving room back --- */

int
vdi_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block)
{
  Vdi *vdi = layer->state;
  uint32_t first = offset / vdi->block_size, last = (offset + length - 1) / vdi->block_size;
  int result = vdi_settle (layer, may_block);

  if (result < 0)
    return result;
  if (vdi->type == VDI_FIXED)
    return -EOPNOTSUPP;
  for (uint32_t i = first; i <= last; i++)
    if (find_pending (vdi, i) != NULL)
      return -EBUSY;
  for (uint32_t i = first; i <= last; i++)
    if (vdi_is_allocated (vdi->map[i]))
      {
        g_array_append_val (vdi->freed, vdi->map[i]);
        vdi->map[i] = VDI_ZERO;
        vdi_mark_map (vdi, i);
        layer->dirty = true;
      }
  return 0;
}

/* --- flushing --- */

static int
write_map (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  int result = 0;

  for (uint32_t sector = 0; sector * VDI_ENTRY_SECTOR < vdi->n_blocks && result == 0; sector++)
    if (vdi->map_dirty[sector / 8] & (1 << (sector % 8)))
      {
        uint32_t entries[VDI_ENTRY_SECTOR], first = sector * VDI_ENTRY_SECTOR,
                                            n = MIN (VDI_ENTRY_SECTOR, vdi->n_blocks - first);

        for (uint32_t i = 0; i < n; i++)
          entries[i] = GUINT32_TO_LE (vdi->map[first + i]);
        result = store_write (layer->store, vdi->map_offset + first * UINT64_C (4), entries, n * 4);
      }
  return result;
}

static void
release_freed (ImageLayer *layer)
{
  Vdi *vdi = layer->state;

  for (guint i = 0; i < vdi->freed->len; i++)
    {
      VdiRoom room = { .index = g_array_index (vdi->freed, uint32_t, i) };

      room.zero = store_punch (layer->store, vdi_block_at (vdi, room.index), vdi_stride (vdi)) == 0;
      g_array_append_val (vdi->holes, room);
    }
  g_array_set_size (vdi->freed, 0);
}

/* Blocks are whole in the file, even if their ends were never written. */
static int
write_count (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  uint64_t end = vdi_block_at (vdi, vdi->next);
  int result = 0;

  store_le32 (vdi->header + VDI_AT_ALLOCATED, vdi->next);
  if (store_size (layer->store) < end)
    result = store_resize (layer->store, end);
  return result == 0 ? store_write (layer->store, 0, vdi->header, VDI_HEADER_SIZE) : result;
}

int
vdi_flush (ImageLayer *layer)
{
  Vdi *vdi = layer->state;
  int result = vdi_settle (layer, true);

  if (result == 0 && vdi->header_dirty)
    result = write_count (layer);
  if (result == 0)
    result = store_sync (layer->store);
  if (result == 0)
    {
      vdi->header_dirty = false;
      result = write_map (layer);
    }
  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return result;
  memset (vdi->map_dirty, 0, vdi->n_blocks / VDI_ENTRY_SECTOR / 8 + 1);
  release_freed (layer);
  layer->dirty = false;
  return 0;
}

/* --- order --- */

void
vdi_find_holes (Vdi *vdi)
{
  g_autofree uint8_t *used = NULL;
  uint32_t next = 0;

  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    if (vdi_is_allocated (vdi->map[i]))
      next = MAX (next, vdi->map[i] + 1);
  for (guint i = 0; i < vdi->freed->len; i++)
    next = MAX (next, g_array_index (vdi->freed, uint32_t, i) + 1);
  used = g_malloc0 (next / 8 + 1);
  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    if (vdi_is_allocated (vdi->map[i]))
      used[vdi->map[i] / 8] |= 1 << (vdi->map[i] % 8);
  for (guint i = 0; i < vdi->freed->len; i++)
    {
      uint32_t index = g_array_index (vdi->freed, uint32_t, i);

      used[index / 8] |= 1 << (index % 8);
    }
  vdi->next = next;
  g_array_set_size (vdi->holes, 0);
  for (uint32_t i = 0; i < next; i++)
    if (!(used[i / 8] & (1 << (i % 8))))
      g_array_append_val (vdi->holes, ((VdiRoom){ .index = i }));
}

int
vdi_copy_block (ImageLayer *layer, uint32_t from, uint32_t to)
{
  Vdi *vdi = layer->state;
  g_autofree uint8_t *buffer = g_malloc (COPY_SIZE);
  uint64_t source = vdi_block_at (vdi, from), target = vdi_block_at (vdi, to), left = vdi_stride (vdi);
  int result = 0;

  for (uint64_t n; left > 0 && result == 0; source += n, target += n, left -= n)
    {
      n = MIN (left, COPY_SIZE);
      result = store_read (layer->store, source, buffer, n);
      if (result == 0)
        result = store_write (layer->store, target, buffer, n);
    }
  return result;
}
