/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include <errno.h>

/* Room in the file for new blocks: what was freed, and the end. */

static int
compare_places (gconstpointer a, gconstpointer b)
{
  const VhdRegion *one = a, *other = b;

  return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static uint64_t
slot_from (const Vhd *vhd, uint64_t at)
{
  return vhd_round_up (at + vhd->bitmap_size, VHD_ALIGNMENT) - vhd->bitmap_size;
}

/* What lies unused between the blocks: discards of earlier days. */
static void
find_free_slots (ImageLayer *layer)
{
  Vhd *vhd = layer->state;
  g_autoptr (GArray) used = g_array_new (false, false, sizeof (VhdRegion));
  VhdRegion regions[3 + VHD_N_LOCATORS];
  unsigned n = vhd_regions (vhd, store_size (layer->store), regions);
  uint64_t at = 0, stride = vhd_stride (vhd);

  vhd->free_slots_known = true;
  g_array_set_size (vhd->free_slots, 0); /* what a flush released lies there as well */
  g_array_append_vals (used, regions, n);
  for (uint32_t i = 0; i < vhd->n_blocks; i++)
    if (vhd->bat[i] != VHD_UNUSED)
      g_array_append_val (used, ((VhdRegion){ vhd->bat[i] * (uint64_t)VHD_SECTOR, stride }));
  for (guint i = 0; i < vhd->freed->len; i++)
    g_array_append_val (used, ((VhdRegion){ g_array_index (vhd->freed, VhdSlot, i).at, stride }));
  g_array_append_val (used, ((VhdRegion){ vhd->end, VHD_FOOTER_SIZE }));
  g_array_sort (used, compare_places);
  for (guint i = 0; i < used->len; i++)
    {
      const VhdRegion *region = &g_array_index (used, VhdRegion, i);

      for (uint64_t slot = slot_from (vhd, at);
           slot + stride <= region->offset && vhd->free_slots->len < VHD_MAX_FREE_SLOTS;
           slot = slot_from (vhd, slot + stride))
        g_array_append_val (vhd->free_slots, ((VhdSlot){ .at = slot }));
      at = MAX (at, region->offset + region->length);
    }
}

void
vhd_forget_free_slots (Vhd *vhd)
{
  g_array_set_size (vhd->free_slots, 0);
  vhd->free_slots_known = false;
}

static int
take_free_slot (ImageLayer *layer, VhdSlot *slot)
{
  Vhd *vhd = layer->state;
  int result = 0;

  *slot = g_array_index (vhd->free_slots, VhdSlot, vhd->free_slots->len - 1);
  if (!slot->zero)
    result = store_zero (layer->store, slot->at + vhd->bitmap_size, vhd->block_size);
  if (result < 0)
    return result;
  slot->zero = true;
  g_array_set_size (vhd->free_slots, vhd->free_slots->len - 1);
  return 0;
}

int
vhd_take_slot (ImageLayer *layer, bool may_block, VhdSlot *slot)
{
  Vhd *vhd = layer->state;
  uint64_t stride = vhd_stride (vhd), file_size = store_size (layer->store);
  int result;

  if (!vhd->free_slots_known)
    {
      if (!may_block)
        return -EAGAIN;
      find_free_slots (layer);
    }
  if (vhd->free_slots->len > 0)
    {
      bool zero = g_array_index (vhd->free_slots, VhdSlot, vhd->free_slots->len - 1).zero;

      return zero || may_block ? take_free_slot (layer, slot) : -EAGAIN;
    }

  slot->at = slot_from (vhd, vhd->end);
  slot->zero = file_size <= slot->at + vhd->bitmap_size;
  if ((slot->at + stride) / VHD_SECTOR >= VHD_UNUSED
      || (layer->store->fixed_size && slot->at + stride > file_size - VHD_FOOTER_SIZE))
    return -ENOSPC;
  if (!slot->zero)
    {
      if (!may_block)
        return -EAGAIN;
      result = store_zero (layer->store, slot->at + vhd->bitmap_size, vhd->block_size);
      if (result < 0)
        return result;
      slot->zero = true;
    }
  vhd->end = slot->at + stride;
  return 0;
}
