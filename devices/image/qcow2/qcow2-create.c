/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/qcow2/qcow2-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>

#define DEFAULT_CLUSTER 65536u
#define WRITE_SIZE      (1u << 20)

static bool
refuse (ImageStore *store, GError **error, const char *why)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Disk image “%s” can't be made: %s", store->path, why);
  return false;
}

static bool
is_name (const char *value, const char *name)
{
  return value != NULL && g_ascii_strcasecmp (value, name) == 0;
}

static bool
check_options (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  unsigned cluster = options->cluster_size != 0 ? options->cluster_size : DEFAULT_CLUSTER;
  bool v2 = options->version == 2,
       preallocated = options->preallocation != NULL && !is_name (options->preallocation, "off");

  if ((cluster & (cluster - 1)) != 0 || cluster < 1u << QCOW2_CLUSTER_BITS_MIN
      || cluster > 1u << QCOW2_CLUSTER_BITS_MAX)
    return refuse (store, error, "its cluster size must be a power of two between 512 bytes and 2 MiB");
  if (options->version != 0 && options->version != 2 && options->version != 3)
    return refuse (store, error, "versions 2 and 3 are known");
  if (options->extended_l2 && cluster < 16384)
    return refuse (store, error, "extended L2 entries need clusters of at least 16 KiB");
  if (options->compression != NULL && !is_name (options->compression, "zlib")
      && !is_name (options->compression, "zstd"))
    return refuse (store, error, "its compression must be zlib or zstd");
  if (v2 && (options->extended_l2 || options->lazy_refcounts || is_name (options->compression, "zstd")))
    return refuse (store, error,
                   "version 2 has no extended L2 entries, lazy refcounts or zstd; choose version 3");
  if (preallocated && !is_name (options->preallocation, "metadata")
      && !is_name (options->preallocation, "full"))
    return refuse (store, error, "its preallocation must be off, metadata or full");
  if (preallocated && options->backing_path != NULL)
    return refuse (store, error, "preallocation would hide its backing file; leave one of them out");
  if (preallocated && v2 && options->secret != NULL)
    return refuse (store, error, "version 2 can't be both encrypted and preallocated; choose version 3");
  if (options->backing_path != NULL && strlen (options->backing_path) > QCOW2_BACKING_MAX)
    return refuse (store, error, "its backing file's path is longer than 1023 bytes");
  return true;
}

/* --- the layout: header, refcount table, refcount blocks, L1 table, encryption header --- */

typedef struct {
  uint64_t clusters; /* all of it */
  uint64_t reftable_clusters, blocks, l1_clusters, crypt_clusters;
  uint64_t reftable, block, l1, crypt; /* first clusters */
} Layout;

static uint64_t
div_up (uint64_t a, uint64_t b)
{
  return a / b + (a % b != 0);
}

static Layout
plan (const Qcow2 *q)
{
  Layout p = { .reftable_clusters = 1, .blocks = 1 };

  p.l1_clusters = MAX (1, div_up ((uint64_t)q->l1.n * 8, q->cluster));
  p.crypt_clusters = div_up (q->crypt_length, q->cluster);
  for (;;)
    {
      uint64_t blocks;

      p.clusters = 1 + p.reftable_clusters + p.blocks + p.l1_clusters + p.crypt_clusters;
      blocks = div_up (p.clusters, UINT64_C (1) << q->rc_bits);
      if (blocks <= p.blocks && p.blocks * 8 <= p.reftable_clusters * q->cluster)
        break;
      p.blocks = MAX (p.blocks, blocks);
      p.reftable_clusters = div_up (p.blocks * 8, q->cluster);
    }
  p.reftable = 1;
  p.block = p.reftable + p.reftable_clusters;
  p.l1 = p.block + p.blocks;
  p.crypt = p.l1 + p.l1_clusters;
  return p;
}

/* What does not depend on the layout. */
static bool
choose (Qcow2 *q, ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  uint64_t entries;

  q->version = options->version != 0 ? options->version : 3;
  q->cluster = options->cluster_size != 0 ? options->cluster_size : DEFAULT_CLUSTER;
  q->cluster_bits = __builtin_ctz (q->cluster);
  q->refcount_order = 4;
  q->rc_bits = q->cluster_bits - 1;
  q->refcount_max = UINT16_MAX;
  q->extended_l2 = options->extended_l2;
  q->l2_bits = q->cluster_bits - (q->extended_l2 ? 4 : 3);
  q->compression = is_name (options->compression, "zstd") ? QCOW2_ZSTD : QCOW2_ZLIB;
  q->header_length = q->version == 2 ? QCOW2_H_V2_LENGTH : QCOW2_H_OUR_LENGTH;
  entries = div_up (options->size, UINT64_C (1) << (q->cluster_bits + q->l2_bits));
  if (options->size > INT64_MAX || entries > QCOW2_L1_MAX / 8)
    return refuse (store, error, "it is too large for its cluster size");
  q->l1.n = entries;
  if (options->secret != NULL || options->key_header != NULL)
    {
      q->crypt_method = QCOW2_CRYPT_LUKS;
      q->crypt_length = qcow2_crypt_header_length (options, error);
      if (q->crypt_length == 0)
        return false;
    }
  return true;
}

static void
fill_header (Qcow2 *q, const ImageCreateOptions *options, const Layout *p)
{
  uint8_t *h = q->sector;

  store_be32 (h + QCOW2_H_MAGIC, QCOW2_MAGIC);
  store_be32 (h + QCOW2_H_VERSION, q->version);
  store_be32 (h + QCOW2_H_CLUSTER_BITS, q->cluster_bits);
  store_be64 (h + QCOW2_H_SIZE, options->size);
  store_be32 (h + QCOW2_H_CRYPT_METHOD, q->crypt_method);
  store_be32 (h + QCOW2_H_L1_SIZE, q->l1.n);
  store_be64 (h + QCOW2_H_L1_OFFSET, p->l1 << q->cluster_bits);
  store_be64 (h + QCOW2_H_REFTABLE_OFFSET, p->reftable << q->cluster_bits);
  store_be32 (h + QCOW2_H_REFTABLE_CLUSTERS, p->reftable_clusters);
  q->crypt_offset = q->crypt_length != 0 ? p->crypt << q->cluster_bits : 0;
  if (q->version == 2)
    return;
  store_be64 (h + QCOW2_H_INCOMPATIBLE, (q->extended_l2 ? QCOW2_I_EXTENDED_L2 : 0)
                                          | (q->compression != QCOW2_ZLIB ? QCOW2_I_COMPRESSION : 0));
  store_be64 (h + QCOW2_H_COMPATIBLE, options->lazy_refcounts ? QCOW2_C_LAZY_REFCOUNTS : 0);
  store_be32 (h + QCOW2_H_REFCOUNT_ORDER, q->refcount_order);
  store_be32 (h + QCOW2_H_LENGTH, q->header_length);
  h[QCOW2_H_COMPRESSION] = q->compression;
}

/* --- writing it --- */

static int
write_table (ImageStore *store, const Qcow2 *q, const Layout *p)
{
  size_t n = p->reftable_clusters << q->cluster_bits;
  g_autofree uint8_t *table = g_malloc0 (n);

  for (uint64_t i = 0; i < p->blocks; i++)
    store_be64 (table + i * 8, (p->block + i) << q->cluster_bits);
  return store_write (store, p->reftable << q->cluster_bits, table, n);
}

static int
write_blocks (ImageStore *store, const Qcow2 *q, const Layout *p)
{
  size_t n = p->blocks << q->cluster_bits;
  g_autofree uint8_t *blocks = g_malloc0 (n);

  for (uint64_t c = 0; c < p->clusters; c++)
    store_be16 (blocks + c * 2, 1);
  return store_write (store, p->block << q->cluster_bits, blocks, n);
}

static int
write_header (ImageStore *store, Qcow2 *q, const ImageCreateOptions *options)
{
  g_autofree uint8_t *cluster = g_malloc0 (q->cluster);
  g_autoptr (GByteArray) header = NULL;
  const char *path = options->backing_path;
  unsigned length = path != NULL ? strlen (path) : 0, offset;

  header = qcow2_header_compose (q, path != NULL ? options->backing_format : NULL);
  /* In a sector of its own, so that another name can replace it atomically. */
  offset = q->cluster >= 4096 ? MAX (header->len, 1024) : header->len;
  if ((uint64_t)offset + length > q->cluster)
    return -ENAMETOOLONG;
  memcpy (cluster, header->data, header->len);
  if (length > 0)
    {
      memcpy (cluster + offset, path, length);
      store_be64 (cluster + QCOW2_H_BACKING_OFFSET, offset);
      store_be32 (cluster + QCOW2_H_BACKING_SIZE, length);
    }
  return store_write (store, 0, cluster, q->cluster);
}

static bool
write_all (ImageStore *store, Qcow2 *q, const ImageCreateOptions *options, GError **error)
{
  Layout p = plan (q);
  int result;

  fill_header (q, options, &p);
  result = store_resize (store, p.clusters << q->cluster_bits);
  if (result == 0)
    result = write_table (store, q, &p);
  if (result == 0)
    result = write_blocks (store, q, &p);
  if (result == 0)
    result = store_zero (store, p.l1 << q->cluster_bits, p.l1_clusters << q->cluster_bits);
  if (result == 0 && q->crypt_length != 0
      && !qcow2_create_crypt (store, q->crypt_offset, q->crypt_length, options, error))
    return false;
  if (result == 0)
    result = write_header (store, q, options);
  if (result == 0)
    result = store_sync (store);
  return result == 0 || vmm_set_errno_error (error, -result, "Disk image “%s” can't be made", store->path);
}

/* --- preallocation --- */

static int
fill_place (ImageLayer *layer, const ImagePlace *place, bool full, uint8_t *zeroes)
{
  uint64_t at = 0;
  int error = 0;

  if (!full && place->zeroed)
    return 0;
  if (!full)
    return store_zero (place->store, place->store_offset, place->length);
  for (; at < place->length && error == 0; at += WRITE_SIZE)
    error =
      store_write (layer->store, place->store_offset + at, zeroes, MIN (WRITE_SIZE, place->length - at));
  return error;
}

/* Encrypted zeroes are none: such clusters are there, but read as zeroes. */
static void
show_as_zeroes (ImageLayer *layer, const ImagePlace *place)
{
  Qcow2 *q = QCOW2 (layer);

  for (uint64_t at = place->offset; at < place->offset + place->length; at += q->cluster)
    {
      unsigned index = (at >> q->cluster_bits) & ((1u << q->l2_bits) - 1);
      Qcow2Table *table = qcow2_cache_lookup (&q->l2_cache, at >> (q->cluster_bits + q->l2_bits));
      uint64_t entry = qcow2_l2_entry (q, table, index);

      if (q->extended_l2)
        qcow2_l2_set (layer, table, index, entry, ~UINT64_C (0xffffffff));
      else
        qcow2_l2_set (layer, table, index, entry | QCOW2_ZERO, 0);
    }
}

static int
preallocate (ImageLayer *layer, bool full)
{
  g_autofree uint8_t *zeroes = g_malloc0 (WRITE_SIZE);
  uint64_t at = 0;
  int error = 0;

  while (at < layer->size && error == 0)
    {
      ImagePlace place;

      error = qcow2_place (layer, at, layer->size - at, true, &place);
      if (error != 0)
        break;
      error = fill_place (layer, &place, full, zeroes);
      if (error == 0)
        qcow2_link (layer, &place, place.offset, place.length);
      if (error == 0 && layer->encrypted)
        show_as_zeroes (layer, &place);
      qcow2_unplace (layer, &place);
      at = place.offset + place.length;
    }
  return error == 0 ? qcow2_flush_all (layer) : error;
}

static bool
run_preallocation (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  const ImageOptions open_options = { .secret = options->secret };
  ImageLayer layer = { .format = &image_qcow2, .store = store };
  int result;

  if (options->preallocation == NULL || is_name (options->preallocation, "off"))
    return true;
  if (!image_qcow2.open (&layer, &open_options, error))
    return false;
  result = preallocate (&layer, is_name (options->preallocation, "full"));
  image_qcow2.close (&layer);
  g_free (layer.backing_path);
  g_free (layer.backing_format);
  if (result == 0)
    result = store_sync (store);
  return result == 0
         || vmm_set_errno_error (error, -result, "Disk image “%s” can't be preallocated", store->path);
}

bool
qcow2_create (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  Qcow2 q = { 0 };

  if (!check_options (store, options, error) || !choose (&q, store, options, error))
    return false;
  return write_all (store, &q, options, error) && run_preallocation (store, options, error);
}
