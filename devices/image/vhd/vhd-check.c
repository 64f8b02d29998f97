/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vhd/vhd-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

typedef struct {
  ImageLayer *layer;
  Vhd *vhd;
  ImageCheck *check;
  bool repair;
  bool header_changed, footer_changed;
} Checker;

/* A table entry and where it says its block lies. */
typedef struct {
  uint32_t block;
  uint64_t at;
} Entry;

static bool
damaged (Checker *checker)
{
  checker->check->corruptions++;
  return checker->repair;
}

/* --- footer and header --- */

static void
check_footers (Checker *checker)
{
  Vhd *vhd = checker->vhd;

  if (!vhd->tail_valid)
    {
      image_check_found (checker->check,
                         "The footer at the file's end is missing, or its checksum is wrong.");
      checker->footer_changed |= damaged (checker);
    }
  if (!vhd->head_valid && vhd->type != VHD_FIXED)
    {
      image_check_found (checker->check,
                         "The copy of the footer at the file's head is damaged, or differs from the footer.");
      checker->footer_changed |= damaged (checker);
    }
  if (vhd->type != VHD_FIXED && !vhd_header_is_valid (vhd->header))
    {
      image_check_found (checker->check, "The dynamic disk header's checksum is wrong.");
      checker->header_changed = damaged (checker);
    }
}

/* --- the table --- */

static void
drop_entry (Checker *checker, uint32_t block)
{
  Vhd *vhd = checker->vhd;

  vhd->bat[block] = VHD_UNUSED;
  vhd_mark_bat (vhd, block);
  checker->layer->dirty = true;
  checker->check->repaired++;
}

/* Entries that lead out of the file or into its header. What is left goes to @entries. */
static void
check_range (Checker *checker, GArray *entries)
{
  Vhd *vhd = checker->vhd;
  uint64_t file_size = store_size (checker->layer->store);
  VhdRegion regions[3 + VHD_N_LOCATORS];
  unsigned n = vhd_regions (vhd, file_size, regions);
  uint32_t previous = VHD_UNUSED;

  for (uint32_t i = 0; i < vhd->n_blocks; i++)
    {
      Entry entry = { i, vhd->bat[i] * (uint64_t)VHD_SECTOR };

      if (vhd->bat[i] == VHD_UNUSED)
        continue;
      if (!vhd_block_fits (vhd, file_size, regions, n, entry.at))
        {
          image_check_found (checker->check,
                             "Block %u, at sector %u, lies outside the file or on its header.", i,
                             vhd->bat[i]);
          if (damaged (checker))
            drop_entry (checker, i);
          continue;
        }
      g_array_append_val (entries, entry);
      checker->check->allocated_clusters++;
      checker->check->fragmented_clusters +=
        previous != VHD_UNUSED && entry.at < previous * (uint64_t)VHD_SECTOR;
      previous = vhd->bat[i];
    }
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *one = a, *other = b;

  return one->at != other->at ? (one->at < other->at ? -1 : 1) : one->block < other->block ? -1 : 1;
}

/* A block of its own for what shares one. */
static int
copy_block (Checker *checker, const Entry *entry)
{
  ImageLayer *layer = checker->layer;
  Vhd *vhd = checker->vhd;
  uint64_t stride = vhd_stride (vhd);
  g_autofree uint8_t *data = g_try_malloc (stride);
  VhdSlot slot;
  int result = data != NULL ? vhd_take_slot (layer, true, &slot) : -ENOMEM;

  if (result == 0)
    result = store_read (layer->store, entry->at, data, stride);
  if (result == 0)
    result = store_write (layer->store, slot.at, data, stride);
  if (result < 0)
    return result;
  vhd->bat[entry->block] = slot.at / VHD_SECTOR;
  vhd_mark_bat (vhd, entry->block);
  layer->dirty = true;
  checker->check->repaired++;
  return 0;
}

static int
check_overlaps (Checker *checker, GArray *entries)
{
  uint64_t end = 0;
  uint32_t owner = 0;
  int result = 0;

  g_array_sort (entries, compare_entries);
  for (guint i = 0; i < entries->len && result == 0; i++)
    {
      const Entry *entry = &g_array_index (entries, Entry, i);

      if (entry->at < end)
        {
          image_check_found (checker->check, "Blocks %u and %u overlap at byte %" G_GUINT64_FORMAT ".", owner,
                             entry->block, entry->at);
          if (damaged (checker))
            result = copy_block (checker, entry);
          continue;
        }
      end = entry->at + vhd_stride (checker->vhd);
      owner = entry->block;
    }
  return result;
}

/* --- the end --- */

static void
check_end (Checker *checker)
{
  Vhd *vhd = checker->vhd;
  uint64_t file_size = store_size (checker->layer->store), end = vhd_used_end (vhd, file_size);

  checker->check->image_end = end + VHD_FOOTER_SIZE;
  if (checker->layer->store->fixed_size || file_size <= end + VHD_FOOTER_SIZE)
    return;
  if ((file_size - end - VHD_FOOTER_SIZE) / vhd_stride (vhd) == 0)
    return;
  checker->check->leaks += (file_size - end - VHD_FOOTER_SIZE) / vhd_stride (vhd);
  image_check_found (checker->check, "%" G_GUINT64_FORMAT " bytes at the file's end belong to no block.",
                     file_size - end - VHD_FOOTER_SIZE);
}

static int
repair_fixed (Checker *checker)
{
  vhd_seal_footer (checker->vhd->footer);
  return vhd_move_footer (checker->layer, checker->layer->size);
}

/* Blocks and table first, then the header, then both footers, the last one where the file is to end. */
static int
repair_dynamic (Checker *checker)
{
  ImageLayer *layer = checker->layer;
  Vhd *vhd = checker->vhd;
  uint64_t header_at = load_be64 (vhd->footer + FOOTER_DATA_OFFSET);
  bool fixed_size = layer->store->fixed_size;
  int result;

  vhd_seal_footer (vhd->footer);
  result = layer->dirty ? vhd_flush (layer) : 0;
  if (result == 0 && checker->header_changed)
    {
      vhd_seal_header (vhd->header);
      result = store_write (layer->store, header_at, vhd->header, VHD_HEADER_SIZE);
      if (result == 0)
        result = store_sync (layer->store);
    }
  if (result == 0)
    result = vhd_move_footer (layer, fixed_size ? store_size (layer->store) - VHD_FOOTER_SIZE
                                                : vhd_used_end (vhd, store_size (layer->store)));
  return result == 0 ? vhd_write_footers (layer) : result;
}

static int
check_dynamic (Checker *checker)
{
  Vhd *vhd = checker->vhd;
  g_autoptr (GArray) entries = g_array_new (false, false, sizeof (Entry));
  int result;

  checker->check->total_clusters = vhd->n_blocks;
  check_range (checker, entries);
  if (checker->repair)
    vhd->end = MAX (vhd->end, vhd_used_end (vhd, store_size (checker->layer->store)));
  result = check_overlaps (checker, entries);
  if (result == 0)
    check_end (checker);
  return result;
}

bool
vhd_check (ImageLayer *layer, ImageCheck *check, GError **error)
{
  Checker checker = { layer, layer->state, check, check->repair && !layer->read_only, false, false };
  Vhd *vhd = checker.vhd;
  uint64_t found_before;
  int result = 0;

  check_footers (&checker);
  found_before = check->corruptions;
  check->image_end = layer->size + VHD_FOOTER_SIZE;
  if (vhd->type != VHD_FIXED)
    result = check_dynamic (&checker);
  if (result == 0 && checker.repair && (check->corruptions > 0 || check->leaks > 0))
    {
      result = vhd->type == VHD_FIXED ? repair_fixed (&checker) : repair_dynamic (&checker);
      if (result == 0)
        check->repaired += found_before + check->leaks;
    }
  if (result == 0)
    return true;
  return vmm_set_errno_error (error, -result, "VHD image “%s” could not be checked to the end",
                              layer->store->path);
}
