/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

static bool
resize_failed (ImageLayer *layer, int result, GError **error)
{
  return vmm_set_errno_error (error, -result, "The size of disk image “%s” can't change", layer->store->path);
}

/* One sector shows the new size, and the L1 table that goes with it. */
static int
switch_header (ImageLayer *layer, uint64_t size, uint64_t l1_offset, unsigned l1_size)
{
  Qcow2 *q = QCOW2 (layer);
  uint8_t before[QCOW2_SECTOR];

  memcpy (before, q->sector, sizeof before);
  store_be64 (q->sector + QCOW2_H_SIZE, size);
  store_be64 (q->sector + QCOW2_H_L1_OFFSET, l1_offset);
  store_be32 (q->sector + QCOW2_H_L1_SIZE, l1_size);
  return qcow2_header_switch (layer, before);
}

static void
adopt_l1 (ImageLayer *layer, Qcow2Root *table)
{
  Qcow2 *q = QCOW2 (layer);
  unsigned old_bytes = q->l1.n / 8 + 1, bytes = table->n / 8 + 1;

  q->bad_l1 = g_realloc (q->bad_l1, bytes);
  memset (q->bad_l1 + old_bytes, 0, bytes - old_bytes);
  qcow2_cache_resize (&q->l2_cache, table->n);
  qcow2_root_clear (&q->l1);
  q->l1 = *table;
  qcow2_metadata_add (q, qcow2_cluster_of (q, table->offset), table->clusters);
}

/* A longer L1 table elsewhere; the old one's room is free once the header is durable. */
static int
grow_l1 (ImageLayer *layer, unsigned n)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t first, old_first = qcow2_cluster_of (q, q->l1.offset),
                  old_clusters = q->l1.n > 0 ? q->l1.clusters : 0;
  Qcow2Root table;
  int error;

  qcow2_root_init (q, &table, 0, n);
  memcpy (table.entries, q->l1.entries, (size_t)q->l1.n * 8);
  error = qcow2_alloc_run (layer, table.clusters, &first);
  if (error == 0)
    {
      table.offset = first << q->cluster_bits;
      for (unsigned i = 0; i < n; i += 64)
        qcow2_root_set (&table, i, table.entries[i]);
      error = qcow2_root_write (layer, &table);
      qcow2_root_clean (&table);
      /* Counts and the table become durable, and every L1 entry is on disk. */
      if (error == 0)
        error = qcow2_flush (layer);
      if (error == 0)
        error = switch_header (layer, load_be64 (q->sector + QCOW2_H_SIZE), table.offset, n);
      if (error != 0)
        qcow2_free_later (layer, first, table.clusters);
    }
  if (error != 0)
    {
      qcow2_root_clear (&table);
      return error;
    }
  adopt_l1 (layer, &table);
  qcow2_free_later (layer, old_first, old_clusters);
  return qcow2_flush (layer);
}

/* --- what a longer disk shows at first: zeroes --- */

/* Zeroes in the store under [offset, end), which the cluster before has room for and nobody saw so far. */
static int
zero_data (ImageLayer *layer, uint64_t offset, uint64_t end)
{
  LayerExtent extent;
  g_autofree uint8_t *zeroes = NULL;
  int error = qcow2_map (layer, offset, end - offset, true, &extent);

  if (error != 0 || extent.kind != EXTENT_DATA || !extent.writable)
    return error;
  zeroes = g_malloc0 (end - offset);
  if (layer->encrypted)
    error = qcow2_crypt (layer, extent.offset, zeroes, end - offset, true);
  return error == 0 ? store_write (layer->store, extent.offset, zeroes, end - offset) : error;
}

/* The subclusters [offset, end) of one cluster. */
static int
zero_subclusters (ImageLayer *layer, uint64_t offset, uint64_t end)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits, entry, bitmap, mask = 0;
  unsigned index = cluster & ((1u << q->l2_bits) - 1), sub_bits = q->cluster_bits - 5;
  Qcow2Table *table;
  int error = qcow2_l2_get_own (layer, cluster >> q->l2_bits, true, &table);

  if (error != 0)
    return error;
  entry = qcow2_l2_entry (q, table, index);
  bitmap = qcow2_l2_bitmap (q, table, index);
  for (uint64_t at = offset; at < end; at += layer->granule)
    mask |= UINT64_C (1) << ((at & (q->cluster - 1)) >> sub_bits);
  if ((entry & QCOW2_COMPRESSED) == 0)
    qcow2_l2_set (layer, table, index, entry, (bitmap & ~mask) | mask << 32);
  return 0;
}

static int
fill_with_zeroes (ImageLayer *layer, uint64_t offset, uint64_t end)
{
  int error = 0;

  while (offset < end && error == 0)
    {
      ImagePlace place;

      error = qcow2_place (layer, offset, end - offset, true, &place);
      if (error != 0)
        break;
      if (!place.zeroed)
        error = store_zero (place.store, place.store_offset, place.length);
      if (error == 0)
        qcow2_link (layer, &place, place.offset, place.length);
      qcow2_unplace (layer, &place);
      offset = place.offset + place.length;
    }
  return error;
}

/* From its old end to @size: neither what the layer below holds there may show up, nor what was here before
 * the disk once shrank. The core wrote the last sector anew: the cluster around it is this layer's own. */
static int
blank_growth (ImageLayer *layer, uint64_t size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t old = layer->size, granule_end = (old + layer->granule - 1) & -(uint64_t)layer->granule,
           cluster_end = (old + q->cluster - 1) & -(uint64_t)q->cluster, below = MIN (size, layer->below);
  int error = 0;

  if (granule_end > old)
    error = zero_data (layer, old, granule_end);
  if (error == 0 && granule_end < cluster_end)
    error = zero_subclusters (layer, granule_end, cluster_end);
  if (error == 0 && cluster_end < size)
    error = qcow2_unmap (layer, cluster_end, size - cluster_end, UNMAP_ABSENT, true);
  if (error != 0 || below <= cluster_end)
    return error;
  error = qcow2_unmap (layer, cluster_end, below - cluster_end, UNMAP_ZERO, true);
  return error == -EOPNOTSUPP ? fill_with_zeroes (layer, cluster_end, below) : error;
}

static int
grow (ImageLayer *layer, uint64_t size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t per_entry = UINT64_C (1) << (q->cluster_bits + q->l2_bits), n = (size + per_entry - 1) / per_entry;
  int error = 0;

  if (n > QCOW2_L1_MAX / 8)
    return -EFBIG;
  if (n > q->l1.n)
    error = grow_l1 (layer, n);
  if (error == 0)
    error = blank_growth (layer, size);
  if (error == 0)
    error = qcow2_flush (layer);
  return error == 0 ? switch_header (layer, size, q->l1.offset, q->l1.n) : error;
}

static int
shrink (ImageLayer *layer, uint64_t size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t end = (size + q->cluster - 1) & -(uint64_t)q->cluster;
  int result = switch_header (layer, size, q->l1.offset, q->l1.n);

  if (result != 0)
    return result;
  /* Should it grow again, nothing old must show up; growing sees to that too. Before the header, zeroes would
   * be gone from a disk that still has them. */
  if (end < layer->size && qcow2_unmap (layer, end, layer->size - end, UNMAP_ABSENT, true) == 0)
    qcow2_flush (layer);
  return 0;
}

bool
qcow2_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  int result = qcow2_begin_writing (layer);

  if (result == 0 && QCOW2 (layer)->damage != NULL)
    result = -EIO;
  if (result == 0 && size != layer->size)
    result = size < layer->size ? shrink (layer, size) : grow (layer, size);
  if (result != 0)
    return resize_failed (layer, result, error);
  layer->size = size;
  return true;
}
