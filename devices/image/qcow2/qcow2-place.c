/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include <errno.h>

#define PLACE_CLUSTERS 256u   /* at most in one place */
#define PENDING_RUNS   65536u /* beyond, a flush frees them first */

/* A place that was given and not taken back. Its table stays in memory meanwhile. */
struct Qcow2PlaceRecord {
  Qcow2PlaceRecord *next; /* among the spare ones */
  Qcow2Table *table;
  unsigned index, n; /* entries of @table */
  uint64_t host;     /* of the first, in the store */
  bool fresh;        /* allocated for this place; else they are the disk's already */
  uint64_t linked[PLACE_CLUSTERS / 64];
};

static Qcow2PlaceRecord *
take_record (Qcow2 *q)
{
  Qcow2PlaceRecord *record = q->spare_records;

  if (record == NULL)
    return g_new0 (Qcow2PlaceRecord, 1);
  q->spare_records = record->next;
  memset (record, 0, sizeof *record);
  return record;
}

void
qcow2_free_records (Qcow2 *q)
{
  while (q->spare_records != NULL)
    {
      Qcow2PlaceRecord *next = q->spare_records->next;

      g_free (q->spare_records);
      q->spare_records = next;
    }
}

static bool
is_linked (const Qcow2PlaceRecord *record, unsigned i)
{
  return record->linked[i / 64] >> (i % 64) & 1;
}

/* Where a cluster lies that is the disk's alone and may be filled (further): preallocated, or some of its
 * subclusters are missing. 0: nowhere. */
static uint64_t
own_room (const Qcow2 *q, const Qcow2Table *table, unsigned index)
{
  uint64_t entry = qcow2_l2_entry (q, table, index), host = entry & QCOW2_OFFSET_MASK;

  if ((entry & QCOW2_COMPRESSED) != 0 || (entry & QCOW2_COPIED) == 0 || (host & (q->cluster - 1)) != 0
      || qcow2_is_metadata (q, qcow2_cluster_of (q, host), 1))
    return 0;
  return host;
}

int
qcow2_relieve (ImageLayer *layer, bool may_block)
{
  Qcow2 *q = QCOW2 (layer);
  int error = qcow2_settle (layer, may_block);

  if (error != 0)
    return error;
  if (q->l2_cache.n_dirty * 4 < q->l2_cache.max_tables * 3 && q->pending->len < PENDING_RUNS)
    return 0;
  return may_block ? qcow2_flush (layer) : -EAGAIN;
}

/* Room for @wanted clusters or fewer from entry @index on. */
static int
find_room (ImageLayer *layer, Qcow2PlaceRecord *record, unsigned wanted, bool may_block, bool *zeroed)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t first, n;
  unsigned run = 1;
  int error;

  *zeroed = false;
  record->host = own_room (q, record->table, record->index);
  if (record->host != 0)
    {
      while (run < wanted
             && own_room (q, record->table, record->index + run)
                  == record->host + ((uint64_t)run << q->cluster_bits))
        run++;
      record->n = run;
      return 0;
    }
  while (run < wanted && own_room (q, record->table, record->index + run) == 0)
    run++;
  error = qcow2_alloc (layer, run, may_block, &first, &n, zeroed);
  if (error != 0)
    return error;
  record->fresh = true;
  record->host = first << q->cluster_bits;
  record->n = n;
  return 0;
}

int
qcow2_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t cluster = offset >> q->cluster_bits, last = (offset + length - 1) >> q->cluster_bits;
  unsigned index = cluster & ((1u << q->l2_bits) - 1);
  unsigned wanted = MIN (MIN (last - cluster + 1, PLACE_CLUSTERS), (1u << q->l2_bits) - index);
  Qcow2PlaceRecord *record;
  bool zeroed = false;
  Qcow2Table *table;
  int error = qcow2_relieve (layer, may_block);

  if (error == 0)
    error = qcow2_l2_get_own (layer, cluster >> q->l2_bits, may_block, &table);
  if (error != 0)
    return error;
  record = take_record (q);
  record->table = table;
  record->index = index;
  table->pins++;
  error = find_room (layer, record, wanted, may_block, &zeroed);
  if (error != 0)
    {
      table->pins--;
      record->next = q->spare_records;
      q->spare_records = record;
      return error;
    }
  *place = (ImagePlace){
    .offset = cluster << q->cluster_bits,
    .length = (uint64_t)record->n << q->cluster_bits,
    .store = layer->store,
    .store_offset = record->host,
    .zeroed = zeroed && !layer->encrypted,
    .tag = { (uintptr_t)record },
  };
  return 0;
}

static uint64_t
low_mask (unsigned n)
{
  return n >= 32 ? UINT64_C (0xffffffff) : (UINT64_C (1) << n) - 1;
}

/* Shows subclusters [first, end) of cluster @i of the place. */
static void
link_cluster (ImageLayer *layer, Qcow2PlaceRecord *record, unsigned i, unsigned first, unsigned end)
{
  Qcow2 *q = QCOW2 (layer);
  unsigned index = record->index + i;
  uint64_t host = record->host + ((uint64_t)i << q->cluster_bits), entry, bitmap, shown;

  entry = qcow2_l2_entry (q, record->table, index);
  bitmap = qcow2_l2_bitmap (q, record->table, index);
  if (!record->fresh && ((entry & QCOW2_COMPRESSED) != 0 || (entry & QCOW2_OFFSET_MASK) != host))
    return; /* discarded meanwhile */
  if (record->fresh && !is_linked (record, i))
    {
      /* What was there moved along with the data, if it is still wanted. */
      bitmap = (entry & QCOW2_COMPRESSED) != 0 ? 0 : bitmap & ~UINT64_C (0xffffffff);
      qcow2_free_entry (layer, entry);
    }
  shown = low_mask (end) & ~low_mask (first);
  bitmap = (bitmap | shown) & ~(shown << 32);
  qcow2_l2_set (layer, record->table, index, host | QCOW2_COPIED, bitmap);
  record->linked[i / 64] |= UINT64_C (1) << (i % 64);
}

void
qcow2_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2PlaceRecord *record = (Qcow2PlaceRecord *)(uintptr_t)place->tag[0];
  unsigned sub_bits = q->cluster_bits - 5;
  uint64_t at = offset - place->offset, end = MIN (at + length, place->length);

  while (at < end)
    {
      unsigned i = at >> q->cluster_bits;
      uint64_t start = (uint64_t)i << q->cluster_bits, stop = MIN (end, start + q->cluster);

      link_cluster (layer, record, i, (at - start) >> sub_bits,
                    (stop - start + (1u << sub_bits) - 1) >> sub_bits);
      at = stop;
    }
}

void
qcow2_unplace (ImageLayer *layer, const ImagePlace *place)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2PlaceRecord *record = (Qcow2PlaceRecord *)(uintptr_t)place->tag[0];
  uint64_t first = qcow2_cluster_of (q, record->host);

  for (unsigned i = 0; record->fresh && i < record->n; i++)
    if (!is_linked (record, i))
      qcow2_alloc_undo (layer, first + i, 1);
  record->table->pins--;
  record->next = q->spare_records;
  q->spare_records = record;
}
