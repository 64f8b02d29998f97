/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * qcow2 images whose compressed clusters or encryption headers lie, and the list of internal snapshots. What
 * is damaged is an error; what lies beside it stays whole.
 */
#include "devices/image/image-private.h"
#include "tests/image/image-bench.h"
#include "tests/image/peer.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define CLUSTER    65536u
#define SIZE       (UINT64_C (1) << 20)
#define COMPRESSED (UINT64_C (1) << 62)
#define SECTORS_AT 54 /* in a descriptor of clusters of 64 KiB */
#define BOMB       (32u << 20)

typedef struct {
  ImageBench *bench;
  const char *compression;
} Fixture;

static void
setup (Fixture *f, gconstpointer compression)
{
  f->bench = image_bench_new ();
  f->compression = compression;
}

static void
teardown (Fixture *f, gconstpointer compression)
{
  image_bench_free (f->bench);
}

/* --- codes --- */

static size_t
encode (const Fixture *f, const uint8_t *data, size_t size, uint8_t *code, size_t room)
{
  z_stream z = { .next_in = (uint8_t *)data, .avail_in = size, .next_out = code, .avail_out = room };

  if (g_str_equal (f->compression, "zstd"))
    return ZSTD_compress (code, room, data, size, 3);
  g_assert_cmpint (deflateInit2 (&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY), ==, Z_OK);
  g_assert_cmpint (deflate (&z, Z_FINISH), ==, Z_STREAM_END);
  deflateEnd (&z);
  return z.total_out;
}

/* Cluster @n gets @code; the one before and the one behind hold data. */
static void
write_code (Image *image, unsigned n, const uint8_t *code, size_t size)
{
  image_bench_fill (image, (n - 1) * (uint64_t)CLUSTER, CLUSTER, 5);
  image_bench_fill (image, (n + 1) * (uint64_t)CLUSTER, CLUSTER, 6);
  g_assert_cmpint (image_write_code (image, n * (uint64_t)CLUSTER, code, size), ==, 0);
}

/* A cluster that gets a little smaller. */
static void
fill_noise (uint8_t *data)
{
  uint32_t state = 1;

  for (unsigned i = 0; i < CLUSTER; i++)
    {
      state = state * 1664525u + 1013904223u;
      data[i] = (uint8_t)(state >> 26);
    }
}

static void
create (Fixture *f)
{
  const ImageCreateOptions options = { .format = "qcow2", .size = SIZE, .compression = f->compression };

  image_bench_create (f->bench, "disk.qcow2", &options);
}

/* Reading it fails, by parts and as a whole; what lies around doesn't. A write into it can't save the rest.
 */
static void
assert_unreadable (Image *image, unsigned n)
{
  uint64_t at = n * (uint64_t)CLUSTER;
  g_autofree uint8_t *data = g_malloc (CLUSTER);

  g_assert_cmpint (image_run (image, IMAGE_READ, at, data, CLUSTER), ==, -EIO);
  g_assert_cmpint (image_run (image, IMAGE_READ, at + 4096, data, 4096), ==, -EIO);
  g_assert_cmpint (image_run (image, IMAGE_READ, at + 4096, data, 4096), ==, -EIO);
  image_bench_holds (image, at - CLUSTER, CLUSTER, 5);
  image_bench_holds (image, at + CLUSTER, CLUSTER, 6);
}

/* As a whole it may be overwritten, and discarded. */
static void
assert_overwritable (Image *image, unsigned n)
{
  uint64_t at = n * (uint64_t)CLUSTER;
  uint8_t byte = 1;

  g_assert_cmpint (image_run (image, IMAGE_WRITE, at + 100, &byte, 1), ==, -EIO);
  image_bench_fill (image, at, CLUSTER, 9);
  image_bench_holds (image, at, CLUSTER, 9);
}

static void
test_bad_codes (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *plain = g_malloc0 (BOMB), *code = g_malloc (BOMB);
  static const uint8_t giant[] = { 0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0xff, 0xff, 0xff, /* FCS of 8 bytes, … */
                                   0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f,             /* window of 2^41 */
                                   0x01, 0x00, 0x00 };
  Image *image;
  size_t size;

  create (f);
  image = image_bench_open (f->bench, "disk.qcow2", false);
  memset (code, 0xff, 5000); /* a block of type 3; no frame */
  write_code (image, 1, code, 5000);
  size = encode (f, plain, CLUSTER - 1, code, BOMB); /* a byte less than the cluster */
  write_code (image, 4, code, size);
  write_code (image, 7, giant, sizeof giant);
  fill_noise (plain);
  size = encode (f, plain, CLUSTER, code, BOMB);
  write_code (image, 10, code, size / 2); /* the end is missing */
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  for (unsigned n = 1; n <= 10; n += 3)
    assert_unreadable (image, n);
  for (unsigned n = 1; n <= 10; n += 3)
    assert_overwritable (image, n);
  image_close (image);
  g_assert_cmpuint (image_bench_check (f->bench, "disk.qcow2", false), ==, 0);
}

/* A code of some kilobytes that says 32 MiB of zeroes, and one of empty frames only: bounded work, and
 * nothing but the cluster is written. */
static void
test_bombs (Fixture *f, gconstpointer data)
{
  g_autofree uint8_t *plain = g_malloc0 (BOMB), *code = g_malloc (BOMB), *seen = g_malloc (CLUSTER);
  size_t size = encode (f, plain, BOMB, code, BOMB);
  Image *image;
  int result;

  create (f);
  image = image_bench_open (f->bench, "disk.qcow2", false);
  g_assert_cmpuint (size, <, CLUSTER);
  write_code (image, 1, code, size);
  size = encode (f, plain, 0, code, 64);
  for (unsigned i = 1; i < 60000 / size; i++)
    memcpy (code + i * size, code, size);
  write_code (image, 4, code, 60000 / size * size);

  memset (seen, 1, CLUSTER);
  result = image_run (image, IMAGE_READ, CLUSTER, seen, CLUSTER);
  if (result == 0)
    g_assert_cmpmem (seen, CLUSTER, plain, CLUSTER);
  else
    g_assert_cmpint (result, ==, -EIO);
  image_bench_holds (image, 0, CLUSTER, 5);
  image_bench_holds (image, 2 * CLUSTER, CLUSTER, 6);
  assert_unreadable (image, 4);
  image_close (image);
}

/* --- descriptors --- */

static uint64_t
peek64 (const Fixture *f, uint64_t at)
{
  uint8_t word[8];

  image_bench_peek (f->bench, "disk.qcow2", at, word, sizeof word);
  return load_be64 (word);
}

static void
poke64 (const Fixture *f, uint64_t at, uint64_t value)
{
  uint8_t word[8];

  store_be64 (word, value);
  image_bench_poke (f->bench, "disk.qcow2", at, word, sizeof word);
}

static void
test_descriptors (Fixture *f, gconstpointer data)
{
  g_autofree char *path = image_bench_path (f->bench, "disk.qcow2");
  g_autofree uint8_t *plain = g_malloc0 (CLUSTER), *code = g_malloc (2 * CLUSTER);
  const char *check[] = { "qemu-img", "check", "-f", "qcow2", path, NULL };
  static const uint64_t bad[] = {
    COMPRESSED | UINT64_C (0xff) << SECTORS_AT | UINT64_C (1) << 53, /* far beyond the file */
    COMPRESSED | UINT64_C (0xff) << SECTORS_AT | ((UINT64_C (1) << 54) - 1),
    COMPRESSED | UINT64_C (0xff) << SECTORS_AT, /* the header, and what comes after it */
    COMPRESSED | CLUSTER,                       /* the refcount table */
    COMPRESSED | UINT64_C (40) * CLUSTER,       /* where the file ended already */
  };

  fill_noise (plain);
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      size_t size = encode (f, plain, CLUSTER, code, CLUSTER);
      uint64_t entry;
      Image *image;

      create (f);
      image = image_bench_open (f->bench, "disk.qcow2", false);
      write_code (image, 2, code, size);
      image_close (image);
      entry = peek64 (f, peek64 (f, 40)) & ((UINT64_C (1) << 56) - 512);
      entry += 2 * 8;
      g_assert_true (peek64 (f, entry) & COMPRESSED);
      poke64 (f, entry, bad[i]);

      image = image_bench_open (f->bench, "disk.qcow2", true);
      assert_unreadable (image, 2);
      image_close (image);
      g_assert_cmpuint (image_bench_check (f->bench, "disk.qcow2", false), >, 0);
      image_bench_check (f->bench, "disk.qcow2", true);
      g_assert_cmpuint (image_bench_check (f->bench, "disk.qcow2", false), ==, 0);
      g_assert_cmpint (peer_run (check, NULL), ==, 0);
      image = image_bench_open (f->bench, "disk.qcow2", true);
      image_bench_holds (image, CLUSTER, CLUSTER, 5);
      image_bench_holds (image, 3 * CLUSTER, CLUSTER, 6);
      image_close (image);
      unlink (path);
    }
}

/* --- encryption headers --- */

static const ImageSecret secret = { (const uint8_t *)"open sesame", 11 };

/* Opened with the passphrase, to write; or NULL, and an error that says @words. */
static Image *
open_encrypted (Fixture *f, bool lenient, const ImageSecret *with, const char *words)
{
  g_autofree char *path = image_bench_path (f->bench, "disk.qcow2");
  const ImageOptions options = { .secret = with, .lenient = lenient };
  g_autoptr (GError) error = NULL;
  Image *image = image_open (f->bench->loop, path, &options, &error);

  if (words == NULL)
    g_assert_no_error (error);
  else if (image != NULL)
    g_error ("it was opened, and should say: %s", words);
  else if (!g_regex_match_simple (words, error->message, G_REGEX_CASELESS, 0)
           || strstr (error->message, path) == NULL)
    g_error ("“%s” does not say “%s”", error->message, words);
  return image;
}

static uint64_t
find_extension (const Fixture *f)
{
  for (uint64_t at = 104;; at += 8)
    if (peek64 (f, at) >> 32
        == 0x0537be77) /* docs/interop/qcow2.txt, "Full disk encryption header pointer" */
      return at + 8;
}

/* As info and check do. */
static void
look_on (Fixture *f)
{
  Image *image = open_encrypted (f, true, NULL, NULL);
  uint8_t byte;

  image_info_free (image_info (image, 0));
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, &byte, 1), ==, -EACCES);
  g_assert_true (image_check (image, &(ImageCheck){ .repair = false }, NULL));
  image_close (image);
}

static void
test_encryption_header (Fixture *f, gconstpointer data)
{
  const ImageCreateOptions options = {
    .format = "qcow2", .size = SIZE, .secret = &secret, .secret_milliseconds = 1
  };
  uint64_t extension, header;
  Image *image;

  image_bench_create (f->bench, "disk.qcow2", &options);
  image = open_encrypted (f, false, &secret, NULL);
  image_bench_fill (image, 0, CLUSTER, 3);
  image_close (image);
  extension = find_extension (f);
  header = peek64 (f, extension);

  const struct {
    uint64_t at, value;
    const char *words;
  } damage[] = {
    { extension, 0, "encryption header" },
    { extension, 512, "encryption header" },
    { extension, UINT64_MAX, "encryption header" },
    { extension, UINT64_C (1) << 62, "encryption header" },
    { extension + 8, 0, "encryption header|LUKS header" },
    { extension + 8, 100, "encryption header|LUKS header" },
    { extension + 8, UINT64_MAX, "encryption header" },
    { header, 0, "LUKS header" },                           /* magic */
    { header, UINT64_C (0x4c554b53babe0002), "version 2" }, /* magic, version */
    { header + 8, 0x2000000000000000, "supported" },
    { header + 8, UINT64_C (0x74776f6669736800), "supported" }, /* twofish */
    { header + 40, 0, "cipher mode" },
    { header + 72, UINT64_C (0x6d64350000000000), "supported" }, /* md5 */
    { header + 104, UINT64_C (0xffffffff), "LUKS header|key" },  /* key bytes */
    { header + 112, 0, "passphrase" },                           /* digest */
    { header + 160, UINT64_C (0xffffffff), "digest" },           /* salt, iterations */
    { header + 208, UINT64_C (0x00ac71f3ffffffff), "iterations" },
    { header + 208, UINT64_C (0x1234567800000001), "key slot 0" },
    { header + 248, UINT64_C (0xffffffff00000fa0), "key material" },
    { header + 248, UINT64_C (0x00000008ffffffff), "key material" },
    { header + 248, UINT64_C (0x0000000000000fa0), "key material" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (damage); i++)
    {
      uint64_t before = peek64 (f, damage[i].at);

      poke64 (f, damage[i].at, damage[i].value);
      g_assert_null (open_encrypted (f, false, &secret, damage[i].words));
      if (damage[i].at >= header)
        look_on (f);
      poke64 (f, damage[i].at, before);
    }
  g_assert_null (open_encrypted (f, false, NULL, "passphrase"));
  g_assert_null (
    open_encrypted (f, false, &(ImageSecret){ (const uint8_t *)"open", 4 }, "passphrase is wrong"));
  image = open_encrypted (f, false, &secret, NULL);
  image_bench_holds (image, 0, CLUSTER, 3);
  image_close (image);
  image_bench_truncate (f->bench, "disk.qcow2", header + 4096); /* its key material is gone */
  g_assert_null (open_encrypted (f, false, &secret, "encryption header|cut off|key material|L1|refcount"));
}

/* --- snapshots --- */

static char *
list_snapshots (Fixture *f)
{
  Image *image = image_bench_open (f->bench, "disk.qcow2", true);
  g_autoptr (ImageInfo) info = image_info (image, 0);
  GString *lines = g_string_new (NULL);

  for (unsigned i = 0; info->snapshots != NULL && i < info->snapshots->len; i++)
    {
      const ImageSnapshot *snapshot = info->snapshots->pdata[i];

      g_assert_cmpuint (snapshot->size, ==, SIZE);
      g_string_append_printf (lines, "%s|%s|%" G_GUINT64_FORMAT "|%" G_GINT64_FORMAT "\n", snapshot->id,
                              snapshot->name, snapshot->state_size, snapshot->time);
    }
  image_close (image);
  return g_string_free (lines, FALSE);
}

static void
assert_same_snapshots (Fixture *f, unsigned n)
{
  g_autofree char *path = image_bench_path (f->bench, "disk.qcow2");
  g_autofree char *peers = peer_snapshots (path), *ours = list_snapshots (f);
  unsigned lines = 0;

  g_assert_cmpstr (ours, ==, peers);
  for (const char *c = ours; *c != 0; c++)
    lines += *c == '\n';
  g_assert_cmpuint (lines, ==, n);
}

static void
run_snapshot (Fixture *f, const char *what, const char *name)
{
  g_autofree char *path = image_bench_path (f->bench, "disk.qcow2"), *output = NULL;
  const char *argv[] = { "qemu-img", "snapshot", what, name, path, NULL };

  if (peer_run (argv, &output) != 0)
    g_error ("%s", output);
}

/* Made, applied and deleted by the peer; written over by us in between. */
static void
test_snapshots (Fixture *f, gconstpointer data)
{
  static const char *const names[] = { "first", "zweiter Stand, später", "third|", "\"quoted\"", "x" };
  const ImageCreateOptions options = { .format = "qcow2", .size = SIZE };
  Image *image;

  image_bench_create (f->bench, "disk.qcow2", &options);
  assert_same_snapshots (f, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      run_snapshot (f, "-c", names[i]);
      assert_same_snapshots (f, i + 1);
      image = image_bench_open (f->bench, "disk.qcow2", false);
      image_bench_fill (image, i * (uint64_t)CLUSTER / 2, CLUSTER, 10 + i);
      image_close (image);
      assert_same_snapshots (f, i + 1);
    }
  run_snapshot (f, "-d", "third|");
  assert_same_snapshots (f, 4);
  run_snapshot (f, "-a", "first");
  assert_same_snapshots (f, 4);
  image = image_bench_open (f->bench, "disk.qcow2", true);
  image_bench_holds (image, 0, SIZE, 0);
  image_close (image);
  g_assert_cmpuint (image_bench_check (f->bench, "disk.qcow2", false), ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const compressions[] = { "zlib", "zstd" };

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (compressions); i++)
    {
      g_autofree char *codes = g_strdup_printf ("/qcow2-hostile/%s/codes", compressions[i]);
      g_autofree char *bombs = g_strdup_printf ("/qcow2-hostile/%s/bombs", compressions[i]);
      g_autofree char *descriptors = g_strdup_printf ("/qcow2-hostile/%s/descriptors", compressions[i]);

      g_test_add (codes, Fixture, compressions[i], setup, test_bad_codes, teardown);
      g_test_add (bombs, Fixture, compressions[i], setup, test_bombs, teardown);
      g_test_add (descriptors, Fixture, compressions[i], setup, test_descriptors, teardown);
    }
  g_test_add ("/qcow2-hostile/encryption-header", Fixture, NULL, setup, test_encryption_header, teardown);
  g_test_add ("/qcow2-hostile/snapshots", Fixture, NULL, setup, test_snapshots, teardown);
  return g_test_run ();
}
