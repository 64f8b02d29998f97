/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-check-private.h"

#include "vmm/base/error.h"

/* What the counts may take for a file: some dozen bytes for each entry that points somewhere. */
#define MAP_BYTES_LEAST (UINT64_C (256) << 20)

#define SENTENCES_MAX 1000u

/* --- telling --- */

static void
tell (Checker *c, const char *text)
{
  if (c->check->finding == NULL || c->n_told > SENTENCES_MAX)
    return;
  c->check->finding (c->n_told < SENTENCES_MAX ? text
                                               : "More was found than is listed here; only the numbers go on",
                     c->check->data);
  c->n_told++;
}

void
checker_corrupt (Checker *c, uint64_t n, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  c->check->corruptions += n;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  tell (c, text);
}

void
checker_leak (Checker *c, uint64_t n, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  c->check->leaks += n;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  tell (c, text);
}

void
checker_repaired (Checker *c, uint64_t n)
{
  c->check->repaired += n;
}

bool
checker_step (Checker *c)
{
  c->done++;
  if (c->check->progress != NULL)
    c->check->progress (MIN (c->done, c->total), c->total, c->check->data);
  return !g_cancellable_set_error_if_cancelled (c->check->cancellable, c->error);
}

/* --- the file --- */

static bool
io_failed (Checker *c, int result, const char *verb, uint64_t offset)
{
  return vmm_set_errno_error (c->error, -result,
                              "%s: could not %s at 0x%" G_GINT64_MODIFIER "x while checking",
                              c->layer->store->path, verb, offset);
}

bool
checker_read (Checker *c, uint64_t offset, void *data, size_t size)
{
  int result = store_read (c->layer->store, offset, data, size);

  return result == 0 || io_failed (c, result, "read", offset);
}

bool
checker_write (Checker *c, uint64_t offset, const void *data, size_t size)
{
  int result = store_write (c->layer->store, offset, data, size);

  return result == 0 || io_failed (c, result, "write", offset);
}

bool
checker_sync (Checker *c)
{
  int result = store_sync (c->layer->store);

  return result == 0 || io_failed (c, result, "sync", 0);
}

bool
checker_in_file (const Checker *c, uint64_t offset, uint64_t bytes)
{
  uint64_t end = c->file_clusters << c->q->cluster_bits;

  return offset % c->q->cluster == 0 && offset < end && bytes <= end - offset;
}

/* --- using clusters --- */

static bool
too_much (Checker *c)
{
  g_set_error (
    c->error, VMM_ERROR, VMM_ERROR_RESOURCE,
    "%s refers to more places than there is memory to check them with. Close other programs and try again.",
    c->layer->store->path);
  return false;
}

static uint64_t
cluster_behind (const Checker *c, uint64_t offset, uint64_t bytes)
{
  return (offset + bytes + c->q->cluster - 1) >> c->q->cluster_bits;
}

bool
checker_use (Checker *c, uint64_t offset, uint64_t bytes, uint64_t n, unsigned flags)
{
  uint64_t end = cluster_behind (c, offset, bytes);

  for (uint64_t cluster = offset >> c->q->cluster_bits; cluster < end; cluster++)
    if (!count_map_add (c->map, cluster, n) || (flags != 0 && !count_map_flag (c->map, cluster, flags)))
      return too_much (c);
  c->in_use = MAX (c->in_use, end);
  return true;
}

bool
checker_is_used (const Checker *c, uint64_t offset, uint64_t bytes)
{
  uint64_t end = cluster_behind (c, offset, bytes);

  for (uint64_t cluster = offset >> c->q->cluster_bits; cluster < end; cluster++)
    if (count_map_get (c->map, cluster) > 0)
      return true;
  return false;
}

bool
checker_claim (Checker *c, uint64_t offset, uint64_t bytes, uint64_t n, unsigned flags, bool *overlaps)
{
  *overlaps = checker_is_used (c, offset, bytes);
  return *overlaps || checker_use (c, offset, bytes, n, flags);
}

/* --- the check --- */

static void
checker_clear (Checker *c)
{
  g_array_unref (c->refs);
  g_array_unref (c->uses);
  g_array_unref (c->blocks);
  count_map_free (c->map);
  g_free (c->table);
}

static bool
checker_init (Checker *c, ImageLayer *layer, ImageCheck *check, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = store_size (layer->store);

  *c = (Checker){
    .layer = layer,
    .q = q,
    .check = check,
    .error = error,
    .file_clusters = (size >> q->cluster_bits) + (size % q->cluster != 0),
    .map = count_map_new (MAP_BYTES_LEAST + store_allocated (layer->store) / 2),
    .refs = g_array_new (FALSE, FALSE, sizeof (TableRef)),
    .uses = g_array_new (FALSE, FALSE, sizeof (TableUse)),
    .blocks = g_array_new (FALSE, FALSE, sizeof (CheckedBlock)),
    .table = g_try_malloc (q->cluster),
  };
  return c->table != NULL || too_much (c);
}

/* Features whose data nobody here keeps current end with the first change; bitmaps stay true: what the disk
 * holds does not change. */
static bool
begin_repair (Checker *c)
{
  uint64_t autoclear = c->q->autoclear & QCOW2_A_BITMAPS;
  int result;

  if (!c->check->repair || c->q->autoclear == autoclear)
    return true;
  result = qcow2_header_put64 (c->layer, QCOW2_H_AUTOCLEAR, autoclear);
  if (result < 0)
    return io_failed (c, result, "write the header", 0);
  c->q->autoclear = autoclear;
  return checker_sync (c);
}

static void
forget_cached_tables (Qcow2 *q)
{
  unsigned n_slots = q->l2_cache.n_slots, max_tables = q->l2_cache.max_tables;

  qcow2_cache_clear (&q->l2_cache);
  qcow2_cache_init (&q->l2_cache, n_slots, max_tables);
}

/* The marks "dirty" and "corrupt" end only when everything is in order. */
static bool
end_repair (Checker *c)
{
  const ImageCheck *check = c->check;
  int result;

  if (!check->repair)
    return true;
  forget_cached_tables (c->q);
  if (check->repaired < check->corruptions + check->leaks)
    {
      qcow2_damaged (c->layer, "%" G_GUINT64_FORMAT " faults are beyond repair",
                     check->corruptions + check->leaks - check->repaired);
      return true;
    }
  g_clear_pointer (&c->q->damage, g_free);
  if ((c->q->incompatible & (QCOW2_I_DIRTY | QCOW2_I_CORRUPT)) == 0)
    return true;
  result = qcow2_set_incompatible (c->layer, 0, QCOW2_I_DIRTY | QCOW2_I_CORRUPT);
  return result == 0 || io_failed (c, result, "write the header", 0);
}

static bool
check_once (Checker *c)
{
  return begin_repair (c) && checker_use (c, 0, c->q->cluster, 1, COUNT_METADATA)
         && checker_l1 (c, c->q->l1.offset, c->q->l1.n, true, "the disk") && checker_extras (c)
         && checker_l2_tables (c) && checker_counts (c) && (!c->check->repair || checker_repair_counts (c))
         && checker_copied_flags (c) && end_repair (c);
}

bool
qcow2_check (ImageLayer *layer, ImageCheck *check, GError **error)
{
  bool again = true, good = true;
  Checker c;

  if (layer->dirty)
    {
      int result = qcow2_flush (layer);

      if (result < 0)
        return vmm_set_errno_error (error, -result, "%s: could not be flushed", layer->store->path);
    }
  for (unsigned turn = 0; turn < 2 && again && good; turn++)
    {
      check->allocated_clusters = check->compressed_clusters = check->fragmented_clusters = 0;
      good = checker_init (&c, layer, check, error) && check_once (&c);
      again = c.again;
      check->image_end = MAX (c.end, MIN (c.in_use, c.file_clusters)) << c.q->cluster_bits;
      checker_clear (&c);
    }
  check->total_clusters = (layer->size + layer->cluster - 1) / layer->cluster;
  return good;
}
