/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

#define L2_CACHE_BYTES    (32u << 20)
#define RC_CACHE_BYTES    (8u << 20)
#define SNAPSHOT_L1_BYTES (1u << 30) /* of snapshots' L1 tables, so much is watched */

static bool
qcow2_probe (const ImageProbe *probe)
{
  uint32_t version = load_be32 (probe->head + QCOW2_H_VERSION);

  return load_be32 (probe->head) == QCOW2_MAGIC && version >= 2;
}

/* --- opening --- */

/* Damage that a check can repair: not to be written to, but for that. */
static bool
contradiction (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  if (q->damage == NULL || layer->read_only || layer->lenient)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s” is damaged: %s; repair it with “bonsai disk check --repair”",
               layer->store->path, q->damage);
  return false;
}

static void
claim (ImageLayer *layer, const char *what, uint64_t offset, uint64_t bytes)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t first = qcow2_cluster_of (q, offset), n = (bytes + q->cluster - 1) >> q->cluster_bits;

  if (qcow2_is_metadata (q, first, n))
    qcow2_damaged (layer, "%s at 0x%" G_GINT64_MODIFIER "x overlaps other tables", what, offset);
  qcow2_metadata_add (q, first, n);
}

/* A table's entry points to a cluster of its own in the file. */
static bool
claim_pointed (ImageLayer *layer, const char *table, unsigned index, uint64_t entry, uint64_t offset,
               uint64_t reserved)
{
  Qcow2 *q = QCOW2 (layer);

  if ((entry & reserved) == 0 && offset % q->cluster == 0 && offset < store_size (layer->store)
      && !qcow2_is_metadata (q, qcow2_cluster_of (q, offset), 1))
    {
      qcow2_metadata_add (q, qcow2_cluster_of (q, offset), 1);
      return true;
    }
  qcow2_damaged (layer, "%s entry %u is 0x%" G_GINT64_MODIFIER "x, which can't be", table, index, entry);
  return false;
}

static bool
open_reftable (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Root *root = &q->reftable;

  claim (layer, "the refcount table", root->offset, root->clusters << q->cluster_bits);
  if (!qcow2_root_read (layer, root, error))
    return false;
  for (unsigned i = 0; i < root->n; i++)
    if (root->entries[i] != 0
        && !claim_pointed (layer, "refcount table", i, root->entries[i],
                           root->entries[i] & ~QCOW2_REFTABLE_RESERVED, QCOW2_REFTABLE_RESERVED))
      root->entries[i] = 0; /* nothing is counted there */
  q->full_blocks = g_malloc0 (root->n);
  qcow2_cache_init (&q->rc_cache, root->n, MAX (RC_CACHE_BYTES >> q->cluster_bits, 4));
  return true;
}

static bool
open_l1 (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  Qcow2Root *root = &q->l1;

  if (root->n > 0)
    claim (layer, "the L1 table", root->offset, (uint64_t)root->n * 8);
  if (root->n > 0 && !qcow2_root_read (layer, root, error))
    return false;
  q->bad_l1 = g_malloc0 (root->n / 8 + 1);
  for (unsigned i = 0; i < root->n; i++)
    if (root->entries[i] != 0
        && !claim_pointed (layer, "L1", i, root->entries[i], root->entries[i] & QCOW2_OFFSET_MASK,
                           QCOW2_L1_RESERVED))
      q->bad_l1[i / 8] |= 1u << (i % 8);
  qcow2_cache_init (&q->l2_cache, root->n, MAX (L2_CACHE_BYTES >> q->cluster_bits, 16));
  return true;
}

static bool
open_snapshots (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  g_autoptr (GPtrArray) snapshots = NULL;
  g_autoptr (GError) why = NULL;
  uint64_t bytes = 0;

  if (q->n_snapshots == 0)
    return true;
  snapshots = qcow2_read_snapshots (layer, &why);
  if (snapshots == NULL && !layer->lenient && !layer->read_only)
    {
      g_propagate_error (error, g_steal_pointer (&why));
      return false;
    }
  if (snapshots == NULL)
    {
      qcow2_damaged (layer, "%s", why->message);
      return true;
    }
  claim (layer, "the snapshot table", q->snapshots_offset, q->snapshots_length);
  for (unsigned i = 0; i < snapshots->len && bytes < SNAPSHOT_L1_BYTES; i++)
    {
      const Qcow2Snapshot *snapshot = g_ptr_array_index (snapshots, i);

      if (snapshot->l1_size > 0)
        claim (layer, "a snapshot's L1 table", snapshot->l1_offset, (uint64_t)snapshot->l1_size * 8);
      bytes += (uint64_t)snapshot->l1_size * 8;
    }
  return true;
}

/* Section "Bitmaps extension": its directory; the bitmaps' own clusters are data for others. */
static void
open_bitmaps (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);
  uint64_t size = load_be64 (q->bitmaps + 8), offset = load_be64 (q->bitmaps + 16),
           end = store_size (layer->store);

  if (q->has_bitmaps && (q->autoclear & QCOW2_A_BITMAPS) != 0 && offset % q->cluster == 0 && offset < end
      && size <= MIN (end - offset, QCOW2_SNAPSHOT_TABLE_MAX))
    claim (layer, "the bitmap directory", offset, size);
}

static bool
open_tables (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  claim (layer, "the header", 0, q->cluster);
  if (q->crypt_offset != 0)
    claim (layer, "the encryption header", q->crypt_offset, q->crypt_length);
  open_bitmaps (layer);
  return open_reftable (layer, error) && open_snapshots (layer, error) && open_l1 (layer, error)
         && contradiction (layer, error);
}

/* A dirty image's refcounts are counted anew. */
static bool
repair_dirty (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);
  ImageCheck check = { .repair = true };

  if ((q->incompatible & QCOW2_I_DIRTY) == 0 || layer->read_only || layer->lenient)
    return true;
  return qcow2_check (layer, &check, error) && contradiction (layer, error);
}

static bool
check_writable (ImageLayer *layer, GError **error)
{
  Qcow2 *q = QCOW2 (layer);

  if (layer->read_only || layer->lenient || (q->incompatible & QCOW2_I_CORRUPT) == 0)
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "Disk image “%s” says that it is damaged (its header's corrupt bit); repair it with “bonsai disk check "
    "--repair”, or open it read-only",
    layer->store->path);
  return false;
}

static void
free_extension (void *data)
{
  g_free (((Qcow2Extension *)data)->data);
}

static void
qcow2_free (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);

  qcow2_close_crypt (layer);
  qcow2_cache_clear (&q->l2_cache);
  qcow2_cache_clear (&q->rc_cache);
  qcow2_root_clear (&q->l1);
  qcow2_root_clear (&q->reftable);
  qcow2_free_records (q);
  g_hash_table_unref (q->metadata);
  g_hash_table_unref (q->blank);
  g_array_unref (q->extensions);
  g_array_unref (q->pending);
  g_free (q->bad_l1);
  g_free (q->full_blocks);
  g_free (q->damage);
  g_free (q);
  layer->state = NULL;
}

static bool
open_crypt (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  if (QCOW2 (layer)->crypt_method != QCOW2_CRYPT_LUKS)
    return true;
  return qcow2_open_crypt (layer, options, error);
}

static bool
find_virgin (ImageLayer *layer, GError **error)
{
  int result = layer->read_only ? 0 : qcow2_find_virgin (layer);

  return result == 0
         || vmm_set_errno_error (error, -result, "Disk image “%s”: can't read its refcounts",
                                 layer->store->path);
}

static bool
qcow2_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Qcow2 *q = layer->state = g_new0 (Qcow2, 1);

  q->extensions = g_array_new (false, false, sizeof (Qcow2Extension));
  g_array_set_clear_func (q->extensions, free_extension);
  q->pending = g_array_new (false, false, sizeof (Qcow2Run));
  q->metadata = qcow2_set_new ();
  q->blank = qcow2_set_new ();
  if (qcow2_header_read (layer, error))
    {
      layer->cluster = q->cluster;
      layer->granule = q->extended_l2 ? q->cluster / QCOW2_SUBCLUSTERS : q->cluster;
      if (check_writable (layer, error) && open_tables (layer, error) && open_crypt (layer, options, error)
          && find_virgin (layer, error) && repair_dirty (layer, error))
        return true;
    }
  qcow2_free (layer);
  return false;
}

/* --- closing --- */

/* What the file grew by in advance is given back. */
static void
trim (ImageLayer *layer)
{
  Qcow2 *q = QCOW2 (layer);

  if (q->grown_to != 0 && q->grown_to == store_size (layer->store)
      && q->virgin << q->cluster_bits < q->grown_to)
    store_resize (layer->store, q->virgin << q->cluster_bits);
}

static void
qcow2_close (ImageLayer *layer)
{
  if (!layer->read_only && qcow2_flush_all (layer) == 0)
    trim (layer);
  qcow2_free (layer);
}

/* --- what it says of itself --- */

static void
qcow2_describe (ImageLayer *layer, ImageInfo *info)
{
  const Qcow2 *q = QCOW2 (layer);

  info->cluster_size = q->cluster;
  info->encrypted = layer->encrypted;
  info->dirty = (q->incompatible & QCOW2_I_DIRTY) != 0 && !q->wrote_dirty;
  info->corrupt = (q->incompatible & QCOW2_I_CORRUPT) != 0 || q->damage != NULL;
  image_info_detail (info, "version", "%u", q->version);
  image_info_detail (info, "compression", "%s", q->compression == QCOW2_ZSTD ? "zstd" : "zlib");
  image_info_detail (info, "refcount-bits", "%u", 1u << q->refcount_order);
  image_info_detail (info, "lazy-refcounts", "%s",
                     (q->compatible & QCOW2_C_LAZY_REFCOUNTS) != 0 ? "yes" : "no");
  image_info_detail (info, "extended-l2", "%s", q->extended_l2 ? "yes" : "no");
  qcow2_describe_crypt (layer, info);
  if (q->has_bitmaps)
    image_info_detail (info, "bitmaps", "%u%s", load_be32 (q->bitmaps),
                       (q->autoclear & QCOW2_A_BITMAPS) != 0 ? "" : " (out of date)");
  if (q->damage != NULL)
    image_info_detail (info, "damage", "%s", q->damage);
  if (q->n_snapshots > 0)
    qcow2_describe_snapshots (layer, info);
}

const ImageFormat image_qcow2 = {
  .name = "qcow2",
  .suffix = ".qcow2",
  .probe = qcow2_probe,
  .open = qcow2_open,
  .close = qcow2_close,
  .begin_writing = qcow2_begin_writing,
  .map = qcow2_map,
  .place = qcow2_place,
  .link = qcow2_link,
  .unplace = qcow2_unplace,
  .unmap = qcow2_unmap,
  .flush = qcow2_flush,
  .decode = qcow2_decode,
  .crypt = qcow2_crypt,
  .compress = qcow2_compress,
  .write_code = qcow2_write_code,
  .resize = qcow2_resize,
  .set_backing = qcow2_set_backing,
  .describe = qcow2_describe,
  .check = qcow2_check,
  .change_secret = qcow2_change_secret,
  .adopt_secrets = qcow2_adopt_secrets,
  .lend_key = qcow2_lend_key,
  .read_key_header = qcow2_read_key_header,
  .shred = qcow2_shred,
  .create = qcow2_create,
};
