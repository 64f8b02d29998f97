/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <string.h>

#define HEX "0x%" G_GINT64_MODIFIER "x"

/* --- counts of a block as it is on disk (section "Host cluster management") --- */

static uint64_t
get_count (const Checker *c, unsigned i)
{
  unsigned bits = 1u << c->q->refcount_order;

  switch (bits)
    {
    case 64:
      return load_be64 (c->table + (size_t)i * 8);
    case 32:
      return load_be32 (c->table + (size_t)i * 4);
    case 16:
      return load_be16 (c->table + (size_t)i * 2);
    default:
      return c->table[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
    }
}

static void
set_count (Checker *c, unsigned i, uint64_t count)
{
  unsigned bits = 1u << c->q->refcount_order;

  switch (bits)
    {
    case 64:
      store_be64 (c->table + (size_t)i * 8, count);
      break;
    case 32:
      store_be32 (c->table + (size_t)i * 4, (uint32_t)count);
      break;
    case 16:
      store_be16 (c->table + (size_t)i * 2, (uint16_t)count);
      break;
      default: {
        unsigned shift = i * bits % 8;
        uint8_t *byte = &c->table[i * bits / 8], mask = (uint8_t)(((1u << bits) - 1) << shift);

        *byte = (uint8_t)((*byte & ~mask) | ((count << shift) & mask));
      }
    }
}

/* --- telling of clusters in a row with the same fault in one sentence --- */

typedef struct {
  uint64_t first, n, counted, used;
} Run;

static void
tell_run (Checker *c, Run *run)
{
  uint64_t n = run->n, offset = run->first << c->q->cluster_bits;
  const char *times = run->used == 1 ? "time" : "times";

  run->n = 0;
  if (n == 0)
    return;
  if (run->counted > run->used)
    checker_leak (c, n,
                  "%" G_GUINT64_FORMAT " cluster%s at " HEX ": counted %" G_GUINT64_FORMAT
                  ", used %" G_GUINT64_FORMAT " %s: lost space",
                  n, n == 1 ? "" : "s", offset, run->counted, run->used, times);
  else
    checker_corrupt (c, n,
                     "%" G_GUINT64_FORMAT " cluster%s at " HEX ": counted %" G_GUINT64_FORMAT
                     ", but used %" G_GUINT64_FORMAT " %s",
                     n, n == 1 ? "" : "s", offset, run->counted, run->used, times);
}

static void
found_wrong (Checker *c, Run *run, uint64_t cluster, uint64_t counted, uint64_t used)
{
  if (used > c->q->refcount_max)
    checker_corrupt (c, 1,
                     "The cluster at " HEX " is used %" G_GUINT64_FORMAT
                     " times; the image's counts end at %" G_GUINT64_FORMAT,
                     cluster << c->q->cluster_bits, used, c->q->refcount_max);
  else
    c->wrong_counts++;
  if (run->n > 0 && run->first + run->n == cluster && run->counted == counted && run->used == used)
    {
      run->n++;
      return;
    }
  tell_run (c, run);
  *run = (Run){ cluster, 1, counted, used };
}

/* --- comparing --- */

static bool
all_zero (const uint8_t *data, size_t size)
{
  return data[0] == 0 && memcmp (data, data + 1, size - 1) == 0;
}

/* Of the group of counts that starts at @i in the block: nothing is used, and nothing counted. */
static bool
group_is_blank (Checker *c, uint64_t cluster, unsigned i)
{
  size_t bytes = (size_t)COUNT_GROUP << c->q->refcount_order >> 3;

  return cluster % COUNT_GROUP == 0 && count_map_group_empty (c->map, cluster)
         && all_zero (c->table + ((size_t)i << c->q->refcount_order >> 3), bytes);
}

static bool
compare_count (Checker *c, CheckedBlock *block, Run *run, uint64_t cluster, uint64_t counted)
{
  uint64_t used = count_map_get (c->map, cluster);

  if (counted > 0 && cluster < c->file_clusters)
    c->end = MAX (c->end, cluster + 1);
  if (counted == 1 && used > 0 && !count_map_flag (c->map, cluster, COUNT_ONE))
    return false;
  if (counted == used || (counted > used && c->unknown))
    return true;
  block->wrong = true;
  found_wrong (c, run, cluster, counted, used);
  return true;
}

static bool
compare_block (Checker *c, CheckedBlock *block)
{
  unsigned n = 1u << c->q->rc_bits;
  uint64_t first = (uint64_t)block->index << c->q->rc_bits;
  Run run = { 0 };

  if (!checker_read (c, block->offset, c->table, c->q->cluster))
    return false;
  for (unsigned i = 0; i < n; i++)
    {
      if (n >= COUNT_GROUP && group_is_blank (c, first + i, i))
        i += COUNT_GROUP - 1;
      else if (!compare_count (c, block, &run, first + i, get_count (c, i)))
        return false;
    }
  tell_run (c, &run);
  return checker_step (c);
}

/* Used clusters that no block counts. */
static void
find_uncounted (Checker *c, const uint8_t *has_block)
{
  g_autoptr (GArray) groups = count_map_groups (c->map);
  Run run = { 0 };

  for (unsigned g = 0; g < groups->len; g++)
    for (unsigned i = 0; i < COUNT_GROUP; i++)
      {
        uint64_t cluster = g_array_index (groups, uint64_t, g) + i, index = cluster >> c->q->rc_bits;
        uint64_t used = count_map_get (c->map, cluster);

        if (used == 0 || (index < c->q->reftable.n && (has_block[index / 8] >> index % 8 & 1)))
          continue;
        found_wrong (c, &run, cluster, 0, used);
        c->rebuild = true;
      }
  tell_run (c, &run);
}

/* --- the refcount table --- */

static bool
look_at_entry (Checker *c, unsigned index, uint64_t entry, uint8_t *has_block)
{
  CheckedBlock block = { .offset = entry & ~QCOW2_REFTABLE_RESERVED, .index = index };
  bool overlaps = true;

  if (entry == 0)
    return true;
  if ((entry & QCOW2_REFTABLE_RESERVED) || !checker_in_file (c, block.offset, c->q->cluster))
    {
      checker_corrupt (c, 1, "Entry %u of the refcount table, " HEX ", points to no place in the file", index,
                       entry);
      c->wrong_counts++;
      c->rebuild = true;
      return true;
    }
  if (!checker_claim (c, block.offset, c->q->cluster, 1, COUNT_METADATA | COUNT_REFCOUNTS, &overlaps))
    return false;
  if (overlaps)
    {
      checker_corrupt (c, 1, "The refcount block at " HEX " lies where something else is", block.offset);
      c->wrong_counts++;
      c->rebuild = true;
      return true;
    }
  has_block[index / 8] |= (uint8_t)(1u << index % 8);
  g_array_append_val (c->blocks, block);
  return true;
}

static bool
claim_refcount_table (Checker *c)
{
  uint64_t bytes = c->q->reftable.clusters << c->q->cluster_bits;
  bool overlaps;

  if (!checker_claim (c, c->q->reftable.offset, bytes, 1, COUNT_METADATA | COUNT_REFCOUNTS, &overlaps))
    return false;
  if (overlaps)
    {
      checker_corrupt (c, 1, "The refcount table at " HEX " lies where something else is",
                       c->q->reftable.offset);
      c->wrong_counts++;
      c->rebuild = true;
    }
  return true;
}

#define TABLE_PIECE 512u /* entries */

bool
checker_counts (Checker *c)
{
  g_autofree uint8_t *has_block = g_malloc0 (c->q->reftable.n / 8 + 1);

  if (!claim_refcount_table (c))
    return false;
  for (unsigned i = 0; i < c->q->reftable.n; i += TABLE_PIECE)
    {
      unsigned piece = MIN (c->q->reftable.n - i, TABLE_PIECE);
      uint8_t entries[TABLE_PIECE * 8];

      if (!checker_read (c, c->q->reftable.offset + (uint64_t)i * 8, entries, (size_t)piece * 8))
        return false;
      for (unsigned j = 0; j < piece; j++)
        if (!look_at_entry (c, i + j, load_be64 (entries + (size_t)j * 8), has_block))
          return false;
    }

  c->total += c->blocks->len;
  for (unsigned i = 0; i < c->blocks->len; i++)
    if (!compare_block (c, &g_array_index (c->blocks, CheckedBlock, i)))
      return false;
  find_uncounted (c, has_block);
  return true;
}

/* --- repairing --- */

static bool
patch_block (Checker *c, const CheckedBlock *block)
{
  unsigned n = 1u << c->q->rc_bits;
  uint64_t first = (uint64_t)block->index << c->q->rc_bits;

  if (!checker_read (c, block->offset, c->table, c->q->cluster))
    return false;
  for (unsigned i = 0; i < n; i++)
    {
      uint64_t counted = get_count (c, i), used = count_map_get (c->map, first + i);

      if (counted < used || !c->unknown)
        set_count (c, i, MIN (used, c->q->refcount_max));
    }
  return checker_write (c, block->offset, c->table, c->q->cluster);
}

typedef struct {
  Checker *checker;
  GArray *groups;
} NewCounts;

/* The first cluster of the first group behind @cluster's. */
static uint64_t
next_group (const GArray *groups, uint64_t cluster)
{
  unsigned low = 0, high = groups->len;

  while (low < high)
    {
      unsigned middle = low + (high - low) / 2;

      if (g_array_index (groups, uint64_t, middle) > cluster)
        high = middle;
      else
        low = middle + 1;
    }
  return low < groups->len ? g_array_index (groups, uint64_t, low) : UINT64_MAX;
}

/* The old table and blocks are given up. */
static uint64_t
count_without_old (uint64_t cluster, uint64_t *next, void *data)
{
  const NewCounts *counts = data;
  CountMap *map = counts->checker->map;

  *next = count_map_group_empty (map, cluster) ? next_group (counts->groups, cluster) : cluster + 1;
  return count_map_flags (map, cluster) & COUNT_REFCOUNTS ? 0 : count_map_get (map, cluster);
}

static bool
rebuild_counts (Checker *c)
{
  g_autoptr (GArray) groups = count_map_groups (c->map);
  NewCounts counts = { c, groups };

  g_clear_pointer (&c->q->damage, g_free); /* it keeps the file from growing */
  return qcow2_refcounts_rebuild (c->layer, c->in_use, count_without_old, &counts, c->error);
}

static void
forget_cached_counts (Qcow2 *q)
{
  unsigned n_slots = q->rc_cache.n_slots, max_tables = q->rc_cache.max_tables;

  qcow2_cache_clear (&q->rc_cache);
  qcow2_cache_init (&q->rc_cache, n_slots, max_tables);
  memset (q->full_blocks, 0, q->reftable.n);
  q->free_hint = 0;
  q->code_cursor = 0;
}

bool
checker_repair_counts (Checker *c)
{
  Qcow2 *q = c->q;

  if (c->wrong_counts == 0)
    return true;
  if (c->rebuild && c->unknown)
    return true; /* what can't be seen would be counted as free */
  if (c->rebuild)
    {
      if (!rebuild_counts (c))
        return false;
    }
  else
    {
      for (unsigned i = 0; i < c->blocks->len; i++)
        {
          const CheckedBlock *block = &g_array_index (c->blocks, CheckedBlock, i);

          if (block->wrong && !patch_block (c, block))
            return false;
        }
      if (!checker_sync (c))
        return false;
      forget_cached_counts (q);
    }
  q->virgin = MAX (q->virgin, c->in_use);
  checker_repaired (c, c->wrong_counts);
  return true;
}
