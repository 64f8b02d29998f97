/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

int
qcow2_damaged (ImageLayer *layer, const char *format, ...)
{
  Qcow2 *q = QCOW2 (layer);
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_info ("%s: %s", layer->store->path, text);
  if (q->damage == NULL)
    q->damage = g_steal_pointer (&text);
  return -EIO;
}

/* --- bits --- */

static unsigned
bit_words (uint64_t n_bits)
{
  return (n_bits + 63) / 64;
}

static void
set_bits (uint64_t *words, unsigned first, unsigned last)
{
  for (unsigned i = first; i <= last; i++)
    words[i / 64] |= UINT64_C (1) << (i % 64);
}

static bool
test_bit (const uint64_t *words, unsigned i)
{
  return words[i / 64] >> (i % 64) & 1;
}

/* The next run of set bits at or after *first: [*first, return value). Empty: no more. */
static unsigned
next_run (const uint64_t *words, unsigned n, unsigned *first)
{
  unsigned end;

  while (*first < n && !test_bit (words, *first))
    *first += words[*first / 64] == 0 ? 64 - *first % 64 : 1;
  if (*first > n)
    *first = n;
  for (end = *first; end < n && test_bit (words, end); end++)
    continue;
  return end;
}

/* --- the cache --- */

void
qcow2_cache_init (Qcow2Cache *cache, unsigned n_slots, unsigned max_tables)
{
  *cache = (Qcow2Cache){ .n_slots = n_slots, .max_tables = max_tables };
  cache->slots = g_new0 (Qcow2Table *, MAX (n_slots, 1));
}

void
qcow2_cache_resize (Qcow2Cache *cache, unsigned n_slots)
{
  g_assert (n_slots >= cache->n_slots);
  cache->slots = g_renew (Qcow2Table *, cache->slots, MAX (n_slots, 1));
  memset (cache->slots + cache->n_slots, 0, (n_slots - cache->n_slots) * sizeof *cache->slots);
  cache->n_slots = n_slots;
}

static void
use_unlink (Qcow2Cache *cache, Qcow2Table *table)
{
  *(table->newer != NULL ? &table->newer->older : &cache->newest) = table->older;
  *(table->older != NULL ? &table->older->newer : &cache->oldest) = table->newer;
}

static void
use_link (Qcow2Cache *cache, Qcow2Table *table)
{
  table->newer = NULL;
  table->older = cache->newest;
  *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = table;
  cache->newest = table;
}

void
qcow2_cache_drop (Qcow2Cache *cache, Qcow2Table *table)
{
  use_unlink (cache, table);
  cache->slots[table->index] = NULL;
  cache->n_tables--;
  cache->n_dirty -= table->dirty;
  g_free (table->data);
  g_free (table->dirty_sectors);
  g_free (table);
}

void
qcow2_cache_clear (Qcow2Cache *cache)
{
  while (cache->oldest != NULL)
    qcow2_cache_drop (cache, cache->oldest);
  g_clear_pointer (&cache->slots, g_free);
  cache->n_slots = 0;
}

Qcow2Table *
qcow2_cache_lookup (Qcow2Cache *cache, unsigned index)
{
  Qcow2Table *table = index < cache->n_slots ? cache->slots[index] : NULL;

  if (table != NULL && table != cache->newest)
    {
      use_unlink (cache, table);
      use_link (cache, table);
    }
  return table;
}

Qcow2Table *
qcow2_cache_add (Qcow2 *q, Qcow2Cache *cache, unsigned index, uint64_t offset)
{
  Qcow2Table *table = g_new0 (Qcow2Table, 1);

  g_assert (index < cache->n_slots && cache->slots[index] == NULL);
  table->index = index;
  table->offset = offset;
  table->data = g_malloc0 (q->cluster);
  table->dirty_sectors = g_new0 (uint64_t, bit_words (q->cluster / QCOW2_SECTOR));
  cache->slots[index] = table;
  cache->n_tables++;
  use_link (cache, table);
  return table;
}

void
qcow2_table_dirty (Qcow2Cache *cache, Qcow2Table *table, unsigned offset, unsigned length)
{
  set_bits (table->dirty_sectors, offset / QCOW2_SECTOR, (offset + length - 1) / QCOW2_SECTOR);
  if (!table->dirty)
    {
      table->dirty = true;
      cache->n_dirty++;
    }
}

static int
write_table (ImageLayer *layer, Qcow2Table *table)
{
  unsigned n = QCOW2 (layer)->cluster / QCOW2_SECTOR, first = 0;

  for (;;)
    {
      unsigned end = next_run (table->dirty_sectors, n, &first);
      uint64_t at = (uint64_t)first * QCOW2_SECTOR;
      int error;

      if (end == first)
        return 0;
      error = store_write (layer->store, table->offset + at, table->data + at,
                           (size_t)(end - first) * QCOW2_SECTOR);
      if (error != 0)
        return error;
      first = end;
    }
}

int
qcow2_cache_write (ImageLayer *layer, Qcow2Cache *cache)
{
  int error = 0;

  if (cache->n_dirty == 0)
    return 0;
  for (Qcow2Table *t = cache->oldest; t != NULL && error == 0; t = t->newer)
    if (t->dirty)
      error = write_table (layer, t);
  return error;
}

static void
clean_table (const Qcow2 *q, Qcow2Cache *cache, Qcow2Table *table)
{
  memset (table->dirty_sectors, 0, bit_words (q->cluster / QCOW2_SECTOR) * sizeof (uint64_t));
  cache->n_dirty -= table->dirty;
  table->dirty = false;
}

void
qcow2_cache_clean (const Qcow2 *q, Qcow2Cache *cache)
{
  if (cache->n_dirty == 0)
    return;
  for (Qcow2Table *t = cache->oldest; t != NULL; t = t->newer)
    if (t->dirty)
      clean_table (q, cache, t);
}

/* Refcount blocks may be written at any time: what is in memory is never too low. L2 tables only by a flush.
 */
static int
clean_something (ImageLayer *layer, Qcow2Cache *cache)
{
  Qcow2 *q = QCOW2 (layer);
  int error;

  if (cache == &q->l2_cache)
    return qcow2_flush (layer);
  error = qcow2_cache_write (layer, cache);
  if (error == 0)
    error = store_sync (layer->store);
  if (error == 0)
    qcow2_cache_clean (q, cache);
  return error;
}

int
qcow2_cache_room (ImageLayer *layer, Qcow2Cache *cache, bool may_block)
{
  for (bool cleaned = false; cache->n_tables >= cache->max_tables; cleaned = true)
    {
      Qcow2Table *table = cache->n_dirty < cache->n_tables ? cache->oldest : NULL;
      int error;

      while (table != NULL && (table->dirty || table->pins > 0))
        table = table->newer;
      if (table != NULL)
        qcow2_cache_drop (cache, table);
      else if (cleaned || cache->n_dirty == 0)
        break; /* all of them are in use: a few more than planned */
      else if (!may_block)
        return -EAGAIN;
      else if ((error = clean_something (layer, cache)) != 0)
        return error;
    }
  return 0;
}

/* --- tables that are wholly in memory --- */

void
qcow2_root_init (Qcow2 *q, Qcow2Root *root, uint64_t offset, unsigned n)
{
  *root = (Qcow2Root){ .offset = offset, .n = n };
  root->clusters = MAX (1, ((uint64_t)n * 8 + q->cluster - 1) / q->cluster);
  root->entries = g_new0 (uint64_t, MAX (n, 1));
  root->dirty_sectors = g_new0 (uint64_t, bit_words (n / 64 + 1));
}

bool
qcow2_root_read (ImageLayer *layer, Qcow2Root *root, GError **error)
{
  int result = store_read (layer->store, root->offset, root->entries, (size_t)root->n * 8);

  if (result != 0)
    return vmm_set_errno_error (error, -result, "Disk “%s”: can't read its tables", layer->store->path);
  for (unsigned i = 0; i < root->n; i++)
    root->entries[i] = GUINT64_FROM_BE (root->entries[i]);
  return true;
}

void
qcow2_root_set (Qcow2Root *root, unsigned index, uint64_t entry)
{
  root->entries[index] = entry;
  set_bits (root->dirty_sectors, index / 64, index / 64);
  root->dirty = true;
}

int
qcow2_root_write (ImageLayer *layer, Qcow2Root *root)
{
  unsigned n = (root->n + 63) / 64;

  for (unsigned first = 0; root->dirty;)
    {
      unsigned end = next_run (root->dirty_sectors, n, &first);
      unsigned start = first * 64, count = MIN (end * 64, root->n) - MIN (start, root->n);
      g_autofree uint64_t *big = NULL;
      int error;

      if (count == 0)
        break;
      big = g_new (uint64_t, count);
      for (unsigned i = 0; i < count; i++)
        big[i] = GUINT64_TO_BE (root->entries[start + i]);
      error = store_write (layer->store, root->offset + (uint64_t)start * 8, big, (size_t)count * 8);
      if (error != 0)
        return error;
      first = end;
    }
  return 0;
}

void
qcow2_root_clean (Qcow2Root *root)
{
  if (root->dirty)
    memset (root->dirty_sectors, 0, bit_words (root->n / 64 + 1) * sizeof (uint64_t));
  root->dirty = false;
}

void
qcow2_root_clear (Qcow2Root *root)
{
  g_clear_pointer (&root->entries, g_free);
  g_clear_pointer (&root->dirty_sectors, g_free);
  root->n = 0;
}

/* --- sets of clusters --- */

#define CHUNK_BITS 15

GHashTable *
qcow2_set_new (void)
{
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
}

static uint64_t *
set_chunk (GHashTable *set, uint64_t cluster, bool make)
{
  uint64_t key = cluster >> CHUNK_BITS;
  uint64_t *chunk = g_hash_table_lookup (set, &key);

  if (chunk == NULL && make)
    {
      chunk = g_new0 (uint64_t, (1u << CHUNK_BITS) / 64);
      g_hash_table_insert (set, g_memdup2 (&key, sizeof key), chunk);
    }
  return chunk;
}

void
qcow2_set_add (GHashTable *set, uint64_t cluster, uint64_t n)
{
  for (uint64_t c = cluster; c < cluster + n; c++)
    set_chunk (set, c, true)[(c % (1u << CHUNK_BITS)) / 64] |= UINT64_C (1) << (c % 64);
}

void
qcow2_set_remove (GHashTable *set, uint64_t cluster, uint64_t n)
{
  for (uint64_t c = cluster; c < cluster + n; c++)
    {
      uint64_t *chunk = set_chunk (set, c, false);

      if (chunk != NULL)
        chunk[(c % (1u << CHUNK_BITS)) / 64] &= ~(UINT64_C (1) << (c % 64));
    }
}

bool
qcow2_set_has (GHashTable *set, uint64_t cluster, uint64_t n)
{
  for (uint64_t c = cluster; c < cluster + n; c++)
    {
      const uint64_t *chunk = set_chunk (set, c, false);

      if (chunk != NULL && test_bit (chunk, c % (1u << CHUNK_BITS)))
        return true;
    }
  return false;
}

void
qcow2_metadata_add (Qcow2 *q, uint64_t cluster, uint64_t n)
{
  qcow2_set_add (q->metadata, cluster, n);
}

void
qcow2_metadata_remove (Qcow2 *q, uint64_t cluster, uint64_t n)
{
  qcow2_set_remove (q->metadata, cluster, n);
}

bool
qcow2_is_metadata (const Qcow2 *q, uint64_t cluster, uint64_t n)
{
  return qcow2_set_has (q->metadata, cluster, n);
}
