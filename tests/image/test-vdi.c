/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VDI format's own rules, byte by byte. How it fares under load, with peers and power cuts: tests/image.
 */
#include "devices/image/vdi/vdi-private.h"

#include "tests/image/image-bench.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define KIB UINT64_C (1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)

static const ImageCreateOptions dynamic_8m = { .format = "vdi", .size = 8 * MIB };

static uint32_t
peek (const ImageBench *bench, const char *name, uint64_t at)
{
  uint8_t word[4];

  image_bench_peek (bench, name, at, word, 4);
  return load_le32 (word);
}

static void
poke (const ImageBench *bench, const char *name, uint64_t at, uint32_t value)
{
  uint8_t word[4];

  store_le32 (word, value);
  image_bench_poke (bench, name, at, word, 4);
}

static uint32_t
peek_map (const ImageBench *bench, const char *name, unsigned i)
{
  return peek (bench, name, peek (bench, name, VDI_AT_MAP_OFFSET) + i * 4);
}

static void
poke_map (const ImageBench *bench, const char *name, unsigned i, uint32_t value)
{
  poke (bench, name, peek (bench, name, VDI_AT_MAP_OFFSET) + i * 4, value);
}

static void
test_new (void)
{
  static const ImageCreateOptions fixed = { .format = "vdi", .subformat = "fixed", .size = 3 * MIB + 512 };
  g_autoptr (ImageBench) bench = image_bench_new ();
  Image *image;

  image_bench_create (bench, "a.vdi", &dynamic_8m);
  g_assert_cmphex (peek (bench, "a.vdi", VDI_AT_SIGNATURE), ==, VDI_SIGNATURE);
  g_assert_cmphex (peek (bench, "a.vdi", VDI_AT_VERSION), ==, VDI_VERSION_1_1);
  g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_BLOCKS), ==, 8);
  g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_ALLOCATED), ==, 0);
  g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_DATA_OFFSET), ==, MIB);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmphex (peek_map (bench, "a.vdi", i), ==, VDI_FREE);

  image_bench_create (bench, "f.vdi", &fixed);
  g_assert_cmpuint (image_bench_file_size (bench, "f.vdi"), ==, 5 * MIB);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpuint (peek_map (bench, "f.vdi", i), ==, i);
  image = image_bench_open (bench, "f.vdi", false);
  g_assert_cmpuint (image_size (image), ==, 3 * MIB + 512);
  image_bench_fill (image, 3 * MIB, 512, 5);
  image_bench_run (image, IMAGE_DISCARD, 0, 2 * MIB);
  image_close (image);
  g_assert_cmpuint (peek (bench, "f.vdi", VDI_AT_ALLOCATED), ==, 4);
  g_assert_cmpuint (image_bench_check (bench, "f.vdi", false), ==, 0);
}

/* Others append at the count: no index below it may be nobody's, none above it somebody's. */
static void
assert_dense (const ImageBench *bench, const char *name)
{
  uint32_t blocks = peek (bench, name, VDI_AT_BLOCKS), allocated = peek (bench, name, VDI_AT_ALLOCATED),
           n = 0;

  for (uint32_t i = 0; i < blocks; i++)
    if (peek_map (bench, name, i) < VDI_ZERO)
      {
        g_assert_cmpuint (peek_map (bench, name, i), <, allocated);
        n++;
      }
  g_assert_cmpuint (n, ==, allocated);
  g_assert_cmpuint (image_bench_file_size (bench, name), ==,
                    peek (bench, name, VDI_AT_DATA_OFFSET) + allocated * MIB);
  g_assert_cmpuint (image_bench_check (bench, name, false), ==, 0);
}

static void
test_blocks (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  Image *image;

  image_bench_create (bench, "a.vdi", &dynamic_8m);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_fill (image, 6 * MIB + 100, 5000, 7);
  image_bench_fill (image, 1000, 3 * MIB, 9);
  image_bench_holds (image, 6 * MIB + 100, 5000, 7);
  image_close (image);
  g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_ALLOCATED), ==, 5);
  g_assert_cmpuint (peek_map (bench, "a.vdi", 6), ==, 0);
  g_assert_cmpuint (peek_map (bench, "a.vdi", 0), ==, 1);
  assert_dense (bench, "a.vdi");

  /* A hole in the middle: someone with zeroes owns it in the end. */
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_run (image, IMAGE_DISCARD, MIB, MIB);
  image_bench_holds (image, MIB, MIB, 0);
  image_bench_run (image, IMAGE_FLUSH, 0, 0);
  image_close (image);
  assert_dense (bench, "a.vdi");
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_holds (image, 1000, MIB - 1000, 9);
  image_bench_holds (image, MIB, MIB, 0);
  image_bench_holds (image, 2 * MIB, MIB, 9);
  image_bench_holds (image, 4 * MIB, 2 * MIB, 0);
  image_bench_holds (image, 6 * MIB + 100, 5000, 7);

  /* Everything goes, and comes again, and again before a flush. */
  image_bench_fill (image, 0, 8 * MIB, 1);
  for (uint8_t round = 2; round < 5; round++)
    {
      image_bench_run (image, IMAGE_DISCARD, 0, 8 * MIB);
      image_bench_fill (image, 0, 8 * MIB, round);
    }
  image_bench_holds (image, 0, 8 * MIB, 4);
  image_close (image);
  assert_dense (bench, "a.vdi");

  image = image_bench_open (bench, "a.vdi", false);
  image_bench_holds (image, 0, 8 * MIB, 4);
  image_bench_run (image, IMAGE_DISCARD, 0, 8 * MIB);
  image_close (image);
  assert_dense (bench, "a.vdi");
  g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_ALLOCATED), ==, 0);
}

static void
test_modification_id (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t before[32], after[32];
  Image *image;

  image_bench_create (bench, "a.vdi", &dynamic_8m);
  image_bench_peek (bench, "a.vdi", VDI_AT_UUID, before, 32);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_holds (image, 0, MIB, 0);
  image_close (image);
  image_bench_peek (bench, "a.vdi", VDI_AT_UUID, after, 32);
  g_assert_cmpmem (before, 32, after, 32);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_fill (image, 0, 512, 1);
  image_close (image);
  image_bench_peek (bench, "a.vdi", VDI_AT_UUID, after, 32);
  g_assert_cmpmem (before, 16, after, 16);
  g_assert_cmpint (memcmp (before + 16, after + 16, 16), !=, 0);
}

/* Small blocks make long maps: the first blocks must go out of its way. */
static void
test_map_grows (void)
{
  static const char *const kinds[] = { "dynamic", "fixed" };

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      const ImageCreateOptions options = {
        .format = "vdi", .subformat = kinds[i], .size = MIB, .cluster_size = 4096
      };
      g_autoptr (ImageBench) bench = image_bench_new ();
      g_autoptr (GError) error = NULL;
      Image *image;

      image_bench_create (bench, "a.vdi", &options);
      image = image_bench_open (bench, "a.vdi", false);
      image_bench_fill (image, 0, MIB - 4096 * 3 - 100, 11);
      g_assert_true (image_resize (image, 64 * MIB, &error)); /* fits before the data */
      image_bench_holds (image, 0, MIB - 4096 * 3 - 100, 11);
      g_assert_true (image_resize (image, 2 * GIB, &error)); /* 2 MiB of map */
      image_bench_fill (image, 2 * GIB - 100, 100, 12);
      image_close (image);
      g_assert_cmpuint (peek (bench, "a.vdi", VDI_AT_DATA_OFFSET), >, 2 * MIB);
      g_assert_cmpuint (image_bench_check (bench, "a.vdi", false), ==, 0);

      image = image_bench_open (bench, "a.vdi", false);
      image_bench_holds (image, 0, MIB - 4096 * 3 - 100, 11);
      image_bench_holds (image, MIB - 4096 * 3 - 100, 4 * MIB, 0);
      image_bench_holds (image, 2 * GIB - 100, 100, 12);
      g_assert_true (image_resize (image, 4096 * 3 + 512, &error));
      g_assert_true (image_resize (image, MIB, &error));
      image_bench_holds (image, 0, 4096 * 3 + 512, 11);
      image_bench_holds (image, 4096 * 3 + 512, MIB - 4096 * 3 - 512, 0);
      image_close (image);
      g_assert_cmpuint (image_bench_check (bench, "a.vdi", false), ==, 0);
    }
}

/* --- damage --- */

static void
test_hostile_fields (void)
{
  static const struct {
    unsigned field;
    uint32_t value;
    const char *says;
  } fields[] = {
    { VDI_AT_VERSION, 0x00000002, "version is 0.2" },
    { VDI_AT_TYPE, 4, "differencing" },
    { VDI_AT_TYPE, 3, "differencing" },
    { VDI_AT_TYPE, 9, "image type is 9" },
    { VDI_AT_HEADER_SIZE, 12, "header size" },
    { VDI_AT_MAP_OFFSET, 0, "block map at 0" },
    { VDI_AT_MAP_OFFSET, 0xfffffe00, "block map" },
    { VDI_AT_DATA_OFFSET, 512, "data at 512" },
    { VDI_AT_DATA_OFFSET, 0xfffffff1, "data at" },
    { VDI_AT_SECTOR_SIZE, 4096, "sector size" },
    { VDI_AT_DISK_SIZE + 4, 0xffffffff, "disk size" },
    { VDI_AT_BLOCK_SIZE, 0, "block size" },
    { VDI_AT_BLOCK_SIZE, 3 << 20, "block size" },
    { VDI_AT_BLOCK_EXTRA, 77, "extra" },
    { VDI_AT_BLOCKS, 7, "number of blocks, 7" },
    { VDI_AT_BLOCKS, 0xffffffff, "number of blocks" },
  };
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree char *path = image_bench_path (bench, "a.vdi");

  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      image_bench_create (bench, "a.vdi", &dynamic_8m);
      poke (bench, "a.vdi", fields[i].field, fields[i].value);
      image_bench_refuses (bench, "a.vdi", true, "a.vdi", fields[i].says, NULL);
      g_unlink (path);
    }
}

static void
test_damaged_map (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree uint8_t *buffer = g_malloc (MIB);
  Image *image;

  image_bench_create (bench, "a.vdi", &dynamic_8m);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_fill (image, 0, 3 * MIB, 31);
  image_close (image);

  poke_map (bench, "a.vdi", 4, 0);
  image_bench_refuses (bench, "a.vdi", false, "entry 4, 0", "repair", NULL);
  poke_map (bench, "a.vdi", 5, 0x10000000);
  image_bench_refuses (bench, "a.vdi", false, "repair", NULL);
  image = image_bench_open (bench, "a.vdi", true);
  image_bench_holds (image, 0, 3 * MIB, 31);
  g_assert_cmpint (image_run (image, IMAGE_READ, 5 * MIB, buffer, 512), ==, -EIO);
  image_close (image);

  g_assert_cmpuint (image_bench_check (bench, "a.vdi", false), ==, 2);
  g_assert_cmpuint (image_bench_check (bench, "a.vdi", true), ==, 2);
  assert_dense (bench, "a.vdi");
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_fill (image, 0, MIB, 32); /* its copy is another's now */
  image_bench_holds (image, MIB, 2 * MIB, 31);
  image_bench_holds (image, 5 * MIB, MIB, 0);
  g_assert_cmpint (image_run (image, IMAGE_READ, 4 * MIB, buffer, MIB), ==, 0);
  g_assert_cmpuint (buffer[0], !=, 0);
  image_close (image);
}

/* What a crash leaves: a count that is too large, and holes. */
static void
test_left_open (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  Image *image;

  image_bench_create (bench, "a.vdi", &dynamic_8m);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_fill (image, 0, 4 * MIB, 41);
  image_close (image);
  poke_map (bench, "a.vdi", 1, VDI_ZERO);
  poke (bench, "a.vdi", VDI_AT_ALLOCATED, 7);
  g_assert_cmpuint (image_bench_check (bench, "a.vdi", false), ==, 4);
  image = image_bench_open (bench, "a.vdi", false);
  image_bench_holds (image, 0, MIB, 41);
  image_bench_holds (image, MIB, MIB, 0);
  image_bench_holds (image, 2 * MIB, 2 * MIB, 41);
  image_close (image);
  assert_dense (bench, "a.vdi");

  poke (bench, "a.vdi", VDI_AT_ALLOCATED, 1);
  g_assert_cmpuint (image_bench_check (bench, "a.vdi", true), ==, 1);
  assert_dense (bench, "a.vdi");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vdi/new", test_new);
  g_test_add_func ("/vdi/blocks", test_blocks);
  g_test_add_func ("/vdi/modification-id", test_modification_id);
  g_test_add_func ("/vdi/map-grows", test_map_grows);
  g_test_add_func ("/vdi/hostile-fields", test_hostile_fields);
  g_test_add_func ("/vdi/damaged-map", test_damaged_map);
  g_test_add_func ("/vdi/left-open", test_left_open);
  return g_test_run ();
}
