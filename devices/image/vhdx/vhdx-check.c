/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhdx/vhdx-private.h"

static int
compare_ranges (gconstpointer a, gconstpointer b)
{
  const VhdxRange *one = a, *other = b;

  return one->offset < other->offset ? -1 : one->offset > other->offset;
}

static void
add_range (GArray *used, uint64_t offset, uint64_t length)
{
  g_array_append_val (used, ((VhdxRange){ offset, length }));
}

static void
check_entry (ImageLayer *layer, ImageCheck *check, uint32_t block, GArray *used)
{
  Vhdx *vhdx = layer->state;
  uint64_t entry = vhdx->bat[vhdx_bat_index (vhdx, block)], offset = vhdx_offset (entry);
  unsigned state = vhdx_state (entry);

  if (state <= VHDX_UNMAPPED)
    return;
  if (state < VHDX_FULLY_PRESENT || (state == VHDX_PARTIALLY_PRESENT && !vhdx->has_parent))
    {
      check->corruptions++;
      image_check_found (check, "Block %u has state %u, which can't be.", block, state);
    }
  else if (offset < (1 << 20) || offset >= store_size (layer->store))
    {
      check->corruptions++;
      image_check_found (check,
                         "Block %u, at byte %" G_GUINT64_FORMAT ", lies outside the file or on its header.",
                         block, offset);
    }
  else
    {
      check->allocated_clusters++;
      add_range (used, offset, vhdx->block_size);
    }
}

static void
check_overlaps (ImageCheck *check, GArray *used)
{
  uint64_t end = 0;

  g_array_sort (used, compare_ranges);
  for (guint i = 0; i < used->len; i++)
    {
      const VhdxRange *range = &g_array_index (used, VhdxRange, i);

      if (range->offset < end)
        {
          check->corruptions++;
          image_check_found (check, "What lies at byte %" G_GUINT64_FORMAT " overlaps what lies before.",
                             range->offset);
        }
      end = MAX (end, range->offset + range->length);
    }
  check->image_end = end;
}

bool
vhdx_check (ImageLayer *layer, ImageCheck *check, GError **error)
{
  Vhdx *vhdx = layer->state;
  g_autoptr (GArray) used = g_array_new (false, false, sizeof (VhdxRange));
  unsigned headers, tables;

  /* One of the two headers may be torn: it is written before the other. */
  vhdx_count_damage (layer, &headers, &tables);
  if (tables > 0)
    {
      check->corruptions++;
      image_check_found (check, "One of the two region tables is damaged.");
    }
  check->total_clusters = vhdx->n_blocks;
  add_range (used, 0, 1 << 20);
  add_range (used, vhdx->bat_region.offset, vhdx->bat_region.length);
  add_range (used, vhdx->metadata_region.offset, vhdx->metadata_region.length);
  for (uint32_t block = 0; block < vhdx->n_blocks; block++)
    check_entry (layer, check, block, used);
  check_overlaps (check, used);
  return true;
}
