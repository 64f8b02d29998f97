/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2-private.h"

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
  int error;

  memcpy (before, q->sector, sizeof before);
  store_be64 (q->sector + QCOW2_H_SIZE, size);
  store_be64 (q->sector + QCOW2_H_L1_OFFSET, l1_offset);
  store_be32 (q->sector + QCOW2_H_L1_SIZE, l1_size);
  error = qcow2_header_write_sector (layer);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    return 0;
  memcpy (q->sector, before, sizeof before);
  return qcow2_damaged (layer, "the header could not be written");
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
grow_l1 (ImageLayer *layer, uint64_t size, unsigned n)
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
        error = switch_header (layer, size, table.offset, n);
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

static int
grow (ImageLayer *layer, uint64_t size)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t per_entry = UINT64_C (1) << (q->cluster_bits + q->l2_bits), n = (size + per_entry - 1) / per_entry;
  int error;

  if (n > QCOW2_L1_MAX / 8)
    return -EFBIG;
  if (n > q->l1.n)
    return grow_l1 (layer, size, n);
  error = qcow2_flush (layer);
  return error == 0 ? switch_header (layer, size, q->l1.offset, q->l1.n) : error;
}

/* Whether anything lies in [offset, end). */
static int
find_data (ImageLayer *layer, uint64_t offset, uint64_t end, bool *found)
{
  *found = false;
  while (offset < end && !*found)
    {
      LayerExtent extent;
      int error = qcow2_map (layer, offset, end - offset, true, &extent);

      if (error != 0)
        return error;
      *found = extent.kind == EXTENT_DATA || extent.kind == EXTENT_ENCODED;
      offset += extent.length;
    }
  return 0;
}

static bool
shrink (ImageLayer *layer, uint64_t size, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t end = (size + q->cluster - 1) & -(uint64_t)q->cluster;
  bool found = false;
  int result = end < layer->size ? find_data (layer, end, layer->size, &found) : 0;

  if (found)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "Disk image “%s” can't shrink to %" G_GUINT64_FORMAT
                   " bytes: data lies beyond; shrink the file systems in it, and discard what is behind them",
                   layer->store->path, size);
      return false;
    }
  /* Should it grow again, nothing old must show up. */
  if (result == 0 && end < layer->size)
    result = qcow2_unmap (layer, end, layer->size - end, UNMAP_ABSENT, true);
  if (result == 0)
    result = qcow2_flush (layer);
  if (result == 0)
    result = switch_header (layer, size, q->l1.offset, q->l1.n);
  return result == 0 || resize_failed (layer, result, error);
}

bool
qcow2_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  int result = qcow2_begin_writing (layer);

  if (result == 0 && QCOW2 (layer)->damage != NULL)
    result = -EIO;
  if (result != 0)
    return resize_failed (layer, result, error);
  if (size < layer->size && !shrink (layer, size, error))
    return false;
  if (size > layer->size && (result = grow (layer, size)) != 0)
    return resize_failed (layer, result, error);
  layer->size = size;
  return true;
}
