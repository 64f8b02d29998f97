/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vdi/vdi-private.h"

#include "vmm/base/error.h"

#include <errno.h>

typedef struct {
  ImageLayer *layer;
  Vdi *vdi;
  ImageCheck *check;
  bool repair;
  uint32_t limit; /* indices from here on can't be */
  uint8_t *used;
  GArray *shared; /* of uint32_t: blocks whose index is another's too */
} Checker;

static void
set_entry (Checker *checker, uint32_t block, uint32_t entry)
{
  checker->vdi->map[block] = entry;
  vdi_mark_map (checker->vdi, block);
  checker->layer->dirty = true;
  checker->check->repaired++;
}

static void
check_entry (Checker *checker, uint32_t block, uint32_t *previous)
{
  ImageCheck *check = checker->check;
  uint32_t index = checker->vdi->map[block];

  if (!vdi_is_allocated (index))
    return;
  if (index >= checker->limit || !vdi_index_fits (checker->layer, index))
    {
      image_check_found (checker->check, "Block %u, at index %u, lies outside the file.", block, index);
      check->corruptions++;
      if (checker->repair)
        set_entry (checker, block, VDI_FREE);
      return;
    }
  check->allocated_clusters++;
  check->fragmented_clusters += *previous != VDI_FREE && index != *previous + 1;
  *previous = index;
  if (checker->used[index / 8] & (1 << (index % 8)))
    {
      image_check_found (checker->check, "Block %u, at index %u, is another's too.", block, index);
      check->corruptions++;
      g_array_append_val (checker->shared, block);
    }
  checker->used[index / 8] |= 1 << (index % 8);
}

/* Owners beyond the first get copies, at indices that nobody has. */
static int
part_shared (Checker *checker)
{
  uint32_t index = 0;
  int result = 0;

  for (guint i = 0; i < checker->shared->len && result == 0; i++)
    {
      uint32_t block = g_array_index (checker->shared, uint32_t, i);

      while (index < checker->limit && checker->used[index / 8] & (1 << (index % 8)))
        index++;
      if (index == checker->limit)
        return -ENOSPC;
      result = vdi_copy_block (checker->layer, checker->vdi->map[block], index);
      if (result == 0)
        set_entry (checker, block, index);
      checker->used[index / 8] |= 1 << (index % 8);
    }
  return result;
}

/* The header's count: too small, and another program overwrites blocks; too large, and there are some of
 * nobody. */
static void
check_count (Checker *checker)
{
  ImageCheck *check = checker->check;
  Vdi *vdi = checker->vdi;
  uint32_t count = load_le32 (vdi->header + VDI_AT_ALLOCATED), in_use = 0, end = 0;

  for (uint32_t i = 0; i < checker->limit; i++)
    if (checker->used[i / 8] & (1 << (i % 8)))
      {
        in_use++;
        end = i + 1;
      }
  check->image_end = vdi_block_at (vdi, end);
  if (count < end)
    {
      image_check_found (checker->check, "The header counts %u allocated blocks, but they reach to index %u.",
                         count, end);
      check->corruptions++;
    }
  if (MAX (count, end) > in_use)
    {
      image_check_found (checker->check, "%u blocks of the file belong to no block of the disk.",
                         MAX (count, end) - in_use);
      check->leaks += MAX (count, end) - in_use;
    }
  else if (store_size (checker->layer->store) >= check->image_end + vdi_stride (vdi))
    {
      image_check_found (checker->check, "%" G_GUINT64_FORMAT " bytes at the file's end belong to no block.",
                         store_size (checker->layer->store) - check->image_end);
      check->leaks += (store_size (checker->layer->store) - check->image_end) / vdi_stride (vdi);
    }
}

bool
vdi_check (ImageLayer *layer, ImageCheck *check, GError **error)
{
  Vdi *vdi = layer->state;
  /* A resize that was cut short uses some indices more: vdi.c. */
  Checker checker = {
    layer, vdi, check, check->repair && !layer->read_only, vdi->n_blocks + 65536, NULL, NULL
  };
  g_autofree uint8_t *used = g_malloc0 (checker.limit / 8 + 1);
  g_autoptr (GArray) shared = g_array_new (false, false, sizeof (uint32_t));
  uint32_t previous = VDI_FREE;
  uint64_t before;
  int result = 0;

  checker.used = used;
  checker.shared = shared;
  check->total_clusters = vdi->n_blocks;
  for (uint32_t i = 0; i < vdi->n_blocks; i++)
    check_entry (&checker, i, &previous);
  before = check->corruptions;
  check_count (&checker);
  if (checker.repair && check->corruptions + check->leaks > 0)
    {
      result = part_shared (&checker);
      if (result == 0 && layer->dirty)
        result = vdi_flush (layer);
      if (result == 0)
        result = vdi_compact (layer);
      if (result == 0)
        check->repaired += check->corruptions - before + check->leaks;
    }
  if (result == 0)
    return true;
  return vmm_set_errno_error (error, -result, "VDI image “%s” could not be checked to the end",
                              layer->store->path);
}
