/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"

#include <errno.h>

#define PUNCH_RUNS 65536u /* at most, remembered in one flush */

/* --- one block: section "Host cluster management" --- */

uint64_t
qcow2_rc_count (const Qcow2 *q, const Qcow2Table *block, uint64_t cluster)
{
  uint64_t i = cluster & ((UINT64_C (1) << q->rc_bits) - 1);
  unsigned order = q->refcount_order, per_byte = 3 - order;

  switch (order)
    {
    case 6:
      return load_be64 (block->data + i * 8);
    case 5:
      return load_be32 (block->data + i * 4);
    case 4:
      return load_be16 (block->data + i * 2);
    case 3:
      return block->data[i];
    default:
      return block->data[i >> per_byte] >> ((i & ((1u << per_byte) - 1)) << order) & q->refcount_max;
    }
}

static void
put_small (Qcow2 *q, uint8_t *data, uint64_t i, uint64_t count)
{
  unsigned per_byte = 3 - q->refcount_order, shift = (i & ((1u << per_byte) - 1)) << q->refcount_order;
  uint8_t *byte = &data[i >> per_byte];

  *byte = (*byte & ~(q->refcount_max << shift)) | count << shift;
}

void
qcow2_rc_set_count (ImageLayer *layer, Qcow2Table *block, uint64_t cluster, uint64_t count)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t i = cluster & ((UINT64_C (1) << q->rc_bits) - 1);
  unsigned width = q->refcount_order < 3 ? 1 : 1u << (q->refcount_order - 3);
  unsigned at = q->refcount_order < 3 ? i >> (3 - q->refcount_order) : i * width;

  switch (q->refcount_order)
    {
    case 6:
      store_be64 (block->data + at, count);
      break;
    case 5:
      store_be32 (block->data + at, count);
      break;
    case 4:
      store_be16 (block->data + at, count);
      break;
    case 3:
      block->data[at] = count;
      break;
    default:
      put_small (q, block->data, i, count);
    }
  qcow2_table_dirty (&q->rc_cache, block, at, width);
  layer->dirty = true;
}

int
qcow2_rc_get (ImageLayer *layer, unsigned index, bool may_block, Qcow2Table **block)
{
  Qcow2 *q = QCOW2 (layer);
  int error;

  *block = qcow2_cache_lookup (&q->rc_cache, index);
  if (*block != NULL || index >= q->reftable.n || q->reftable.entries[index] == 0)
    return 0;
  if (!may_block)
    return -EAGAIN;
  error = qcow2_cache_room (layer, &q->rc_cache, true);
  if (error != 0)
    return error;
  *block = qcow2_cache_add (q, &q->rc_cache, index, q->reftable.entries[index]);
  error = store_read (layer->store, (*block)->offset, (*block)->data, q->cluster);
  if (error != 0)
    {
      qcow2_cache_drop (&q->rc_cache, *block);
      *block = NULL;
    }
  return error;
}

/* --- clusters' counts --- */

static int
block_of (ImageLayer *layer, uint64_t cluster, bool may_block, Qcow2Table **block)
{
  uint64_t index = cluster >> QCOW2 (layer)->rc_bits;

  *block = NULL;
  return index >= QCOW2 (layer)->reftable.n ? 0 : qcow2_rc_get (layer, index, may_block, block);
}

int
qcow2_refcount_get (ImageLayer *layer, uint64_t cluster, bool may_block, uint64_t *count)
{
  Qcow2Table *block;
  int error = block_of (layer, cluster, may_block, &block);

  *count = error == 0 && block != NULL ? qcow2_rc_count (QCOW2 (layer), block, cluster) : 0;
  return error;
}

static void
became_free (Qcow2 *q, uint64_t cluster)
{
  q->free_hint = MIN (q->free_hint, cluster);
  q->full_blocks[cluster >> q->rc_bits] = false;
  if (q->code_cursor != 0 && qcow2_cluster_of (q, q->code_cursor) == cluster)
    q->code_cursor = 0;
  qcow2_metadata_remove (q, cluster, 1);
  qcow2_set_remove (q->blank, cluster, 1);
}

int
qcow2_refcount_set (ImageLayer *layer, uint64_t cluster, bool may_block, uint64_t count)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Table *block;
  int error = block_of (layer, cluster, may_block, &block);

  if (error != 0)
    return error;
  if (block == NULL)
    return -ENXIO;
  if (count > q->refcount_max)
    return -ERANGE;
  qcow2_rc_set_count (layer, block, cluster, count);
  if (count == 0)
    became_free (q, cluster);
  return 0;
}

int
qcow2_refcount_add (ImageLayer *layer, uint64_t cluster, uint64_t n, bool may_block, int delta)
{
  Qcow2 *q = QCOW2 (layer);

  for (uint64_t c = cluster; c < cluster + n; c++)
    {
      uint64_t count;
      int error = qcow2_refcount_get (layer, c, may_block, &count);

      if (error != 0)
        return error;
      if (delta < 0 ? count < (uint64_t)-delta : q->refcount_max - count < (uint64_t)delta)
        return -ERANGE;
      error = qcow2_refcount_set (layer, c, may_block, count + delta);
      if (error != 0)
        return error;
    }
  return 0;
}

/* --- freeing --- */

void
qcow2_free_later (ImageLayer *layer, uint64_t cluster, uint64_t n)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Run *last = q->pending->len > 0 ? &g_array_index (q->pending, Qcow2Run, q->pending->len - 1) : NULL;

  if (last != NULL && last->first + last->n == cluster)
    last->n += n;
  else
    {
      const Qcow2Run run = { cluster, n };

      g_array_append_val (q->pending, run);
    }
  q->pending_total += n;
  layer->dirty = true;
}

void
qcow2_free_entry (ImageLayer *layer, uint64_t entry)
{
  Qcow2 *q = QCOW2 (layer);

  if ((entry & QCOW2_COMPRESSED) != 0)
    {
      uint64_t offset, size, first;

      qcow2_code_location (q, entry, &offset, &size);
      first = qcow2_cluster_of (q, offset);
      qcow2_free_later (layer, first, qcow2_cluster_of (q, offset + size - 1) - first + 1);
    }
  else if ((entry & QCOW2_OFFSET_MASK) != 0)
    qcow2_free_later (layer, qcow2_cluster_of (q, entry & QCOW2_OFFSET_MASK), 1);
}

static void
punch (ImageLayer *layer, const GArray *runs)
{
  Qcow2 *q = QCOW2 (layer);

  /* Space that can't be given back is still free for the disk. */
  for (unsigned i = 0; i < runs->len; i++)
    {
      const Qcow2Run *run = &g_array_index (runs, Qcow2Run, i);

      if (store_punch (layer->store, run->first << q->cluster_bits, run->n << q->cluster_bits) != 0)
        return;
      qcow2_set_add (q->blank, run->first, run->n);
    }
}

static void
remember_free (GArray *runs, uint64_t cluster)
{
  Qcow2Run *last = runs->len > 0 ? &g_array_index (runs, Qcow2Run, runs->len - 1) : NULL;
  const Qcow2Run run = { cluster, 1 };

  if (last != NULL && last->first + last->n == cluster)
    last->n++;
  else if (last != NULL && last->first == cluster + 1)
    {
      last->first--;
      last->n++;
    }
  else if (runs->len < PUNCH_RUNS)
    g_array_append_val (runs, run);
}

/* Lowers the count of the first cluster of @run. */
static int
free_first (ImageLayer *layer, Qcow2Run *run, GArray *freed)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = run->first, count;
  int error = qcow2_refcount_get (layer, cluster, true, &count);

  if (error != 0)
    return error;
  if (count == 0)
    qcow2_damaged (layer, "cluster %" G_GUINT64_FORMAT " is freed, but its refcount is 0 already", cluster);
  else
    error = qcow2_refcount_set (layer, cluster, true, count - 1);
  if (error != 0)
    return error;
  if (count == 1)
    remember_free (freed, cluster);
  run->first++;
  run->n--;
  q->pending_total--;
  return 0;
}

static int
compare_runs (gconstpointer a, gconstpointer b)
{
  const Qcow2Run *x = a, *y = b;

  return x->first < y->first ? -1 : x->first > y->first;
}

int
qcow2_free_pending (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  g_autoptr (GArray) freed = NULL;
  int error = 0;

  if (q->pending->len == 0)
    return 0;
  freed = g_array_new (false, false, sizeof (Qcow2Run));
  g_array_sort (q->pending, compare_runs);
  for (unsigned i = 0; i < q->pending->len && error == 0; i++)
    for (Qcow2Run *run = &g_array_index (q->pending, Qcow2Run, i); run->n > 0 && error == 0;)
      error = free_first (layer, run, freed);
  if (error == 0)
    g_array_set_size (q->pending, 0);
  punch (layer, freed);
  return error;
}
