/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include <errno.h>
#include <string.h>

#define MAX_CLEAN_BITMAPS 4096u  /* in memory, of blocks with clear bits */
#define MAX_DIRTY_BITMAPS 16384u /* until a place flushes them */
#define BAT_ENTRIES       128u   /* of one sector */

static uint64_t
block_at (const Vhd *vhd, uint32_t block)
{
  return vhd->bat[block] * (uint64_t)VHD_SECTOR;
}

static VhdBlock *
find_block (const Vhd *vhd, uint32_t block)
{
  return g_hash_table_lookup (vhd->blocks, &block);
}

static VhdBlock *
new_block (Vhd *vhd, uint32_t block, VhdSlot slot)
{
  VhdBlock *b = g_malloc0 (sizeof (VhdBlock) + vhd->bitmap_size);

  b->block = block;
  b->slot = slot;
  g_hash_table_insert (vhd->blocks, &b->block, b);
  return b;
}

static void
forget_block (Vhd *vhd, VhdBlock *b)
{
  vhd->n_dirty -= b->dirty;
  g_hash_table_remove (vhd->blocks, &b->block);
}

static void
set_dirty (ImageLayer *layer, VhdBlock *b)
{
  Vhd *vhd = layer->state;

  vhd->n_dirty += !b->dirty;
  b->dirty = true;
  layer->dirty = true;
}

void
vhd_mark_bat (Vhd *vhd, uint32_t block)
{
  vhd->bat_dirty[block / BAT_ENTRIES / 8] |= 1 << (block / BAT_ENTRIES % 8);
}

static bool
all_set (const Vhd *vhd, const uint8_t *bits)
{
  for (uint32_t i = 0; i < vhd_sectors_per_block (vhd) / 8; i++)
    if (bits[i] != 0xff)
      return false;
  return true;
}

static void
drop_clean (Vhd *vhd)
{
  GHashTableIter iter;
  VhdBlock *b;

  g_hash_table_iter_init (&iter, vhd->blocks);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *)&b))
    if (b->pins == 0 && !b->dirty)
      g_hash_table_iter_remove (&iter);
}

/* The bitmap of an allocated block into memory, unless it is known to be full: then *@block stays NULL. */
static int
load_block (ImageLayer *layer, uint32_t number, bool may_block, VhdBlock **block)
{
  Vhd *vhd = layer->state;
  VhdRegion regions[3 + VHD_N_LOCATORS];
  uint64_t file_size = store_size (layer->store), at = block_at (vhd, number);
  unsigned n;
  VhdBlock *b;
  int result;

  *block = find_block (vhd, number);
  if (*block != NULL || vhd_bit (vhd->full, number))
    return 0;
  n = vhd_regions (vhd, file_size, regions);
  if (!vhd_block_fits (vhd, file_size, regions, n, at))
    return -EIO;
  if (!may_block)
    return -EAGAIN;
  if (g_hash_table_size (vhd->blocks) >= MAX_CLEAN_BITMAPS + vhd->n_dirty)
    drop_clean (vhd);
  b = new_block (vhd, number, (VhdSlot){ .at = at });
  b->linked = true;
  result = store_read (layer->store, at, b->bits, vhd->bitmap_size);
  if (result < 0 || all_set (vhd, b->bits))
    {
      if (result == 0)
        vhd_set_bit (vhd->full, number);
      forget_block (vhd, b);
      return result;
    }
  *block = b;
  return 0;
}

int
vhd_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  Vhd *vhd = layer->state;
  uint32_t number, inside;
  uint64_t run, first, i;
  VhdBlock *b;
  bool set = true;
  int result;

  if (vhd->type == VHD_FIXED)
    {
      *extent = (LayerExtent){
        .kind = EXTENT_DATA, .writable = true, .length = length, .store = layer->store, .offset = offset
      };
      return 0;
    }
  number = offset / vhd->block_size;
  inside = offset % vhd->block_size;
  run = vhd->block_size - inside;
  first = inside / VHD_SECTOR;
  *extent = (LayerExtent){ .kind = EXTENT_ABSENT };
  if (vhd->bat[number] == VHD_UNUSED)
    {
      while (run < length && vhd->bat[++number] == VHD_UNUSED)
        run += vhd->block_size;
      extent->length = MIN (run, length);
      return 0;
    }

  result = load_block (layer, number, may_block, &b);
  if (result < 0)
    return result;
  if (b != NULL)
    {
      set = vhd_bit (b->bits, first);
      for (i = first + 1; i < vhd_sectors_per_block (vhd) && vhd_bit (b->bits, i) == set; i++)
        ;
      run = i * VHD_SECTOR - inside;
    }
  extent->length = MIN (run, length);
  if (set)
    {
      extent->kind = EXTENT_DATA;
      extent->writable = true;
      extent->store = layer->store;
      extent->offset = block_at (vhd, number) + vhd->bitmap_size + inside;
    }
  return 0;
}

/* --- room --- */

void
vhd_move_block (ImageLayer *layer, uint32_t block, VhdSlot slot)
{
  Vhd *vhd = layer->state;
  VhdBlock *b = find_block (vhd, block);

  g_array_append_val (vhd->freed, ((VhdSlot){ .at = block_at (vhd, block) }));
  if (b != NULL)
    b->slot = slot;
  vhd->bat[block] = slot.at / VHD_SECTOR;
  vhd_mark_bat (vhd, block);
  layer->dirty = true;
}

void
vhd_set_n_blocks (Vhd *vhd, uint32_t n_blocks)
{
  uint32_t old = vhd->n_blocks;

  vhd->bat = g_renew (uint32_t, vhd->bat, n_blocks);
  vhd->full = g_realloc (vhd->full, n_blocks / 8 + 1);
  for (uint32_t i = old; i < n_blocks; i++)
    vhd->bat[i] = VHD_UNUSED;
  if (n_blocks > old)
    memset (vhd->full + old / 8 + 1, 0, n_blocks / 8 - old / 8);
  g_free (vhd->bat_dirty);
  vhd->bat_dirty = g_new0 (uint8_t, n_blocks / BAT_ENTRIES / 8 + 1);
  vhd->n_blocks = n_blocks;
  vhd_forget_free_slots (vhd);
}

static int
prepare_block (ImageLayer *layer, uint32_t number, bool may_block, VhdBlock **block)
{
  Vhd *vhd = layer->state;
  VhdSlot slot;
  int result = vhd_settle (layer, may_block);

  if (result < 0)
    return result;
  *block = find_block (vhd, number);
  if (*block != NULL)
    return 0;
  if (vhd->bat[number] != VHD_UNUSED)
    return load_block (layer, number, may_block, block);
  if (vhd->n_dirty >= MAX_DIRTY_BITMAPS)
    {
      result = may_block ? vhd_flush (layer) : -EAGAIN;
      if (result < 0)
        return result;
    }
  result = vhd_take_slot (layer, may_block, &slot);
  if (result == 0)
    *block = new_block (vhd, number, slot);
  return result;
}

int
vhd_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  Vhd *vhd = layer->state;
  uint32_t number = offset / vhd->block_size;
  VhdBlock *b;
  int result = prepare_block (layer, number, may_block, &b);

  if (result < 0)
    return result;
  *place = (ImagePlace){
    .offset = (uint64_t)number * vhd->block_size,
    .length = vhd->block_size,
    .store = layer->store,
    .store_offset = (b != NULL ? b->slot.at : block_at (vhd, number)) + vhd->bitmap_size,
    .zeroed = b != NULL && !b->linked,
    .tag = { number, b != NULL },
  };
  if (b != NULL)
    b->pins++;
  return 0;
}

void
vhd_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  Vhd *vhd = layer->state;
  uint32_t number = place->tag[0];
  VhdBlock *b = place->tag[1] ? find_block (vhd, number) : NULL;
  uint64_t first = (offset - place->offset) / VHD_SECTOR, n = length / VHD_SECTOR;

  if (b == NULL)
    return;
  if (!b->linked)
    {
      b->linked = b->fresh = true;
      vhd->bat[number] = b->slot.at / VHD_SECTOR;
      vhd_mark_bat (vhd, number);
      /* "Implementing a Dynamic Disk": room is zero when it is taken, so that the whole block is valid. */
      if (vhd->type == VHD_DYNAMIC)
        memset (b->bits, 0xff, vhd_sectors_per_block (vhd) / 8);
    }
  for (uint64_t i = first; i < first + n; i++)
    vhd_set_bit (b->bits, i);
  if (all_set (vhd, b->bits))
    vhd_set_bit (vhd->full, number);
  set_dirty (layer, b);
}

void
vhd_unplace (ImageLayer *layer, const ImagePlace *place)
{
  Vhd *vhd = layer->state;
  VhdBlock *b = place->tag[1] ? find_block (vhd, place->tag[0]) : NULL;

  if (b == NULL || --b->pins > 0 || b->linked)
    return;
  b->slot.zero = false;
  g_array_append_val (vhd->free_slots, b->slot);
  forget_block (vhd, b);
}

/* --- giving room back --- */

static void
unmap_block (ImageLayer *layer, uint32_t number)
{
  Vhd *vhd = layer->state;
  VhdBlock *b = find_block (vhd, number);
  VhdSlot slot = { .at = block_at (vhd, number) };

  if (b != NULL)
    forget_block (vhd, b);
  g_array_append_val (vhd->freed, slot);
  vhd->bat[number] = VHD_UNUSED;
  vhd_clear_bit (vhd->full, number);
  vhd_mark_bat (vhd, number);
  layer->dirty = true;
}

int
vhd_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block)
{
  Vhd *vhd = layer->state;
  VhdRegion regions[3 + VHD_N_LOCATORS];
  uint64_t file_size = store_size (layer->store);
  uint32_t first, last;
  unsigned n;
  int result = vhd->type == VHD_FIXED ? -EOPNOTSUPP : vhd_settle (layer, may_block);

  if (result < 0)
    return result;
  first = offset / vhd->block_size;
  last = (offset + length - 1) / vhd->block_size;
  n = vhd_regions (vhd, file_size, regions);
  /* Nothing in a differencing disk says “zero”. */
  if (vhd->type == VHD_DIFFERENCING && kind == UNMAP_ZERO)
    return -EOPNOTSUPP;
  for (uint32_t i = first; i <= last; i++)
    {
      VhdBlock *b = find_block (vhd, i);

      if (b != NULL && b->pins > 0)
        return -EBUSY;
      if (vhd->bat[i] != VHD_UNUSED && (b == NULL || !b->fresh)
          && !vhd_block_fits (vhd, file_size, regions, n, block_at (vhd, i)))
        return -EIO;
    }
  for (uint32_t i = first; i <= last; i++)
    if (vhd->bat[i] != VHD_UNUSED)
      unmap_block (layer, i);
  return 0;
}

/* --- flushing --- */

/* @fresh: bitmaps that no BAT entry in the store leads to; else the others. */
static int
write_bitmaps (ImageLayer *layer, bool fresh)
{
  Vhd *vhd = layer->state;
  GHashTableIter iter;
  VhdBlock *b;
  int result = 0;

  g_hash_table_iter_init (&iter, vhd->blocks);
  while (result == 0 && g_hash_table_iter_next (&iter, NULL, (gpointer *)&b))
    if (b->dirty && b->fresh == fresh)
      result = store_write (layer->store, b->slot.at, b->bits, vhd->bitmap_size);
  return result;
}

static int
write_bat (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  int result = 0;

  for (uint32_t sector = 0; sector * BAT_ENTRIES < vhd->n_blocks && result == 0; sector++)
    if (vhd->bat_dirty[sector / 8] & (1 << (sector % 8)))
      {
        uint32_t entries[BAT_ENTRIES], first = sector * BAT_ENTRIES,
                                       n = MIN (BAT_ENTRIES, vhd->n_blocks - first);

        for (uint32_t i = 0; i < n; i++)
          entries[i] = GUINT32_TO_BE (vhd->bat[first + i]);
        result = store_write (layer->store, vhd->bat_offset + first * UINT64_C (4), entries, n * 4);
      }
  return result;
}

/* The bitmaps of all, or of the fresh blocks only, are written. */
static void
bitmaps_are_clean (Vhd *vhd, bool fresh)
{
  GHashTableIter iter;
  VhdBlock *b;

  g_hash_table_iter_init (&iter, vhd->blocks);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *)&b))
    {
      if (b->dirty && b->fresh == fresh)
        {
          b->dirty = b->fresh = false;
          vhd->n_dirty--;
        }
      if (b->pins == 0 && b->linked && !b->dirty && vhd_bit (vhd->full, b->block))
        g_hash_table_iter_remove (&iter);
    }
}

/* The BAT in the store knows that they are free. */
static void
release_freed (ImageLayer *layer)
{
  Vhd *vhd = layer->state;

  for (guint i = 0; i < vhd->freed->len; i++)
    {
      VhdSlot slot = g_array_index (vhd->freed, VhdSlot, i);

      slot.zero = store_punch (layer->store, slot.at + vhd->bitmap_size, vhd->block_size) == 0;
      if (vhd->free_slots->len < VHD_MAX_FREE_SLOTS)
        g_array_append_val (vhd->free_slots, slot);
    }
  g_array_set_size (vhd->freed, 0);
}

static int
flush_fixed (ImageLayer *layer)
{
  int result = vhd_settle (layer, true);

  if (result == 0)
    result = store_sync (layer->store);
  layer->dirty = result < 0;
  return result;
}

int
vhd_flush (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  uint64_t footer_at = layer->store->fixed_size ? store_size (layer->store) - VHD_FOOTER_SIZE : vhd->end;
  int result;

  if (vhd->type == VHD_FIXED)
    return flush_fixed (layer);
  result = vhd_settle (layer, true);
  if (result == 0)
    result = write_bitmaps (layer, true);
  if (result == 0 && vhd->footer_at != footer_at)
    {
      vhd->footer_at = UINT64_MAX;
      result = store_write (layer->store, footer_at, vhd->footer, VHD_FOOTER_SIZE);
    }
  if (result == 0)
    result = store_sync (layer->store);
  if (result == 0)
    {
      vhd->footer_at = footer_at;
      bitmaps_are_clean (vhd, true);
      result = write_bitmaps (layer, false);
    }
  if (result == 0)
    result = write_bat (layer);
  if (result == 0)
    result = store_sync (layer->store);
  if (result < 0)
    return result;
  bitmaps_are_clean (vhd, false);
  memset (vhd->bat_dirty, 0, vhd->n_blocks / BAT_ENTRIES / 8 + 1);
  release_freed (layer);
  layer->dirty = false;
  return 0;
}
