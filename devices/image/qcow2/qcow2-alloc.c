/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"

#include <errno.h>

/* The file grows in large steps: what lies behind its used part reads as zeroes, and appending to it costs
 * the host's file system no change of the size. */
#define GROW_MIN (UINT64_C (4) << 20)
#define GROW_MAX (UINT64_C (128) << 20)

int
qcow2_reach (ImageLayer *layer, uint64_t end, bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = store_size (layer->store), bytes = end << q->cluster_bits, step;
  int error;

  if (bytes <= size)
    return 0;
  if (layer->store->fixed_size)
    return -ENOSPC;
  if (bytes > QCOW2_OFFSET_MASK)
    return -EFBIG;
  if (!may_block)
    return -EAGAIN;
  step = CLAMP (size / 4, GROW_MIN, GROW_MAX) & -(uint64_t)q->cluster;
  error = store_resize (layer->store, bytes + step);
  if (error != 0)
    error = store_resize (layer->store, bytes);
  if (error == 0)
    q->grown_to = store_size (layer->store);
  return error;
}

/* The end of the last cluster that is counted. */
static int
find_used_end (ImageLayer *layer, uint64_t *end)
{
  Qcow2 *q = QCOW2 (layer);

  *end = 0;
  for (unsigned i = q->reftable.n; i-- > 0;)
    {
      uint64_t first = (uint64_t)i << q->rc_bits;
      Qcow2Table *block;
      int error = qcow2_rc_get (layer, i, true, &block);

      if (error != 0)
        return error;
      for (uint64_t c = first + (UINT64_C (1) << q->rc_bits); block != NULL && c-- > first;)
        if (qcow2_rc_count (q, block, c) != 0)
          {
            *end = c + 1;
            return 0;
          }
    }
  return 0;
}

int
qcow2_find_virgin (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = store_size (layer->store), used, end;
  bool is_data = true;
  int error;

  q->virgin = (size + q->cluster - 1) >> q->cluster_bits;
  error = find_used_end (layer, &used);
  if (error != 0 || used >= q->virgin)
    return error;
  used <<= q->cluster_bits;
  if (store_status (layer->store, used, size - used, &is_data, &end) == 0 && !is_data && end >= size)
    q->virgin = used >> q->cluster_bits;
  return 0;
}

/* --- finding room --- */

/* The first free cluster in [from, end), which @block counts; @end if there is none. */
static uint64_t
find_free (const Qcow2 *q, const Qcow2Table *block, uint64_t from, uint64_t end)
{
  uint64_t mask = (UINT64_C (1) << q->rc_bits) - 1;

  for (; from < end; from++)
    {
      if (q->refcount_order == 4 && from % 4 == 0)
        {
          /* Four counts at a time: whether any of them is 0. */
          uint64_t four = load_be64 (block->data + (from & mask) * 2);

          if (((four - UINT64_C (0x0001000100010001)) & ~four & UINT64_C (0x8000800080008000)) == 0)
            {
              from += 3;
              continue;
            }
        }
      if (qcow2_rc_count (q, block, from) == 0)
        break;
    }
  return MIN (from, end);
}

/* The block that counts @free_hint, or goes on to the next one. 1: look again. */
static int
hint_block (ImageLayer *layer, bool may_block, Qcow2Table **block)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t index = q->free_hint >> q->rc_bits;
  int error;

  if (index >= q->reftable.n)
    {
      error = may_block ? qcow2_reftable_grow (layer, index + 1) : -EAGAIN;
      return error == 0 ? 1 : error;
    }
  if (q->full_blocks[index])
    {
      q->free_hint = (index + 1) << q->rc_bits;
      return 1;
    }
  error = qcow2_rc_get (layer, index, may_block, block);
  if (error == 0 && *block == NULL)
    {
      error = qcow2_rc_make (layer, index, may_block);
      return error == 0 ? 1 : error;
    }
  return error;
}

static bool
is_blank (const Qcow2 *q, uint64_t cluster)
{
  return cluster >= q->virgin || qcow2_set_has (q->blank, cluster, 1);
}

/* How many clusters in a row from @first on are free, and alike in whether they read as zeroes. */
static uint64_t
free_run (const Qcow2 *q, const Qcow2Table *block, uint64_t first, uint64_t wanted)
{
  uint64_t end = ((first >> q->rc_bits) + 1) << q->rc_bits, n = 1;
  bool blank = is_blank (q, first);

  end = MIN (end, first + wanted);
  while (first + n < end && qcow2_rc_count (q, block, first + n) == 0 && !qcow2_is_metadata (q, first + n, 1)
         && is_blank (q, first + n) == blank)
    n++;
  return n;
}

/* Nobody knows any more what these clusters hold. */
static void
took (Qcow2 *q, uint64_t first, uint64_t n)
{
  if (first < q->virgin)
    qcow2_set_remove (q->blank, first, n);
  q->virgin = MAX (q->virgin, first + n);
}

static void
take (ImageLayer *layer, Qcow2Table *block, uint64_t first, uint64_t n)
{
  Qcow2 *q = QCOW2 (layer);

  for (uint64_t c = first; c < first + n; c++)
    qcow2_rc_set_count (layer, block, c, 1);
  took (q, first, n);
}

int
qcow2_alloc (ImageLayer *layer, uint64_t wanted, bool may_block, uint64_t *first, uint64_t *n, bool *zeroed)
{
  Qcow2 *q = QCOW2 (layer);
  int settled = qcow2_settle (layer, may_block);

  if (settled != 0)
    return settled;
  for (;;)
    {
      Qcow2Table *block = NULL;
      int error = hint_block (layer, may_block, &block);
      uint64_t end;

      if (error < 0)
        return error;
      if (error > 0)
        continue;
      end = ((q->free_hint >> q->rc_bits) + 1) << q->rc_bits;
      *first = find_free (q, block, q->free_hint, end);
      if (*first == end)
        {
          q->full_blocks[q->free_hint >> q->rc_bits] = true;
          q->free_hint = end;
          continue;
        }
      q->free_hint = *first;
      if (qcow2_is_metadata (q, *first, 1))
        return qcow2_damaged (layer, "cluster %" G_GUINT64_FORMAT " holds metadata, but its refcount is 0",
                              *first);
      *n = free_run (q, block, *first, MAX (wanted, 1));
      error = qcow2_reach (layer, *first + *n, may_block);
      if (error != 0)
        return error;
      *zeroed = is_blank (q, *first);
      take (layer, block, *first, *n);
      q->free_hint = *first + *n;
      return 0;
    }
}

/* Looks for @n free clusters in a row among those that one block counts. 0: none. */
static int
find_run (ImageLayer *layer, uint64_t n, uint64_t *first)
{
  Qcow2 *q = QCOW2 (layer);

  *first = 0;
  for (unsigned i = q->free_hint >> q->rc_bits; i < q->reftable.n; i++)
    {
      uint64_t c = MAX ((uint64_t)i << q->rc_bits, q->free_hint), end = ((uint64_t)i + 1) << q->rc_bits;
      Qcow2Table *block;
      int error = qcow2_rc_get (layer, i, true, &block);

      if (error != 0)
        return error;
      for (uint64_t run = 0; block != NULL && c < end; c++)
        {
          run = qcow2_rc_count (q, block, c) == 0 && !qcow2_is_metadata (q, c, 1) ? run + 1 : 0;
          if (run == n)
            {
              *first = c + 1 - n;
              return 0;
            }
        }
    }
  return 0;
}

int
qcow2_alloc_run (ImageLayer *layer, uint64_t n, uint64_t *first)
{
  int error = qcow2_settle (layer, true);

  if (error == 0)
    error = find_run (layer, n, first);
  if (error == 0 && *first == 0)
    return qcow2_append_run (layer, n, first);
  if (error == 0)
    error = qcow2_reach (layer, *first + n, true);
  if (error == 0)
    error = qcow2_refcount_add (layer, *first, n, true, 1);
  if (error == 0)
    took (QCOW2 (layer), *first, n);
  return error;
}

void
qcow2_alloc_undo (ImageLayer *layer, uint64_t first, uint64_t n)
{
  /* No table ever pointed there: nothing to wait for, but a block that isn't in memory. */
  for (uint64_t c = first; c < first + n; c++)
    if (qcow2_refcount_add (layer, c, 1, false, -1) != 0)
      qcow2_free_later (layer, c, 1);
}

/* --- compressed clusters: packed one behind the other, each from a sector's start --- */

#define CODE_ALIGN 512u

/* Whether the code of @size bytes can go on at the cursor; counts it. */
static int
append_code (ImageLayer *layer, unsigned size, bool *fits)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = qcow2_cluster_of (q, q->code_cursor), count, next_count;
  bool crosses = q->code_cursor % q->cluster + size > q->cluster;
  int error = qcow2_refcount_get (layer, cluster, true, &count);

  *fits = false;
  if (error != 0 || count == 0 || count >= q->refcount_max)
    return error;
  if (crosses)
    {
      uint64_t next = cluster + 1;

      error = qcow2_refcount_get (layer, next, true, &next_count);
      if (error != 0 || next_count != 0 || qcow2_is_metadata (q, next, 1)
          || qcow2_reach (layer, next + 1, true) != 0)
        return error;
      error = qcow2_refcount_set (layer, next, true, 1);
      if (error != 0)
        return error == -ENXIO ? 0 : error; /* a block of its own comes with a fresh cluster */
      took (q, next, 1);
    }
  *fits = true;
  return qcow2_refcount_set (layer, cluster, true, count + 1);
}

int
qcow2_alloc_code (ImageLayer *layer, unsigned size, uint64_t *store_offset)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t limit = MIN (UINT64_C (1) << (62 - (q->cluster_bits - 8)), QCOW2_OFFSET_MASK), first, n;
  bool fits = false, zeroed;
  int error = size > 0 && size <= q->cluster ? qcow2_settle (layer, true) : -EIO;

  if (error == 0 && q->code_cursor != 0 && q->code_cursor % q->cluster != 0)
    error = append_code (layer, size, &fits);
  if (error == 0 && !fits)
    {
      error = qcow2_alloc (layer, 1, true, &first, &n, &zeroed);
      if (error == 0)
        q->code_cursor = first << q->cluster_bits;
    }
  if (error != 0)
    return error;
  *store_offset = q->code_cursor;
  q->code_cursor = (q->code_cursor + size + CODE_ALIGN - 1) & ~(uint64_t)(CODE_ALIGN - 1);
  if (*store_offset + size <= limit)
    return 0;
  qcow2_undo_code (layer, *store_offset, size);
  return -EFBIG;
}

void
qcow2_undo_code (ImageLayer *layer, uint64_t store_offset, unsigned size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t first = qcow2_cluster_of (q, store_offset), last = qcow2_cluster_of (q, store_offset + size - 1);

  q->code_cursor = 0;
  qcow2_free_later (layer, first, last - first + 1);
}

int
qcow2_link_code (ImageLayer *layer, uint64_t offset, uint64_t store_offset, unsigned size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits, entry;
  unsigned x = 62 - (q->cluster_bits - 8), index = cluster & ((1u << q->l2_bits) - 1);
  uint64_t sectors = (store_offset + size - 1) / 512 - store_offset / 512;
  Qcow2Table *table;
  int error = qcow2_l2_get_own (layer, cluster >> q->l2_bits, true, &table);

  if (error != 0)
    return error;
  entry = QCOW2_COMPRESSED | sectors << x | store_offset;
  qcow2_free_entry (layer, qcow2_l2_entry (q, table, index));
  qcow2_l2_set (layer, table, index, entry, 0);
  return 0;
}
