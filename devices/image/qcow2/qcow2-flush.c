/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include <errno.h>

static bool
is_lazy (const Qcow2 *q)
{
  return (q->compatible & QCOW2_C_LAZY_REFCOUNTS) != 0;
}

/* With lazy refcounts the header must say so before the first table shows what isn't counted on disk. */
static int
say_dirty (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  int error;

  if (!is_lazy (q) || q->wrote_dirty)
    return 0;
  error = qcow2_set_incompatible (layer, QCOW2_I_DIRTY, 0);
  q->wrote_dirty = error == 0;
  return error;
}

/* Refcounts, and whatever the guest wrote, become durable. */
static int
flush_counts (ImageLayer *layer, bool lazy)
{
  Qcow2 *q = QCOW2 (layer);
  int error = lazy ? 0 : qcow2_cache_write (layer, &q->rc_cache);

  if (error == 0)
    error = store_sync (layer->store);
  if (error != 0 || lazy)
    return error;
  qcow2_cache_clean (q, &q->rc_cache);
  if (!q->reftable.dirty)
    return 0;
  error = qcow2_root_write (layer, &q->reftable);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    qcow2_root_clean (&q->reftable);
  return error;
}

static int
flush_tables (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  int error = 0;

  if (q->l2_cache.n_dirty > 0)
    {
      error = qcow2_cache_write (layer, &q->l2_cache);
      if (error == 0)
        error = store_sync (layer->store);
      if (error == 0)
        qcow2_cache_clean (q, &q->l2_cache);
    }
  if (error != 0 || !q->l1.dirty)
    return error;
  error = qcow2_root_write (layer, &q->l1);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    qcow2_root_clean (&q->l1);
  return error;
}

static int
flush (ImageLayer *layer, bool lazy)
{
  Qcow2 *q = QCOW2 (layer);
  /* A header that leads to a new L1 table needs no dirty table to lean on counts that aren't on disk. */
  bool uncounted =
    lazy && (q->l2_cache.n_dirty > 0 || q->l1.dirty || q->rc_cache.n_dirty > 0 || q->reftable.dirty);
  int error = q->damage == NULL ? qcow2_settle (layer, true) : 0;

  if (error == 0 && uncounted)
    error = say_dirty (layer);
  if (error == 0)
    error = flush_counts (layer, lazy);
  if (error == 0)
    error = flush_tables (layer);
  if (error == 0)
    error = qcow2_free_pending (layer);
  if (error == 0 && q->damage != NULL && !layer->lenient && (q->incompatible & QCOW2_I_CORRUPT) == 0)
    error = qcow2_set_incompatible (layer, QCOW2_I_CORRUPT, 0);
  if (error == 0)
    layer->dirty = !lazy && (q->rc_cache.n_dirty > 0 || q->reftable.dirty);
  return error;
}

int
qcow2_flush (ImageLayer *layer)
{
  if (layer->read_only)
    return 0;
  return flush (layer, is_lazy (QCOW2 (layer)));
}

int
qcow2_flush_all (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  int error = flush (layer, false);

  /* What was pending has lowered counts. */
  if (error == 0)
    error = qcow2_cache_write (layer, &q->rc_cache);
  if (error == 0 && q->rc_cache.n_dirty > 0)
    error = store_sync (layer->store);
  if (error != 0)
    return error;
  qcow2_cache_clean (q, &q->rc_cache);
  if (q->wrote_dirty && q->damage == NULL)
    {
      error = qcow2_set_incompatible (layer, 0, QCOW2_I_DIRTY);
      q->wrote_dirty = error != 0;
    }
  layer->dirty = false;
  return error;
}
