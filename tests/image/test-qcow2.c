/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The qcow2 format's own rules, byte by byte. How it fares under load, with peers and power cuts:
 * tests/image. */
#include "devices/image/qcow2/qcow2-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <glib/gstdio.h>

#define KIB UINT64_C (1024)
#define MIB (KIB * KIB)

typedef struct {
  char *folder, *path;
  ImageLayer layer;
} Disk;

static ImageCreateOptions
options_of (uint64_t size, unsigned cluster)
{
  return (ImageCreateOptions){ .format = "qcow2", .size = size, .cluster_size = cluster };
}

static Disk *
disk_new (const ImageCreateOptions *options)
{
  Disk *disk = g_new0 (Disk, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (ImageStore) store = NULL;

  disk->folder = g_dir_make_tmp ("bonsai-qcow2-XXXXXX", NULL);
  disk->path = g_build_filename (disk->folder, "disk.qcow2", NULL);
  store = store_create (disk->path, &error);
  g_assert_no_error (error);
  g_assert_true (image_qcow2.create (store, options, &error));
  g_assert_no_error (error);
  return disk;
}

static bool
disk_try_open (Disk *disk, bool read_only, GError **error)
{
  const StoreOptions store_options = { .read_only = read_only, .lock = true };
  const ImageOptions options = { .read_only = read_only };

  disk->layer = (ImageLayer){ .format = &image_qcow2, .read_only = read_only };
  disk->layer.store = store_open (NULL, disk->path, &store_options, error);
  g_assert_nonnull (disk->layer.store);
  if (image_qcow2.open (&disk->layer, &options, error))
    return true;
  g_clear_pointer (&disk->layer.store, store_close);
  g_clear_pointer (&disk->layer.backing_path, g_free);
  g_clear_pointer (&disk->layer.backing_format, g_free);
  return false;
}

static void
disk_open (Disk *disk)
{
  g_autoptr (GError) error = NULL;

  disk_try_open (disk, false, &error);
  g_assert_no_error (error);
  g_assert_cmpint (image_qcow2.begin_writing (&disk->layer), ==, 0);
}

static void
disk_close (Disk *disk)
{
  image_qcow2.close (&disk->layer);
  g_clear_pointer (&disk->layer.store, store_close);
  g_clear_pointer (&disk->layer.backing_path, g_free);
  g_clear_pointer (&disk->layer.backing_format, g_free);
}

static void
disk_free (Disk *disk)
{
  g_remove (disk->path);
  g_rmdir (disk->folder);
  g_free (disk->path);
  g_free (disk->folder);
  g_free (disk);
}

static void
poke (Disk *disk, uint64_t offset, const void *data, size_t n)
{
  FILE *file = fopen (disk->path, "r+b");

  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, offset, SEEK_SET), ==, 0);
  g_assert_cmpuint (fwrite (data, 1, n, file), ==, n);
  fclose (file);
}

static void
peek (Disk *disk, uint64_t offset, void *data, size_t n)
{
  FILE *file = fopen (disk->path, "rb");

  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, offset, SEEK_SET), ==, 0);
  g_assert_cmpuint (fread (data, 1, n, file), ==, n);
  fclose (file);
}

static void
poke64 (Disk *disk, uint64_t offset, uint64_t value)
{
  uint8_t big[8];

  store_be64 (big, value);
  poke (disk, offset, big, sizeof big);
}

static uint64_t
peek64 (Disk *disk, uint64_t offset)
{
  uint8_t big[8];

  peek (disk, offset, big, sizeof big);
  return load_be64 (big);
}

/* New data at @offset: gives where it begins. */
static uint64_t
put (Disk *disk, uint64_t offset, uint64_t length)
{
  uint64_t end = offset + length, first = 0;

  for (uint64_t n; offset < end; offset += n)
    {
      ImagePlace place;

      g_assert_cmpint (image_qcow2.place (&disk->layer, offset, end - offset, true, &place), ==, 0);
      n = MIN (end, place.offset + place.length) - offset;
      image_qcow2.link (&disk->layer, &place, offset, n);
      image_qcow2.unplace (&disk->layer, &place);
      first = first != 0 ? first : place.store_offset;
    }
  return first;
}

static LayerExtent
map (Disk *disk, uint64_t offset, uint64_t length)
{
  LayerExtent extent;

  g_assert_cmpint (image_qcow2.map (&disk->layer, offset, length, true, &extent), ==, 0);
  return extent;
}

static uint64_t
count_at (Disk *disk, uint64_t store_offset)
{
  uint64_t count;

  g_assert_cmpint (
    qcow2_refcount_get (&disk->layer, qcow2_cluster_of (QCOW2 (&disk->layer), store_offset), true, &count),
    ==, 0);
  return count;
}

static void
expect_clean (Disk *disk)
{
  g_autoptr (GError) error = NULL;
  ImageCheck check = { 0 };

  disk_open (disk);
  g_assert_true (image_qcow2.check (&disk->layer, &check, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (check.corruptions, ==, 0);
  g_assert_cmpuint (check.leaks, ==, 0);
  disk_close (disk);
}

/* --- layout --- */

static void
test_new_image (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 0);
  Disk *disk = disk_new (&options);
  uint8_t h[112];

  peek (disk, 0, h, sizeof h);
  g_assert_cmphex (load_be32 (h), ==, 0x514649fb);
  g_assert_cmpuint (load_be32 (h + 4), ==, 3);
  g_assert_cmpuint (load_be32 (h + 20), ==, 16);
  g_assert_cmpuint (load_be64 (h + 24), ==, 100 * MIB);
  g_assert_cmpuint (load_be32 (h + 36), ==, 1);
  g_assert_cmpuint (load_be64 (h + 72), ==, 0);
  g_assert_cmpuint (load_be32 (h + 96), ==, 4);
  g_assert_cmpuint (load_be32 (h + 100), ==, 112);
  /* The refcount table's first entry points to a block that counts the five clusters there are. */
  g_assert_cmphex (peek64 (disk, load_be64 (h + 48)), ==, 0x20000);
  g_assert_cmphex (peek64 (disk, 0x20000), ==, 0x0001000100010001);
  g_assert_cmphex (peek64 (disk, 0x20008), ==, 0);
  expect_clean (disk);
  disk_free (disk);
}

static void
test_entries (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  Disk *disk = disk_new (&options);
  uint64_t at, l2;

  disk_open (disk);
  at = put (disk, 3 * 65536, 2 * 65536);
  g_assert_cmpint (map (disk, 3 * 65536 + 512, MIB).kind, ==, EXTENT_DATA);
  g_assert_cmpuint (map (disk, 3 * 65536 + 512, MIB).offset, ==, at + 512);
  g_assert_cmpuint (map (disk, 3 * 65536 + 512, MIB).length, ==, 2 * 65536 - 512);
  g_assert_true (map (disk, 3 * 65536, 512).writable);
  disk_close (disk);

  l2 = peek64 (disk, 0x30000);
  g_assert_cmphex (l2 >> 63, ==, 1);
  l2 &= ~QCOW2_COPIED;
  g_assert_cmphex (peek64 (disk, l2 + 3 * 8), ==, at | QCOW2_COPIED);
  g_assert_cmphex (peek64 (disk, l2 + 4 * 8), ==, (at + 65536) | QCOW2_COPIED);
  g_assert_cmphex (peek64 (disk, l2 + 5 * 8), ==, 0);
  expect_clean (disk);
  disk_free (disk);
}

static void
test_extended_entries (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  uint64_t at, l2;
  Disk *disk;

  options.extended_l2 = true;
  disk = disk_new (&options);
  disk_open (disk);
  g_assert_cmpuint (disk->layer.granule, ==, 2048);
  at = put (disk, 65536 + 2048, 4096);
  g_assert_cmpint (map (disk, 65536, 65536).kind, ==, EXTENT_ABSENT);
  g_assert_cmpuint (map (disk, 65536, 65536).length, ==, 2048);
  g_assert_cmpuint (map (disk, 65536 + 2048, 65536).length, ==, 4096);
  g_assert_cmpint (map (disk, 65536 + 2048, 65536).kind, ==, EXTENT_DATA);
  /* More of the same cluster goes where that lies already. */
  g_assert_cmpuint (put (disk, 65536 + 31 * 2048, 2048), ==, at);
  disk_close (disk);

  l2 = peek64 (disk, 0x30000) & ~QCOW2_COPIED;
  g_assert_cmphex (peek64 (disk, l2 + 16), ==, at | QCOW2_COPIED);
  g_assert_cmphex (peek64 (disk, l2 + 24), ==, 0x80000006);
  expect_clean (disk);
  disk_free (disk);
}

/* --- refcounts --- */

static void
test_refcount_order (const void *data)
{
  unsigned order = GPOINTER_TO_UINT (data);
  ImageCreateOptions options = options_of (4 * MIB, 4096);
  Disk *disk = disk_new (&options);
  Qcow2 *q;
  Qcow2Table *block;
  unsigned n;

  disk_open (disk);
  q = QCOW2 (&disk->layer);
  g_assert_cmpint (qcow2_rc_get (&disk->layer, 0, true, &block), ==, 0);
  q->refcount_order = order;
  q->rc_bits = q->cluster_bits + 3 - order;
  q->refcount_max = order == 6 ? UINT64_MAX : (UINT64_C (1) << (1u << order)) - 1;
  n = 1u << q->rc_bits;
  for (unsigned i = 0; i < n; i++)
    qcow2_rc_set_count (&disk->layer, block, i, (i * UINT64_C (0x9e3779b97f4a7c15)) & q->refcount_max);
  for (unsigned i = 0; i < n; i++)
    g_assert_cmpuint (qcow2_rc_count (q, block, i), ==,
                      (i * UINT64_C (0x9e3779b97f4a7c15)) & q->refcount_max);
  /* Section "Host cluster management": big-endian; within a byte, bit 0 comes first. */
  for (unsigned i = 0; i < n; i++)
    qcow2_rc_set_count (&disk->layer, block, i, i == 1);
  if (order < 3)
    g_assert_cmphex (block->data[0], ==, 1u << (1u << order));
  else
    g_assert_cmphex (block->data[(2u << (order - 3)) - 1], ==, 1);
  qcow2_cache_drop (&q->rc_cache, block);
  q->refcount_order = 4;
  q->rc_bits = q->cluster_bits - 1;
  q->refcount_max = UINT16_MAX;
  disk_close (disk);
  disk_free (disk);
}

/* What the disk gave back is used again only after a flush. */
static void
test_quarantine (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  Disk *disk = disk_new (&options);
  uint64_t at, other;

  disk_open (disk);
  at = put (disk, 0, 65536);
  g_assert_cmpint (image_qcow2.flush (&disk->layer), ==, 0);
  g_assert_cmpint (image_qcow2.unmap (&disk->layer, 0, 65536, UNMAP_ZERO, true), ==, 0);
  g_assert_cmpuint (count_at (disk, at), ==, 1);
  other = put (disk, 65536, 65536);
  g_assert_cmpuint (other, !=, at);
  g_assert_cmpint (image_qcow2.flush (&disk->layer), ==, 0);
  g_assert_cmpuint (count_at (disk, at), ==, 0);
  g_assert_cmpuint (put (disk, 2 * 65536, 65536), ==, at);
  disk_close (disk);
  expect_clean (disk);
  disk_free (disk);
}

static void
test_unplaced_room_is_free_again (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  Disk *disk = disk_new (&options);
  ImagePlace place;

  disk_open (disk);
  g_assert_cmpint (image_qcow2.place (&disk->layer, 0, 5 * 65536, true, &place), ==, 0);
  g_assert_true (place.zeroed);
  g_assert_cmpuint (place.length, ==, 5 * 65536);
  image_qcow2.link (&disk->layer, &place, 65536, 65536);
  image_qcow2.unplace (&disk->layer, &place);
  g_assert_cmpint (image_qcow2.flush (&disk->layer), ==, 0);
  g_assert_cmpuint (count_at (disk, place.store_offset), ==, 0);
  g_assert_cmpuint (count_at (disk, place.store_offset + 65536), ==, 1);
  g_assert_cmpint (map (disk, 0, MIB).kind, ==, EXTENT_ABSENT);
  disk_close (disk);
  expect_clean (disk);
  disk_free (disk);
}

/* 512-byte clusters: a block counts 128 KiB, and the one cluster of the refcount table 8 MiB. */
static void
test_refcount_table_grows (void)
{
  ImageCreateOptions options = options_of (64 * MIB, 512);
  Disk *disk = disk_new (&options);
  uint64_t before = peek64 (disk, QCOW2_H_REFTABLE_OFFSET);

  disk_open (disk);
  for (uint64_t at = 0; at < 40 * MIB; at += 16 * KIB)
    put (disk, at, 16 * KIB);
  disk_close (disk);
  g_assert_cmphex (peek64 (disk, QCOW2_H_REFTABLE_OFFSET), !=, before);
  expect_clean (disk);
  disk_open (disk);
  for (uint64_t at = 0; at < 40 * MIB; at += 16 * KIB)
    g_assert_cmpint (map (disk, at, 512).kind, ==, EXTENT_DATA);
  disk_close (disk);
  disk_free (disk);
}

/* --- sizes and the file below --- */

static void
test_l1_grows (void)
{
  ImageCreateOptions options = options_of (MIB, 512);
  Disk *disk = disk_new (&options);
  g_autoptr (GError) error = NULL;
  uint64_t at;

  disk_open (disk);
  at = put (disk, 0, 512);
  g_assert_true (image_qcow2.resize (&disk->layer, 256 * MIB, &error));
  g_assert_no_error (error);
  put (disk, 256 * MIB - 512, 512);
  disk_close (disk);
  expect_clean (disk);
  disk_open (disk);
  g_assert_cmpuint (disk->layer.size, ==, 256 * MIB);
  g_assert_cmpuint (map (disk, 0, 512).offset, ==, at);
  g_assert_true (image_qcow2.resize (&disk->layer, MIB, &error));
  disk_close (disk);
  expect_clean (disk);
  disk_free (disk);
}

static void
test_backing (void)
{
  ImageCreateOptions options = options_of (MIB, 4096);
  g_autoptr (GError) error = NULL;
  g_autofree char *longest = g_strnfill (1023, 'x');
  Disk *disk;

  options.backing_path = "below.raw";
  options.backing_format = "raw";
  disk = disk_new (&options);
  for (unsigned i = 0; i < 6; i++)
    {
      const char *path = i % 2 == 0 ? longest : "other.qcow2", *format = i % 2 == 0 ? "raw" : "qcow2";

      disk_open (disk);
      g_assert_cmpstr (disk->layer.backing_path, ==,
                       i == 0       ? "below.raw"
                       : i % 2 == 1 ? longest
                                    : "other.qcow2");
      g_assert_true (image_qcow2.set_backing (&disk->layer, path, format, &error));
      disk_close (disk);
    }
  disk_open (disk);
  g_assert_cmpstr (disk->layer.backing_format, ==, "qcow2");
  g_assert_true (image_qcow2.set_backing (&disk->layer, NULL, NULL, &error));
  disk_close (disk);
  disk_open (disk);
  g_assert_null (disk->layer.backing_path);
  g_assert_null (disk->layer.backing_format);
  disk_close (disk);
  expect_clean (disk);
  disk_free (disk);
}

/* --- what can't be used is refused, and says why --- */

static void
expect_refused (Disk *disk, bool read_only, const char *what)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (disk_try_open (disk, read_only, &error));
  g_assert_nonnull (error);
  if (strstr (error->message, what) == NULL)
    g_error ("“%s” does not say “%s”", error->message, what);
}

static void
test_damaged_header (void)
{
  static const struct {
    unsigned field, width;
    uint64_t value;
    const char *says;
  } wrong[] = {
    { QCOW2_H_VERSION, 4, 4, "version" },
    { QCOW2_H_CLUSTER_BITS, 4, 8, "cluster_bits" },
    { QCOW2_H_CLUSTER_BITS, 4, 22, "cluster_bits" },
    { QCOW2_H_SIZE, 8, UINT64_MAX, "size" },
    { QCOW2_H_SIZE, 8, UINT64_C (1) << 60, "l1_size" },
    { QCOW2_H_L1_SIZE, 4, UINT32_MAX, "l1_size" },
    { QCOW2_H_L1_OFFSET, 8, 0x30200, "l1_table_offset" },
    { QCOW2_H_L1_OFFSET, 8, UINT64_C (1) << 62, "l1_table_offset" },
    { QCOW2_H_REFTABLE_OFFSET, 8, 0x10001, "refcount_table_offset" },
    { QCOW2_H_REFTABLE_CLUSTERS, 4, UINT32_MAX, "refcount_table_clusters" },
    { QCOW2_H_REFTABLE_CLUSTERS, 4, 0, "refcount_table_clusters" },
    { QCOW2_H_REFCOUNT_ORDER, 4, 7, "refcount_order" },
    { QCOW2_H_LENGTH, 4, 100, "header_length" },
    { QCOW2_H_CRYPT_METHOD, 4, 3, "crypt_method" },
    { QCOW2_H_CRYPT_METHOD, 4, 1, "AES" },
    { QCOW2_H_N_SNAPSHOTS, 4, 70000, "nb_snapshots" },
    { QCOW2_H_INCOMPATIBLE, 8, QCOW2_I_DATA_FILE, "external data file" },
    { QCOW2_H_INCOMPATIBLE, 8, UINT64_C (1) << 40, "bit 40" },
    { QCOW2_H_INCOMPATIBLE, 8, QCOW2_I_COMPRESSION, "compression_type" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      ImageCreateOptions options = options_of (100 * MIB, 0);
      Disk *disk = disk_new (&options);
      uint8_t big[8];

      store_be64 (big, wrong[i].width == 8 ? wrong[i].value : wrong[i].value << 32);
      poke (disk, wrong[i].field, big, wrong[i].width);
      expect_refused (disk, true, wrong[i].says);
      disk_free (disk);
    }
}

static void
test_corrupt_bit (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 0);
  Disk *disk = disk_new (&options);
  g_autoptr (GError) error = NULL;

  poke64 (disk, QCOW2_H_INCOMPATIBLE, QCOW2_I_CORRUPT);
  expect_refused (disk, false, "corrupt");
  g_assert_true (disk_try_open (disk, true, &error));
  disk_close (disk);
  disk_free (disk);
}

static void
test_feature_name (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 0);
  Disk *disk = disk_new (&options);
  char entry[48] = { 0, 40, 'T', 'e', 'l', 'e', 'p', 'a', 't', 'h', 'y' };

  poke64 (disk, QCOW2_H_INCOMPATIBLE, UINT64_C (1) << 40);
  poke (disk, 112 + 8, entry, sizeof entry);
  expect_refused (disk, false, "Telepathy");
  disk_free (disk);
}

/* Entries that point into metadata: neither read nor written there. */
static void
test_metadata_is_safe (void)
{
  static const uint64_t targets[] = { 0, 0x10000, 0x20000, 0x30000 };

  for (unsigned i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      ImageCreateOptions options = options_of (100 * MIB, 65536);
      Disk *disk = disk_new (&options);
      LayerExtent extent;
      ImagePlace place;
      uint64_t l2;

      disk_open (disk);
      put (disk, 0, 65536);
      disk_close (disk);
      l2 = peek64 (disk, 0x30000) & ~QCOW2_COPIED;
      poke64 (disk, l2, (i == 0 ? l2 : targets[i]) | QCOW2_COPIED);
      disk_open (disk);
      g_assert_cmpint (image_qcow2.map (&disk->layer, 0, 512, true, &extent), ==, -EIO);
      g_assert_cmpint (image_qcow2.place (&disk->layer, MIB, 512, true, &place), ==, -EIO);
      disk_close (disk);
      g_assert_cmphex (peek64 (disk, QCOW2_H_INCOMPATIBLE), ==, QCOW2_I_CORRUPT);
      disk_free (disk);
    }
}

static void
test_bad_l1_entry (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  Disk *disk = disk_new (&options);
  g_autoptr (GError) error = NULL;
  LayerExtent extent;

  poke64 (disk, 0x30000, 0x10000 | QCOW2_COPIED);
  expect_refused (disk, false, "L1 entry 0");
  g_assert_true (disk_try_open (disk, true, &error));
  g_assert_cmpint (image_qcow2.map (&disk->layer, 0, 512, true, &extent), ==, -EIO);
  disk_close (disk);
  disk_free (disk);
}

/* Bits whose data nobody keeps up to date are cleared before the first change. */
static void
test_autoclear (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 0);
  Disk *disk = disk_new (&options);
  g_autoptr (GError) error = NULL;

  poke64 (disk, QCOW2_H_AUTOCLEAR, 0x8000000000000002);
  g_assert_true (disk_try_open (disk, true, &error));
  disk_close (disk);
  g_assert_cmphex (peek64 (disk, QCOW2_H_AUTOCLEAR), ==, 0x8000000000000002);
  disk_open (disk);
  disk_close (disk);
  g_assert_cmphex (peek64 (disk, QCOW2_H_AUTOCLEAR), ==, 0);
  disk_free (disk);
}

static void
test_lazy_refcounts (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  g_autofree char *copy = NULL;
  gsize n;
  uint64_t at;
  Disk *disk;

  options.lazy_refcounts = true;
  disk = disk_new (&options);
  disk_open (disk);
  at = put (disk, 0, 65536);
  g_assert_cmpint (image_qcow2.flush (&disk->layer), ==, 0);
  g_assert_cmphex (peek64 (disk, QCOW2_H_INCOMPATIBLE), ==, QCOW2_I_DIRTY);
  g_assert_true (g_file_get_contents (disk->path, &copy, &n, NULL));
  disk_close (disk);
  g_assert_cmphex (peek64 (disk, QCOW2_H_INCOMPATIBLE), ==, 0);
  expect_clean (disk);

  /* As if the program had died in between: counted anew on open. */
  g_assert_true (g_file_set_contents (disk->path, copy, n, NULL));
  disk_open (disk);
  g_assert_cmpuint (map (disk, 0, 512).offset, ==, at);
  g_assert_cmpuint (count_at (disk, at), ==, 1);
  disk_close (disk);
  g_assert_cmphex (peek64 (disk, QCOW2_H_INCOMPATIBLE), ==, 0);
  expect_clean (disk);
  disk_free (disk);
}

/* Without blocking: either done, or nothing. */
static void
test_never_blocks (void)
{
  ImageCreateOptions options = options_of (100 * MIB, 65536);
  Disk *disk = disk_new (&options);
  LayerExtent extent;
  ImagePlace place;

  disk_open (disk);
  put (disk, 0, 65536);
  disk_close (disk);
  disk_open (disk);
  g_assert_cmpint (image_qcow2.map (&disk->layer, 0, 512, false, &extent), ==, -EAGAIN);
  g_assert_cmpint (image_qcow2.place (&disk->layer, MIB, 512, false, &place), ==, -EAGAIN);
  g_assert_cmpint (image_qcow2.unmap (&disk->layer, 0, 65536, UNMAP_ZERO, false), ==, -EAGAIN);
  put (disk, MIB, 65536);
  g_assert_cmpint (image_qcow2.map (&disk->layer, 0, 512, false, &extent), ==, 0);
  g_assert_cmpint (image_qcow2.place (&disk->layer, 2 * MIB, 512, false, &place), ==, 0);
  image_qcow2.unplace (&disk->layer, &place);
  disk_close (disk);
  expect_clean (disk);
  disk_free (disk);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qcow2/new-image", test_new_image);
  g_test_add_func ("/qcow2/entries", test_entries);
  g_test_add_func ("/qcow2/extended-entries", test_extended_entries);
  for (unsigned order = 0; order <= 6; order++)
    {
      g_autofree char *path = g_strdup_printf ("/qcow2/refcount-order/%u", order);

      g_test_add_data_func (path, GUINT_TO_POINTER (order), test_refcount_order);
    }
  g_test_add_func ("/qcow2/quarantine", test_quarantine);
  g_test_add_func ("/qcow2/unplaced-room-is-free-again", test_unplaced_room_is_free_again);
  g_test_add_func ("/qcow2/refcount-table-grows", test_refcount_table_grows);
  g_test_add_func ("/qcow2/l1-grows", test_l1_grows);
  g_test_add_func ("/qcow2/backing", test_backing);
  g_test_add_func ("/qcow2/damaged-header", test_damaged_header);
  g_test_add_func ("/qcow2/corrupt-bit", test_corrupt_bit);
  g_test_add_func ("/qcow2/feature-name", test_feature_name);
  g_test_add_func ("/qcow2/metadata-is-safe", test_metadata_is_safe);
  g_test_add_func ("/qcow2/bad-l1-entry", test_bad_l1_entry);
  g_test_add_func ("/qcow2/autoclear", test_autoclear);
  g_test_add_func ("/qcow2/lazy-refcounts", test_lazy_refcounts);
  g_test_add_func ("/qcow2/never-blocks", test_never_blocks);
  return g_test_run ();
}
