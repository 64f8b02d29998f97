/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"

#include <errno.h>

uint64_t
qcow2_l2_entry (const Qcow2 *q, const Qcow2Table *table, unsigned index)
{
  return load_be64 (table->data + (size_t)index * q->entry_size);
}

uint64_t
qcow2_l2_bitmap (const Qcow2 *q, const Qcow2Table *table, unsigned index)
{
  return q->extended_l2 ? load_be64 (table->data + (size_t)index * 16 + 8) : 0;
}

void
qcow2_l2_set (ImageLayer *layer, Qcow2Table *table, unsigned index, uint64_t entry, uint64_t bitmap)
{
  Qcow2 *q = QCOW2 (layer);
  unsigned at = index * q->entry_size;

  store_be64 (table->data + at, entry);
  if (q->extended_l2)
    store_be64 (table->data + at + 8, bitmap);
  qcow2_table_dirty (&q->l2_cache, table, at, q->entry_size);
  layer->dirty = true;
}

void
qcow2_l1_set (ImageLayer *layer, unsigned index, uint64_t entry)
{
  Qcow2 *q = QCOW2 (layer);

  qcow2_root_set (&q->l1, index, entry);
  q->bad_l1[index / 8] &= ~(1u << (index % 8));
  layer->dirty = true;
}

/* Section "Cluster mapping", Compressed Clusters Descriptor. */
void
qcow2_code_location (const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *size)
{
  unsigned x = 62 - (q->cluster_bits - 8);
  uint64_t sectors = (entry & ~(QCOW2_COPIED | QCOW2_COMPRESSED)) >> x;

  *offset = entry & ((UINT64_C (1) << x) - 1);
  *size = (sectors + 1) * 512 - *offset % 512;
}

/* Checks what an L1 entry says. */
static int
l2_offset (ImageLayer *layer, unsigned l1_index, uint64_t *offset)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t entry = q->l1.entries[l1_index];

  *offset = entry & QCOW2_OFFSET_MASK;
  if (q->bad_l1[l1_index / 8] >> (l1_index % 8) & 1)
    return qcow2_damaged (layer, "L1 entry %u (0x%" G_GINT64_MODIFIER "x) can't point to an L2 table",
                          l1_index, entry);
  return 0;
}

int
qcow2_l2_get (ImageLayer *layer, unsigned l1_index, bool may_block, Qcow2Table **table)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t offset;
  int error;

  *table = NULL;
  if (l1_index >= q->l1.n)
    return 0;
  *table = qcow2_cache_lookup (&q->l2_cache, l1_index);
  if (*table != NULL)
    return 0;
  error = l2_offset (layer, l1_index, &offset);
  if (error != 0 || offset == 0)
    return error;
  if (!may_block)
    return -EAGAIN;
  error = qcow2_cache_room (layer, &q->l2_cache, true);
  if (error != 0)
    return error;
  *table = qcow2_cache_add (q, &q->l2_cache, l1_index, offset);
  error = store_read (layer->store, offset, (*table)->data, q->cluster);
  if (error != 0)
    {
      qcow2_cache_drop (&q->l2_cache, *table);
      *table = NULL;
    }
  return error;
}

/* A cluster for an L2 table, and room in the cache. */
static int
new_l2_cluster (ImageLayer *layer, bool may_block, uint64_t *cluster, bool *zeroed)
{
  uint64_t n;
  int error = qcow2_cache_room (layer, &QCOW2 (layer)->l2_cache, may_block);

  if (error == 0)
    error = qcow2_alloc (layer, 1, may_block, cluster, &n, zeroed);
  if (error == 0)
    qcow2_metadata_add (QCOW2 (layer), *cluster, 1);
  return error;
}

int
qcow2_l2_get_own (ImageLayer *layer, unsigned l1_index, bool may_block, Qcow2Table **table)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t old, cluster;
  bool zeroed;
  int error;

  if (q->damage != NULL)
    return -EIO;
  error = qcow2_l2_get (layer, l1_index, may_block, table);
  if (error != 0)
    return error;
  if (*table != NULL && (q->l1.entries[l1_index] & QCOW2_COPIED) != 0)
    return 0;
  if (l1_index >= q->l1.n)
    return qcow2_damaged (layer, "the L1 table is too short for the disk");
  if (*table != NULL)
    (*table)->pins++;
  error = new_l2_cluster (layer, may_block, &cluster, &zeroed);
  if (*table != NULL)
    (*table)->pins--;
  if (error != 0)
    return error;

  old = q->l1.entries[l1_index] & QCOW2_OFFSET_MASK;
  if (*table == NULL)
    *table = qcow2_cache_add (q, &q->l2_cache, l1_index, cluster << q->cluster_bits);
  else
    {
      (*table)->offset = cluster << q->cluster_bits;
      qcow2_free_later (layer, qcow2_cluster_of (q, old), 1);
    }
  if (old != 0 || !zeroed)
    qcow2_table_dirty (&q->l2_cache, *table, 0, q->cluster);
  qcow2_l1_set (layer, l1_index, cluster << q->cluster_bits | QCOW2_COPIED);
  return 0;
}
