/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The VHD format's own rules, byte by byte. How it fares under load, with peers and power cuts: tests/image.
 */
#include "devices/image/vhd/vhd-private.h"

#include "tests/image/image-bench.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define KIB UINT64_C (1024)
#define MIB (KIB * KIB)
#define GIB (KIB * MIB)

static const ImageCreateOptions dynamic_8m = { .format = "vhd", .size = 8 * MIB };

static void
peek_footer (const ImageBench *bench, const char *name, uint8_t *footer)
{
  image_bench_peek (bench, name, image_bench_file_size (bench, name) - VHD_FOOTER_SIZE, footer,
                    VHD_FOOTER_SIZE);
}

static void
poke_footers (const ImageBench *bench, const char *name, uint8_t *footer, bool head)
{
  vhd_seal_footer (footer);
  image_bench_poke (bench, name, image_bench_file_size (bench, name) - VHD_FOOTER_SIZE, footer,
                    VHD_FOOTER_SIZE);
  if (head)
    image_bench_poke (bench, name, 0, footer, VHD_FOOTER_SIZE);
}

static uint32_t
peek_bat (const ImageBench *bench, const char *name, unsigned i)
{
  uint8_t header[VHD_HEADER_SIZE], entry[4];

  image_bench_peek (bench, name, VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
  image_bench_peek (bench, name, load_be64 (header + HEADER_TABLE_OFFSET) + i * 4, entry, 4);
  return load_be32 (entry);
}

static void
poke_bat (const ImageBench *bench, const char *name, unsigned i, uint32_t value)
{
  uint8_t entry[4];

  store_be32 (entry, value);
  image_bench_poke (bench, name, VHD_FOOTER_SIZE + VHD_HEADER_SIZE + i * 4, entry, 4);
}

/* Changes a field of the header and seals it. */
static void
poke_header (const ImageBench *bench, const char *name, unsigned field, uint64_t value, unsigned size)
{
  uint8_t header[VHD_HEADER_SIZE];

  image_bench_peek (bench, name, VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
  if (size == 8)
    store_be64 (header + field, value);
  else
    store_be32 (header + field, value);
  vhd_seal_header (header);
  image_bench_poke (bench, name, VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
}

/* --- sizes --- */

/* Figures of images that Virtual PC, Hyper-V, Disk2vhd and QEMU made. */
static void
test_geometry (void)
{
  static const struct {
    uint64_t size;
    uint16_t cylinders;
    uint8_t heads, sectors;
  } known[] = {
    { 104448, 3, 4, 17 },           { 4212736, 121, 4, 17 }, { 4 * MIB, 120, 4, 17 },
    { 10 * MIB, 301, 4, 17 },       { GIB, 2080, 16, 63 },   { 127 * GIB, 65278, 16, 255 },
    { 2040 * GIB, 65535, 16, 255 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (known); i++)
    {
      VhdGeometry geometry = vhd_geometry (known[i].size);

      g_assert_cmpuint (geometry.cylinders, ==, known[i].cylinders);
      g_assert_cmpuint (geometry.heads, ==, known[i].heads);
      g_assert_cmpuint (geometry.sectors, ==, known[i].sectors);
    }
}

static void
test_creators (void)
{
  static const struct {
    const char *creator;
    bool by_geometry;
  } creators[] = { { "vpc ", true },  { "vs  ", true }, { "qemu", true }, { "qem2", false },
                   { "win ", false }, { "d2v", false }, { "tap", false }, { "CTXS", false },
                   { "vbox", false }, { "????", false } };

  for (unsigned i = 0; i < G_N_ELEMENTS (creators); i++)
    {
      uint8_t footer[VHD_FOOTER_SIZE];
      bool by_geometry;

      vhd_make_footer (footer, VHD_FIXED, 127 * GIB, UINT64_MAX);
      memcpy (footer + FOOTER_CREATOR_APP, creators[i].creator, strlen (creators[i].creator));
      g_assert_cmpuint (vhd_disk_size (footer, &by_geometry), ==,
                        creators[i].by_geometry ? UINT64_C (136363130880) : 127 * GIB);
      g_assert_cmpint (by_geometry, ==, creators[i].by_geometry);

      /* The largest geometry says nothing. */
      vhd_set_size (footer, 500 * GIB);
      memcpy (footer + FOOTER_CREATOR_APP, creators[i].creator, strlen (creators[i].creator));
      g_assert_cmpuint (vhd_disk_size (footer, NULL), ==, 500 * GIB);
    }
}

/* --- layout --- */

static void
test_new_dynamic (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t head[VHD_FOOTER_SIZE], tail[VHD_FOOTER_SIZE], header[VHD_HEADER_SIZE];

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  image_bench_peek (bench, "a.vhd", 0, head, sizeof head);
  peek_footer (bench, "a.vhd", tail);
  image_bench_peek (bench, "a.vhd", 512, header, sizeof header);
  g_assert_cmpmem (head, sizeof head, tail, sizeof tail);
  g_assert_true (vhd_footer_is_valid (head));
  g_assert_true (vhd_header_is_valid (header));
  g_assert_cmpuint (load_be64 (head + FOOTER_CURRENT_SIZE), ==, 8 * MIB);
  g_assert_cmpuint (load_be32 (head + FOOTER_TYPE), ==, 3);
  g_assert_cmpuint (load_be32 (header + HEADER_MAX_ENTRIES), ==, 4);
  g_assert_cmpuint (load_be32 (header + HEADER_BLOCK_SIZE), ==, 2 * MIB);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmphex (peek_bat (bench, "a.vhd", i), ==, VHD_UNUSED);
  g_assert_cmpuint (image_bench_file_size (bench, "a.vhd"), ==, 512 + 1024 + 512 + 512);
}

/* One word makes a whole block valid; what a discard empties goes back when the disk is closed. */
static void
test_blocks (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t bitmap[512], full[512];
  uint64_t empty;
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  empty = image_bench_file_size (bench, "a.vhd");
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_fill (image, 5 * MIB + 100, 5000, 7);
  image_bench_fill (image, 1000, 3 * MIB, 9);
  image_close (image);

  memset (full, 0xff, sizeof full);
  g_assert_cmphex (peek_bat (bench, "a.vhd", 3), ==, VHD_UNUSED);
  image_bench_peek (bench, "a.vhd", peek_bat (bench, "a.vhd", 2) * UINT64_C (512), bitmap, sizeof bitmap);
  g_assert_cmpmem (bitmap, sizeof bitmap, full, sizeof full);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 0);

  image = image_bench_open (bench, "a.vhd", false);
  image_bench_holds (image, 5 * MIB + 100, 5000, 7);
  image_bench_holds (image, 1000, 3 * MIB, 9);
  image_bench_holds (image, 5 * MIB + 5100, 4096, 0);
  image_bench_run (image, IMAGE_DISCARD, 0, 8 * MIB);
  image_bench_holds (image, 0, 8 * MIB, 0);
  image_close (image);
  g_assert_cmpuint (image_bench_file_size (bench, "a.vhd"), ==, empty);
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmphex (peek_bat (bench, "a.vhd", i), ==, VHD_UNUSED);
}

/* Room that a discard gave back is given to one block only, also if that was the first thing since open. */
static void
test_room_is_reused (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_fill (image, 0, 4 * MIB, 5);
  image_close (image);

  image = image_bench_open (bench, "a.vhd", false);
  image_bench_run (image, IMAGE_DISCARD, 0, 2 * MIB);
  image_bench_run (image, IMAGE_FLUSH, 0, 0);
  image_bench_fill (image, 4 * MIB, MIB, 6);
  image_bench_fill (image, 6 * MIB, MIB, 7);
  image_bench_holds (image, 0, 2 * MIB, 0);
  image_bench_holds (image, 2 * MIB, 2 * MIB, 5);
  image_bench_holds (image, 4 * MIB, MIB, 6);
  image_bench_holds (image, 6 * MIB, MIB, 7);
  image_close (image);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 0);
}

static void
test_fixed (void)
{
  static const ImageCreateOptions options = { .format = "vhd", .subformat = "fixed", .size = MIB };
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autoptr (GError) error = NULL;
  uint8_t footer[VHD_FOOTER_SIZE];
  Image *image;

  image_bench_create (bench, "f.vhd", &options);
  g_assert_cmpuint (image_bench_file_size (bench, "f.vhd"), ==, MIB + 512);
  image = image_bench_open (bench, "f.vhd", false);
  image_bench_fill (image, MIB - 512, 512, 3);
  g_assert_true (image_resize (image, 2 * MIB, &error));
  image_bench_holds (image, MIB - 512, 512, 3);
  image_bench_holds (image, MIB, MIB, 0);
  g_assert_true (image_resize (image, MIB, &error));
  image_close (image);
  g_assert_cmpuint (image_bench_file_size (bench, "f.vhd"), ==, MIB + 512);

  /* A footer of 511 bytes, as before Virtual PC 2004. */
  peek_footer (bench, "f.vhd", footer);
  image_bench_truncate (bench, "f.vhd", MIB + 511);
  image = image_bench_open (bench, "f.vhd", true);
  g_assert_cmpuint (image_size (image), ==, MIB);
  image_bench_holds (image, MIB - 512, 512, 3);
  image_close (image);

  /* No copy of the footer: a fixed disk without one is lost. */
  image_bench_truncate (bench, "f.vhd", MIB);
  image_bench_poke (bench, "f.vhd", MIB, footer, sizeof footer);
  memset (footer + 100, 0xaa, 1);
  image_bench_poke (bench, "f.vhd", MIB, footer, sizeof footer);
  image_bench_refuses (bench, "f.vhd", false, "checksum", "repair", NULL);
  g_assert_cmpuint (image_bench_check (bench, "f.vhd", true), ==, 1);
  g_assert_cmpuint (image_bench_check (bench, "f.vhd", false), ==, 0);
}

/* --- footers --- */

static void
test_lost_footer (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t zeroes[VHD_FOOTER_SIZE] = { 0 }, footer[VHD_FOOTER_SIZE];
  uint64_t size;
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_fill (image, 0, MIB, 5);
  image_close (image);
  size = image_bench_file_size (bench, "a.vhd");

  /* At the end: from the copy, when it is opened for writing. */
  image_bench_truncate (bench, "a.vhd", size - 512);
  image = image_bench_open (bench, "a.vhd", true);
  image_bench_holds (image, 0, MIB, 5);
  image_close (image);
  g_assert_cmpuint (image_bench_file_size (bench, "a.vhd"), ==, size - 512);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 1);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_holds (image, 0, MIB, 5);
  image_close (image);
  peek_footer (bench, "a.vhd", footer);
  g_assert_true (vhd_footer_is_valid (footer));
  g_assert_cmpuint (image_bench_file_size (bench, "a.vhd"), ==, size);

  /* At the head: from the one at the end. */
  image_bench_poke (bench, "a.vhd", 0, zeroes, sizeof zeroes);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_holds (image, 0, MIB, 5);
  image_close (image);
  image_bench_peek (bench, "a.vhd", 0, zeroes, sizeof zeroes);
  g_assert_cmpmem (zeroes, sizeof zeroes, footer, sizeof footer);

  /* Both, by one byte each. */
  image_bench_poke (bench, "a.vhd", 100, "x", 1);
  image_bench_poke (bench, "a.vhd", size - 412, "x", 1);
  image_bench_refuses (bench, "a.vhd", true, "footer's checksum", NULL);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", true), ==, 2);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_holds (image, 0, MIB, 5);
  image_close (image);
}

/* What a guest writes to where the footer ought to be does not become one. */
static void
test_forged_footer (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t forged[VHD_FOOTER_SIZE];
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  vhd_make_footer (forged, VHD_DIFFERENCING, 4 * MIB, 4096);
  image_bench_poke (bench, "a.vhd", image_bench_file_size (bench, "a.vhd") - 512, forged, sizeof forged);
  image = image_bench_open (bench, "a.vhd", false);
  g_assert_cmpuint (image_size (image), ==, 8 * MIB);
  image_close (image);
  peek_footer (bench, "a.vhd", forged);
  g_assert_cmpuint (load_be32 (forged + FOOTER_TYPE), ==, VHD_DYNAMIC);
}

/* --- growth --- */

/* Small blocks make long tables: the first blocks must go out of its way. */
static void
test_table_grows (void)
{
  static const ImageCreateOptions options = { .format = "vhd", .size = MIB, .cluster_size = 4096 };
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autoptr (GError) error = NULL;
  Image *image;

  image_bench_create (bench, "a.vhd", &options);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_fill (image, 0, MIB, 11);
  g_assert_true (image_resize (image, 16 * MIB, &error));
  image_bench_fill (image, 15 * MIB, MIB, 12);
  image_bench_holds (image, 0, MIB, 11);
  image_close (image);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 0);

  image = image_bench_open (bench, "a.vhd", false);
  g_assert_cmpuint (image_size (image), ==, 16 * MIB);
  image_bench_holds (image, 0, MIB, 11);
  image_bench_holds (image, MIB, 14 * MIB, 0);
  image_bench_holds (image, 15 * MIB, MIB, 12);

  /* What a smaller size cut off does not come back. */
  g_assert_true (image_resize (image, MIB / 2 + 512, &error));
  g_assert_true (image_resize (image, 16 * MIB, &error));
  image_bench_holds (image, 0, MIB / 2 + 512, 11);
  image_bench_holds (image, MIB / 2 + 512, 15 * MIB, 0);
  image_close (image);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 0);
}

/* --- differencing disks --- */

static void
make_chain (const ImageBench *bench)
{
  static const ImageCreateOptions child = { .format = "vhd",
                                            .backing_path = "base.vhd",
                                            .backing_format = "vhd" };
  Image *image;

  image_bench_create (bench, "base.vhd", &dynamic_8m);
  image = image_bench_open (bench, "base.vhd", false);
  image_bench_fill (image, 0, 3 * MIB, 21);
  image_close (image);
  image_bench_create (bench, "child.vhd", &child);
}

static void
test_differencing (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autoptr (ImageInfo) info = NULL;
  uint8_t bitmap[512], want[512] = { 0 };
  Image *image;

  make_chain (bench);
  image = image_bench_open (bench, "child.vhd", false);
  g_assert_cmpuint (image_size (image), ==, 8 * MIB);
  info = image_info (image, 0);
  g_assert_cmpstr (info->subformat, ==, "differencing");
  g_assert_cmpstr (info->backing_path, ==, "base.vhd");
  image_bench_holds (image, 0, 3 * MIB, 21);
  image_bench_fill (image, 512 * 9, 512 * 2, 22);
  image_bench_fill (image, 512 * 17 + 1, 1, 22);
  image_bench_holds (image, 0, 512 * 9, 21);
  image_bench_holds (image, 512 * 9, 512 * 2, 22);
  image_bench_holds (image, 512 * 11, 512 * 6 + 1, 21);
  image_bench_holds (image, 512 * 17 + 1, 1, 22);
  image_bench_holds (image, 512 * 17 + 2, MIB, 21);
  image_bench_run (image, IMAGE_WRITE_ZEROES, 2 * MIB, 512);
  image_close (image);

  /* The most significant bit is the first sector's. */
  want[1] = 0x60;
  want[2] = 0x40;
  image_bench_peek (bench, "child.vhd", peek_bat (bench, "child.vhd", 0) * UINT64_C (512), bitmap,
                    sizeof bitmap);
  g_assert_cmpmem (bitmap, sizeof bitmap, want, sizeof want);
  image = image_bench_open (bench, "child.vhd", true);
  image_bench_holds (image, 2 * MIB, 512, 0);
  image_bench_holds (image, 2 * MIB + 512, MIB - 512, 21);
  image_close (image);
  g_assert_cmpuint (image_bench_check (bench, "child.vhd", false), ==, 0);
}

static void
test_wrong_parent (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree char *base = NULL;
  uint8_t footer[VHD_FOOTER_SIZE];

  make_chain (bench);
  poke_header (bench, "child.vhd", HEADER_PARENT_TIME, 12345, 4);
  image_bench_refuses (bench, "child.vhd", false, "base.vhd", "time stamp", "rebase", NULL);
  peek_footer (bench, "base.vhd", footer);
  poke_header (bench, "child.vhd", HEADER_PARENT_TIME, load_be32 (footer + FOOTER_TIME), 4);
  image_close (image_bench_open (bench, "child.vhd", false));
  poke_header (bench, "child.vhd", HEADER_PARENT_TIME, 0, 4);
  vhd_new_uuid (footer + FOOTER_UUID);
  poke_footers (bench, "base.vhd", footer, true);
  image_bench_refuses (bench, "child.vhd", false, "unique id", "base.vhd", "rebase", NULL);

  base = image_bench_path (bench, "base.vhd");
  g_assert_cmpint (g_unlink (base), ==, 0);
  image_bench_refuses (bench, "child.vhd", false, "base.vhd", "does not exist", NULL);
}

/* Replaces the locators by one of @code. */
static void
poke_locator (const ImageBench *bench, uint32_t code, const void *data, size_t size)
{
  uint8_t header[VHD_HEADER_SIZE], *locator = header + HEADER_LOCATORS;
  uint64_t at;

  image_bench_peek (bench, "child.vhd", VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
  at = load_be64 (locator + LOCATOR_OFFSET);
  store_be32 (locator + LOCATOR_CODE, code);
  store_be32 (locator + LOCATOR_LENGTH, size);
  memset (header + HEADER_PARENT_NAME, 0, VHD_PARENT_NAME_SIZE);
  vhd_seal_header (header);
  image_bench_poke (bench, "child.vhd", VHD_FOOTER_SIZE, header, VHD_HEADER_SIZE);
  image_bench_poke (bench, "child.vhd", at, data, size);
}

static void
poke_wide_locator (const ImageBench *bench, uint32_t code, const char *path, bool big_endian)
{
  uint8_t wide[200];
  size_t n = strlen (path);

  for (size_t i = 0; i < n; i++)
    {
      wide[2 * i + !big_endian] = 0;
      wide[2 * i + big_endian] = path[i];
    }
  poke_locator (bench, code, wide, n * 2);
}

static void
test_locators (void)
{
  static const char *const windows_paths[] = { "base.vhd",
                                               ".\\base.vhd",
                                               "..\\elsewhere\\base.vhd",
                                               "C:\\disks\\base.vhd",
                                               "C:base.vhd",
                                               "\\\\server\\share\\base.vhd" };
  static const char *const ansi_paths[] = { "C:\\disks\\base.vhd", ".\\base.vhd" };
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree char *base = NULL, *uri = NULL;

  make_chain (bench);
  for (unsigned i = 0; i < G_N_ELEMENTS (windows_paths); i++)
    {
      poke_wide_locator (bench, 0x57327275, windows_paths[i], false); /* W2ru */
      image_close (image_bench_open (bench, "child.vhd", false));
      poke_wide_locator (bench, 0x57326b75, windows_paths[i], true); /* W2ku */
      image_close (image_bench_open (bench, "child.vhd", false));
    }
  poke_locator (bench, 0x5769326b, ansi_paths[0], strlen (ansi_paths[0])); /* Wi2k */
  image_close (image_bench_open (bench, "child.vhd", false));
  poke_locator (bench, 0x57693272, ansi_paths[1], strlen (ansi_paths[1])); /* Wi2r */
  image_close (image_bench_open (bench, "child.vhd", false));
  base = image_bench_path (bench, "base.vhd");
  uri = g_filename_to_uri (base, NULL, NULL);
  poke_locator (bench, 0x4d616358, uri, strlen (uri)); /* MacX */
  image_close (image_bench_open (bench, "child.vhd", false));
  poke_locator (bench, 0x4d616320, "blob", 4); /* Mac */
  image_bench_refuses (bench, "child.vhd", false, "parent locators", NULL);
}

static void
test_new_parent (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  ImageLayer layer = { .format = &image_vhd };
  const ImageOptions options = { .no_backing = true };
  const StoreOptions store_options = { .lock = true };
  g_autofree char *path = image_bench_path (bench, "child.vhd"),
                  *other = image_bench_path (bench, "other.vhd");
  g_autoptr (GError) error = NULL;
  Image *image;

  make_chain (bench);
  image = image_bench_open (bench, "child.vhd", false);
  image_bench_fill (image, 4096, 4096, 22);
  image_close (image);
  image_bench_create (bench, "other.vhd", &dynamic_8m);
  image = image_bench_open (bench, "other.vhd", false);
  image_bench_fill (image, 0, 3 * MIB, 23);
  image_close (image);

  for (unsigned i = 0; i < 3; i++)
    {
      static const uint8_t below[] = { 23, 21, 0 };
      const char *const paths[] = { other, "base.vhd", NULL };

      layer.store = store_open (NULL, path, &store_options, &error);
      g_assert_true (image_vhd.open (&layer, &options, &error));
      g_assert_true (image_vhd.set_backing (&layer, paths[i], paths[i] != NULL ? "vhd" : NULL, &error));
      image_vhd.close (&layer);
      store_close (layer.store);
      g_clear_pointer (&layer.backing_path, g_free);
      g_clear_pointer (&layer.backing_format, g_free);

      image = image_bench_open (bench, "child.vhd", false);
      image_bench_holds (image, 0, 4096, below[i]);
      image_bench_holds (image, 4096, 4096, 22);
      image_bench_holds (image, 8192, 2 * MIB, below[i]);
      image_close (image);
      g_assert_cmpuint (image_bench_check (bench, "child.vhd", false), ==, 0);
    }
}

/* The locators stand behind the table: it must move. */
static void
test_differencing_grows (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autoptr (GError) error = NULL;
  Image *image;

  make_chain (bench);
  image = image_bench_open (bench, "child.vhd", false);
  image_bench_fill (image, 4096, 4096, 22);
  g_assert_true (image_resize (image, 2 * GIB, &error));
  image_bench_fill (image, 2 * GIB - 4096, 4096, 24);
  image_close (image);
  image = image_bench_open (bench, "child.vhd", false);
  g_assert_cmpuint (image_size (image), ==, 2 * GIB);
  image_bench_holds (image, 0, 4096, 21);
  image_bench_holds (image, 4096, 4096, 22);
  image_bench_holds (image, 7 * MIB, 2 * MIB, 0);
  image_bench_holds (image, 2 * GIB - 4096, 4096, 24);
  image_close (image);
  g_assert_cmpuint (image_bench_check (bench, "child.vhd", false), ==, 0);
}

/* --- damage --- */

static void
test_hostile_fields (void)
{
  static const struct {
    unsigned field, size;
    uint64_t value;
    const char *says;
  } fields[] = {
    { HEADER_BLOCK_SIZE, 4, 0, "block size" },
    { HEADER_BLOCK_SIZE, 4, 3 * MIB, "block size" },
    { HEADER_BLOCK_SIZE, 4, 0x80000000, "block size" },
    { HEADER_TABLE_OFFSET, 8, UINT64_MAX, "table offset" },
    { HEADER_TABLE_OFFSET, 8, 1 << 20, "table offset" },
    { HEADER_TABLE_OFFSET, 8, 0, "table offset" },
    { HEADER_MAX_ENTRIES, 4, UINT32_MAX, "entries" },
    { HEADER_MAX_ENTRIES, 4, 3, "table's 3 entries" },
    { HEADER_VERSION, 4, 0x00020000, "version is 2.0" },
  };
  g_autoptr (ImageBench) bench = image_bench_new ();
  uint8_t footer[VHD_FOOTER_SIZE];

  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *path = image_bench_path (bench, "a.vhd");

      image_bench_create (bench, "a.vhd", &dynamic_8m);
      poke_header (bench, "a.vhd", fields[i].field, fields[i].value, fields[i].size);
      image_bench_refuses (bench, "a.vhd", true, "a.vhd", fields[i].says, NULL);
      g_unlink (path);
    }

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  peek_footer (bench, "a.vhd", footer);
  store_be32 (footer + FOOTER_TYPE, 6);
  poke_footers (bench, "a.vhd", footer, true);
  image_bench_refuses (bench, "a.vhd", true, "disk type is 6", NULL);
  store_be32 (footer + FOOTER_TYPE, VHD_DYNAMIC);
  store_be64 (footer + FOOTER_DATA_OFFSET, UINT64_MAX - 511);
  poke_footers (bench, "a.vhd", footer, true);
  image_bench_refuses (bench, "a.vhd", true, "data offset", NULL);
  store_be64 (footer + FOOTER_DATA_OFFSET, 512);
  store_be64 (footer + FOOTER_CURRENT_SIZE, UINT64_MAX);
  poke_footers (bench, "a.vhd", footer, true);
  image_bench_refuses (bench, "a.vhd", true, "size", NULL);
}

static void
test_damaged_table (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree uint8_t *buffer = g_malloc (MIB);
  uint32_t first;
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_fill (image, 0, 4 * MIB, 31);
  image_close (image);
  first = peek_bat (bench, "a.vhd", 0);

  poke_bat (bench, "a.vhd", 1, first);          /* another's */
  poke_bat (bench, "a.vhd", 2, 0);              /* the header */
  poke_bat (bench, "a.vhd", 3, VHD_UNUSED - 1); /* far away */
  image_bench_refuses (bench, "a.vhd", false, "entry 2, sector 0", "repair", NULL);
  image = image_bench_open (bench, "a.vhd", true);
  image_bench_holds (image, 0, 2 * MIB, 31);
  g_assert_cmpint (image_run (image, IMAGE_READ, 4 * MIB, buffer, 512), ==, -EIO);
  g_assert_cmpint (image_run (image, IMAGE_READ, 6 * MIB, buffer, 512), ==, -EIO);
  image_close (image);

  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), >=, 3);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", true), >=, 3);
  g_assert_cmpuint (image_bench_check (bench, "a.vhd", false), ==, 0);
  image = image_bench_open (bench, "a.vhd", false);
  image_bench_holds (image, 0, 2 * MIB, 31);
  image_bench_fill (image, 2 * MIB, 2 * MIB, 32);
  image_bench_holds (image, 0, 2 * MIB, 31);
  image_bench_holds (image, 4 * MIB, 4 * MIB, 0);
  image_close (image);
}

static void
test_details (void)
{
  g_autoptr (ImageBench) bench = image_bench_new ();
  g_autofree char *creator = NULL, *geometry = NULL, *size = NULL;
  uint8_t footer[VHD_FOOTER_SIZE];
  Image *image;

  image_bench_create (bench, "a.vhd", &dynamic_8m);
  peek_footer (bench, "a.vhd", footer);
  memcpy (footer + FOOTER_CREATOR_APP, "vpc ", 4);
  store_be32 (footer + FOOTER_CREATOR_VERSION, 0x00050003);
  poke_footers (bench, "a.vhd", footer, true);
  image = image_bench_open (bench, "a.vhd", true);
  g_assert_cmpuint (image_size (image), ==, 240 * 4 * 17 * 512);
  creator = image_bench_detail (image, "creator");
  geometry = image_bench_detail (image, "geometry");
  size = image_bench_detail (image, "size");
  g_assert_cmpstr (creator, ==, "vpc 5.3 on Windows");
  g_assert_cmpstr (geometry, ==, "240 cylinders, 4 heads, 17 sectors");
  g_assert_nonnull (strstr (size, "8388608"));
  image_close (image);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vhd/geometry", test_geometry);
  g_test_add_func ("/vhd/creators", test_creators);
  g_test_add_func ("/vhd/new-dynamic", test_new_dynamic);
  g_test_add_func ("/vhd/blocks", test_blocks);
  g_test_add_func ("/vhd/room-is-reused", test_room_is_reused);
  g_test_add_func ("/vhd/fixed", test_fixed);
  g_test_add_func ("/vhd/lost-footer", test_lost_footer);
  g_test_add_func ("/vhd/forged-footer", test_forged_footer);
  g_test_add_func ("/vhd/table-grows", test_table_grows);
  g_test_add_func ("/vhd/differencing", test_differencing);
  g_test_add_func ("/vhd/wrong-parent", test_wrong_parent);
  g_test_add_func ("/vhd/locators", test_locators);
  g_test_add_func ("/vhd/new-parent", test_new_parent);
  g_test_add_func ("/vhd/differencing-grows", test_differencing_grows);
  g_test_add_func ("/vhd/hostile-fields", test_hostile_fields);
  g_test_add_func ("/vhd/damaged-table", test_damaged_table);
  g_test_add_func ("/vhd/details", test_details);
  return g_test_run ();
}
