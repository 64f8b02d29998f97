/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

static uint64_t
div_up (uint64_t a, uint64_t b)
{
  return a / b + (a % b != 0);
}

/* A block in memory whose counts are all 0. */
static Qcow2Table *
add_block (ImageLayer *layer, unsigned index, uint64_t cluster)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Table *block = qcow2_cache_add (q, &q->rc_cache, index, cluster << q->cluster_bits);
  bool blank = cluster >= q->virgin;

  qcow2_table_dirty (&q->rc_cache, block, 0, blank ? 1 : q->cluster);
  qcow2_set_remove (q->blank, cluster, 1);
  qcow2_metadata_add (q, cluster, 1);
  q->virgin = MAX (q->virgin, cluster + 1);
  layer->dirty = true;
  return block;
}

int
qcow2_rc_make (ImageLayer *layer, unsigned index, bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = (uint64_t)index << q->rc_bits;
  int error;

  if (qcow2_is_metadata (q, cluster, 1))
    return qcow2_damaged (layer, "cluster %" G_GUINT64_FORMAT " holds metadata, but has no refcount",
                          cluster);
  error = qcow2_reach (layer, cluster + 1, may_block);
  if (error == 0)
    error = qcow2_cache_room (layer, &q->rc_cache, may_block);
  if (error != 0)
    return error;
  qcow2_rc_set_count (layer, add_block (layer, index, cluster), cluster, 1);
  qcow2_root_set (&q->reftable, index, cluster << q->cluster_bits);
  return 0;
}

/* --- a run behind everything, and the blocks that count it and themselves --- */

typedef struct {
  unsigned index;    /* of the first new block */
  uint64_t n_blocks; /* in the first clusters of the region; the run follows */
  uint64_t start, n; /* the region, clusters */
} Region;

static Region
plan_region (const Qcow2 *q, unsigned index, uint64_t n)
{
  uint64_t per_block = UINT64_C (1) << q->rc_bits, blocks = 1;

  while (blocks * per_block < blocks + n)
    blocks = MAX (blocks + 1, div_up (blocks + n, per_block));
  return (Region){ index, blocks, (uint64_t)index << q->rc_bits, blocks + n };
}

/* Counts every cluster of the region once, and lets @root point to its blocks. */
static int
fill_region (ImageLayer *layer, const Region *region, Qcow2Root *root)
{
  Qcow2 *q = QCOW2 (layer);
  int error = qcow2_reach (layer, region->start + region->n, true);

  if (error == 0 && qcow2_is_metadata (q, region->start, region->n))
    error = qcow2_damaged (
      layer, "clusters from %" G_GUINT64_FORMAT " on hold metadata, but have no refcount", region->start);
  for (uint64_t b = 0; b < region->n_blocks && error == 0; b++)
    {
      uint64_t first = (region->index + b) << q->rc_bits,
               end = MIN (first + (UINT64_C (1) << q->rc_bits), region->start + region->n);
      Qcow2Table *block;

      error = qcow2_cache_room (layer, &q->rc_cache, true);
      if (error != 0)
        break;
      block = add_block (layer, region->index + b, region->start + b);
      for (uint64_t c = first; c < end; c++)
        qcow2_rc_set_count (layer, block, c, 1);
      qcow2_root_set (root, region->index + b, (region->start + b) << q->cluster_bits);
    }
  q->virgin = MAX (q->virgin, region->start + region->n);
  return error;
}

static unsigned
blocks_in_use (const Qcow2 *q)
{
  unsigned n = q->reftable.n;

  while (n > 0 && q->reftable.entries[n - 1] == 0)
    n--;
  return n;
}

int
qcow2_append_run (ImageLayer *layer, uint64_t n, uint64_t *first)
{
  Qcow2 *q = QCOW2 (layer);
  Region region;
  int error = 0;

  for (;;)
    {
      region = plan_region (q, blocks_in_use (q), n);
      if (region.index + region.n_blocks <= q->reftable.n)
        break;
      error = qcow2_reftable_grow (layer, region.index + region.n_blocks);
      if (error != 0)
        return error;
    }
  error = fill_region (layer, &region, &q->reftable);
  *first = region.start + region.n_blocks;
  return error;
}

/* --- a longer table --- */

static void
adopt_table (ImageLayer *layer, Qcow2Root *table)
{
  Qcow2 *q = QCOW2 (layer);
  unsigned before = q->reftable.n;

  qcow2_root_clear (&q->reftable);
  q->reftable = *table;
  q->full_blocks = g_realloc (q->full_blocks, table->n);
  if (table->n > before)
    memset (q->full_blocks + before, 0, table->n - before);
  qcow2_metadata_add (q, qcow2_cluster_of (q, table->offset), table->clusters);
}

/* Blocks and table are in the store, then one sector shows them. */
static int
switch_header (ImageLayer *layer, const Qcow2Root *table)
{
  Qcow2 *q = QCOW2 (layer);
  uint8_t before[QCOW2_SECTOR];
  int error = store_sync (layer->store);

  if (error != 0)
    return error;
  memcpy (before, q->sector, sizeof before);
  store_be64 (q->sector + QCOW2_H_REFTABLE_OFFSET, table->offset);
  store_be32 (q->sector + QCOW2_H_REFTABLE_CLUSTERS, table->clusters);
  return qcow2_header_switch (layer, before);
}

static int
write_all (ImageLayer *layer, Qcow2Root *table)
{
  Qcow2 *q = QCOW2 (layer);
  int error;

  for (unsigned i = 0; i < table->n; i += 64)
    qcow2_root_set (table, i, table->entries[i]);
  error = qcow2_cache_write (layer, &q->rc_cache);
  if (error == 0)
    error = qcow2_root_write (layer, table);
  if (error == 0)
    error = switch_header (layer, table);
  if (error == 0)
    {
      qcow2_cache_clean (q, &q->rc_cache);
      qcow2_root_clean (table);
    }
  return error;
}

static void
drop_blocks_from (Qcow2 *q, unsigned index)
{
  for (unsigned i = index; i < q->rc_cache.n_slots; i++)
    if (q->rc_cache.slots[i] != NULL)
      qcow2_cache_drop (&q->rc_cache, q->rc_cache.slots[i]);
}

int
qcow2_reftable_grow (ImageLayer *layer, uint64_t n_blocks)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t per_cluster = q->cluster / 8, old_cluster = qcow2_cluster_of (q, q->reftable.offset),
           old_clusters = q->reftable.clusters, clusters;
  unsigned before = q->reftable.n;
  Region region;
  Qcow2Root table;
  int error;

  clusters = div_up (MAX (n_blocks, before + before / 2), per_cluster);
  for (;; clusters++)
    {
      region = plan_region (q, before, clusters);
      if (region.index + region.n_blocks <= clusters * per_cluster)
        break;
    }
  if (clusters << q->cluster_bits > QCOW2_REFTABLE_MAX)
    return -EFBIG;
  qcow2_root_init (q, &table, (region.start + region.n_blocks) << q->cluster_bits, clusters * per_cluster);
  memcpy (table.entries, q->reftable.entries, (size_t)before * 8);
  qcow2_cache_resize (&q->rc_cache, table.n);
  error = fill_region (layer, &region, &table);
  if (error == 0)
    error = write_all (layer, &table);
  if (error != 0)
    {
      drop_blocks_from (q, before);
      qcow2_root_clear (&table);
      return error;
    }
  adopt_table (layer, &table);
  return qcow2_refcount_add (layer, old_cluster, old_clusters, true, -1);
}

/* --- every count anew --- */

typedef struct {
  ImageLayer *layer;
  Qcow2CountFunc count;
  void *data;
  uint64_t n;          /* clusters that @count knows */
  uint64_t start, end; /* the new blocks and the new table */
  uint64_t next;       /* cluster for the next block */
  Qcow2Root table;
} Rebuild;

/* *next: no cluster between @cluster and that one is used. */
static uint64_t
count_anew (const Rebuild *r, uint64_t cluster, uint64_t *next)
{
  uint64_t count = 0;

  *next = cluster + 1;
  if (cluster >= r->start)
    return cluster < r->end;
  if (cluster < r->n)
    count = r->count (cluster, next, r->data);
  if (cluster >= r->n || *next >= r->n)
    *next = r->start;
  return count;
}

static bool
block_is_needed (const Rebuild *r, unsigned index)
{
  Qcow2 *q = QCOW2 (r->layer);
  uint64_t first = (uint64_t)index << q->rc_bits, end = first + (UINT64_C (1) << q->rc_bits);

  if (end > r->start && first < r->end)
    return true;
  for (uint64_t c = first, next; c < MIN (end, r->n); c = next)
    if (r->count (c, &next, r->data) != 0)
      return true;
  return false;
}

/* Where everything goes: as many blocks as the file with themselves and the table needs. */
static bool
plan_rebuild (Rebuild *r, GError **error)
{
  Qcow2 *q = QCOW2 (r->layer);
  uint64_t per_block = UINT64_C (1) << q->rc_bits, blocks, clusters = 0, last, needed = 0;

  r->start = MAX (r->n, div_up (store_size (r->layer->store), q->cluster));
  last = r->start / per_block;
  for (uint64_t i = 0; i * per_block < r->n && i < MIN (last, QCOW2_REFTABLE_MAX / 8); i++)
    needed += block_is_needed (r, i);
  for (uint64_t more = 1;; more++)
    {
      clusters = div_up ((last + more) * 8, q->cluster);
      blocks = needed + more;
      r->end = r->start + blocks + clusters;
      if (r->end <= (last + more) * per_block)
        break;
    }
  if (clusters << q->cluster_bits > QCOW2_REFTABLE_MAX)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "Disk “%s” can't be repaired: its file is too large for its cluster size",
                   r->layer->store->path);
      return false;
    }
  qcow2_root_init (q, &r->table, (r->start + blocks) << q->cluster_bits, clusters * q->cluster / 8);
  r->next = r->start;
  return true;
}

static int
write_block_anew (Rebuild *r, unsigned index)
{
  Qcow2 *q = QCOW2 (r->layer);
  uint64_t per_block = UINT64_C (1) << q->rc_bits, first = index * per_block;
  Qcow2Table *block;
  int error = qcow2_cache_room (r->layer, &q->rc_cache, true);

  if (error != 0)
    return error;
  block = qcow2_cache_add (q, &q->rc_cache, index, r->next << q->cluster_bits);
  for (uint64_t c = first, next; c < MIN (first + per_block, r->end); c = next)
    {
      uint64_t count = count_anew (r, c, &next);

      if (count > 0)
        qcow2_rc_set_count (r->layer, block, c, MIN (count, q->refcount_max));
    }
  qcow2_table_dirty (&q->rc_cache, block, 0, q->cluster);
  qcow2_root_set (&r->table, index, block->offset);
  qcow2_metadata_add (q, r->next++, 1);
  return 0;
}

static void
forget_counts (Qcow2 *q)
{
  for (unsigned i = 0; i < q->reftable.n; i++)
    if (q->reftable.entries[i] != 0)
      qcow2_metadata_remove (q, qcow2_cluster_of (q, q->reftable.entries[i]), 1);
  qcow2_metadata_remove (q, qcow2_cluster_of (q, q->reftable.offset), q->reftable.clusters);
}

static int
write_rebuilt (Rebuild *r)
{
  Qcow2 *q = QCOW2 (r->layer);
  uint64_t per_block = UINT64_C (1) << q->rc_bits;
  int error = qcow2_reach (r->layer, r->end, true);

  qcow2_cache_clear (&q->rc_cache);
  qcow2_cache_init (&q->rc_cache, MAX (r->table.n, q->reftable.n), q->rc_cache.max_tables);
  for (uint64_t i = 0; i < r->table.n && i * per_block < r->end && error == 0; i++)
    if (block_is_needed (r, i))
      error = write_block_anew (r, i);
  return error == 0 ? write_all (r->layer, &r->table) : error;
}

bool
qcow2_refcounts_rebuild (ImageLayer *layer, uint64_t n, Qcow2CountFunc count, void *data, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  Rebuild r = { .layer = layer, .count = count, .data = data, .n = n };
  int result;

  if (!plan_rebuild (&r, error))
    return false;
  result = write_rebuilt (&r);
  if (result != 0)
    {
      qcow2_root_clear (&r.table);
      qcow2_damaged (layer, "refcounts could not be written anew");
      return vmm_set_errno_error (error, -result, "Disk “%s”: can't write its refcounts", layer->store->path);
    }
  forget_counts (q);
  for (uint64_t i = 0; i < r.table.n; i++)
    if (r.table.entries[i] != 0)
      qcow2_metadata_add (q, qcow2_cluster_of (q, r.table.entries[i]), 1);
  adopt_table (layer, &r.table);
  memset (q->full_blocks, 0, q->reftable.n);
  g_array_set_size (q->pending, 0);
  q->pending_total = 0;
  q->free_hint = 0;
  q->code_cursor = 0;
  q->virgin = MAX (q->virgin, r.end);
  g_hash_table_remove_all (q->blank);
  return true;
}
