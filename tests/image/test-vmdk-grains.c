/* SPDX-License-Identifier: GPL-3.0-or-later */
/* VMDK's sparse files: headers, grain tables and their damage, zeroed grains, streams. */
#include "devices/image/jobs/jobs.h"

#include "tests/image/vmdk-fixture.h"
#include "vmm/base/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- headers --- */

static void
test_bad_header (VmdkFixture *f, gconstpointer data)
{
  static const struct {
    unsigned offset;
    uint32_t value;
    const char *field;
  } cases[] = {
    { 4, 9, "version" },
    { 12, 0, "capacity" },
    { 16, 0x7fffffff, "capacity" },
    { 20, 0, "grainSize" },
    { 20, 3, "grainSize" },
    { 20, 1u << 20, "grainSize" },
    { 24, 1, "grainSize" },
    { 28, 0x7fffffff, "descriptorOffset" },
    { 36, 0, "descriptorSize" },
    { 36, 0x7fffffff, "descriptorSize" },
    { 44, 0, "numGTEsPerGT" },
    { 44, 0x80000000, "numGTEsPerGT" },
    { 28, 0, "one part" },
    { 73, 0x20200d0a, "singleEndLineChar" },
    { 77, 7, "compressAlgorithm" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      unlink (f->path);
      vmdk_fixture_create (f, NULL, 4 * MIB);
      vmdk_fixture_edit32 (f->path, cases[i].offset, cases[i].value);
      vmdk_fixture_refuses (f, f->path, true, (const char *[]){ cases[i].field, f->path, NULL });
    }
  g_assert_true (g_file_set_contents (f->path, "COWD and more", -1, NULL));
  vmdk_fixture_refuses (f, f->path, true, (const char *[]){ "COWD", "OVF", NULL });
}

/* --- damage --- */

static void
make_full (VmdkFixture *f)
{
  Image *image;

  vmdk_fixture_create (f, NULL, 100 * MIB);
  image = vmdk_fixture_open (f, f->path, false);
  for (unsigned i = 0; i < 4; i++)
    vmdk_fixture_put (f, image, i * 30 * MIB);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
}

static void
assert_whole (VmdkFixture *f)
{
  Image *image = vmdk_fixture_open (f, f->path, true);

  for (unsigned i = 0; i < 4; i++)
    vmdk_fixture_has (f, image, i * 30 * MIB);
  image_close (image);
}

static void
assert_repaired (VmdkFixture *f, uint64_t at_least)
{
  uint64_t found = vmdk_fixture_check (f, true, NULL);

  g_assert_cmpuint (found, >=, at_least);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
  vmdk_fixture_peer ("check", "-f", "vmdk", f->path, NULL);
}

/* Each of directory, header entry, table and entry may be lost: there are two of them. */
static void
test_redundant (VmdkFixture *f, gconstpointer data)
{
  uint32_t gd, table;

  make_full (f);
  gd = vmdk_fixture_peek32 (f->path, 56) * 512;
  table = vmdk_fixture_peek32 (f->path, gd + 4) * 512;
  vmdk_fixture_edit32 (f->path, gd + 4, 0x12345678); /* a table is lost */
  assert_whole (f);
  assert_repaired (f, 1);
  assert_whole (f);

  table = vmdk_fixture_peek32 (f->path, gd) * 512;
  vmdk_fixture_edit32 (f->path, table, 0xfffffff0); /* an entry leads nowhere */
  assert_repaired (f, 1);
  assert_whole (f);
  vmdk_fixture_edit32 (f->path, table, 0); /* an entry is lost */
  assert_repaired (f, 1);
  assert_whole (f);

  vmdk_fixture_edit32 (f->path, 56, 0x00ffffff); /* the directory is lost */
  assert_whole (f);
  vmdk_fixture_refuses (f, f->path, false, (const char *[]){ "gdOffset", "check --repair", NULL });
  assert_repaired (f, 1);
  assert_whole (f);
}

static void
test_overlap (VmdkFixture *f, gconstpointer data)
{
  uint32_t tables[2], grain;
  uint64_t directories[2];

  make_full (f);
  directories[0] = vmdk_fixture_peek32 (f->path, 48) * UINT64_C (512);
  directories[1] = vmdk_fixture_peek32 (f->path, 56) * UINT64_C (512);
  for (unsigned i = 0; i < 2; i++)
    {
      tables[i] = vmdk_fixture_peek32 (f->path, directories[i]) * 512;
      grain = vmdk_fixture_peek32 (f->path, tables[i]);
      vmdk_fixture_edit32 (f->path, tables[i] + 40, grain); /* two of the disk's in one of the file's */
      vmdk_fixture_edit32 (f->path, tables[i] + 44, tables[0] / 512); /* data in a table */
    }
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 2);
  assert_repaired (f, 2);
  assert_whole (f);
}

/* The last grain lies where no grain of the file does, and its end is missing: what is new, tables of a
 * repair too, stays away from it. */
static void
test_cut_grain (VmdkFixture *f, gconstpointer data)
{
  uint64_t directories[2];
  uint32_t last = 0;
  uint8_t byte = 1;
  Image *image;

  make_full (f);
  directories[0] = vmdk_fixture_peek32 (f->path, 48) * UINT64_C (512);
  directories[1] = vmdk_fixture_peek32 (f->path, 56) * UINT64_C (512);
  for (unsigned i = 0; i < 2; i++)
    {
      uint32_t table = vmdk_fixture_peek32 (f->path, directories[i] + 8) * 512, at = table + 4 * 419;

      last = vmdk_fixture_peek32 (f->path, at); /* 90 MiB of the disk, in the third table */
      g_assert_cmpuint (last, !=, 0);
      vmdk_fixture_edit32 (f->path, at, last + 8);
    }
  vmdk_fixture_edit32 (f->path, directories[1], 0); /* a table that is to be made anew */
  g_assert_cmpint (truncate (f->path, (last + 128) * UINT64_C (512)), ==, 0);

  image = vmdk_fixture_open (f, f->path, false);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 90 * MIB + 3 * GRAIN, &byte, 1), ==, -EIO);
  vmdk_fixture_put (f, image, 50 * MIB);
  vmdk_fixture_has (f, image, 50 * MIB);
  image_close (image);
  assert_repaired (f, 2);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_has (f, image, 0);
  vmdk_fixture_has (f, image, 50 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 90 * MIB + 3 * GRAIN, &byte, 1), ==, 0);
  image_close (image);
  assert_repaired (f, 0);
}

static void
test_leak (VmdkFixture *f, gconstpointer data)
{
  struct stat st;
  g_autofree uint8_t *junk = g_malloc0 (GRAIN * 3);

  make_full (f);
  memset (junk, 7, GRAIN * 3);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  vmdk_fixture_edit (f->path, st.st_size, junk, GRAIN * 3);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), >=, 2);
  assert_repaired (f, 2);
  assert_whole (f);
}

/* A file that was not closed is checked, and repaired, when it is opened for writing. */
static void
test_unclean (VmdkFixture *f, gconstpointer data)
{
  uint8_t one = 1;
  uint32_t table;
  Image *image;

  make_full (f);
  g_assert_cmpuint (vmdk_fixture_peek32 (f->path, 72) & 0xff, ==, 0);
  vmdk_fixture_edit (f->path, 72, &one, 1);
  table = vmdk_fixture_peek32 (f->path, vmdk_fixture_peek32 (f->path, 56) * 512) * 512;
  vmdk_fixture_edit32 (f->path, table, 0xfffffff0);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_has (f, image, 0);
  vmdk_fixture_put (f, image, 10 * MIB);
  g_assert_cmpint (image_run (image, IMAGE_FLUSH, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (vmdk_fixture_peek32 (f->path, 72) & 0xff, ==, 1);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_peek32 (f->path, 72) & 0xff, ==, 0);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
}

/* Zeroed grains: a version 2 disk of the peer's. */
static void
test_zeroed_grains (VmdkFixture *f, gconstpointer data)
{
  const ImageCreateOptions options = { .format = "vmdk", .size = 4 * MIB };
  g_autofree char *child = vmdk_fixture_path (f, "child.vmdk");
  GError *error = NULL;
  Image *image;

  g_assert_true (image_create (child, &options, &error));
  image = vmdk_fixture_open (f, child, false);
  vmdk_fixture_put (f, image, 0);
  image_close (image);
  vmdk_fixture_peer ("create", "-q", "-f", "vmdk", "-o", "zeroed_grain=on", "-F", "vmdk", "-b", child,
                     f->path, NULL);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_has (f, image, 0);
  g_assert_cmpint (image_run (image, IMAGE_WRITE_ZEROES, 0, NULL, 4 * GRAIN), ==, 0);
  vmdk_fixture_is_zero (f, image, 0);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_peek32 (
                      f->path, vmdk_fixture_peek32 (f->path, vmdk_fixture_peek32 (f->path, 56) * 512) * 512),
                    ==, 1);
  image = vmdk_fixture_open (f, f->path, false);
  vmdk_fixture_is_zero (f, image, 0);
  vmdk_fixture_put (f, image, 0);
  vmdk_fixture_has (f, image, 0);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
}

/* --- streams --- */

static void
make_stream (VmdkFixture *f)
{
  const ImageConvert how = { .create = { .format = "vmdk", .subformat = "streamOptimized" }, .verify = true };
  g_autofree char *raw = vmdk_fixture_path (f, "disk.raw");
  const ImageSource source = { .path = raw, .format = "raw" };
  GError *error = NULL;
  Image *image;

  g_assert_true (image_create_raw (raw, 200 * MIB + 512, &error));
  image = image_open (f->loop, raw, &(ImageOptions){ .format = "raw" }, &error);
  g_assert_no_error (error);
  vmdk_fixture_put (f, image, 100);
  vmdk_fixture_put (f, image, 70 * MIB);
  vmdk_fixture_put (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
  g_assert_true (image_convert (&source, f->path, &how, NULL, NULL, &error));
  g_assert_no_error (error);
}

/* As a reader sees it that can't seek. Returns the number of grains. */
static unsigned
walk_stream (const uint8_t *file, size_t size)
{
  uint64_t at = 128 * 512, next = 0;
  unsigned grains = 0, tables = 0;

  g_assert_cmpuint (load_le64 (file + 56), ==, UINT64_MAX);
  for (;;)
    {
      const uint8_t *marker = file + at;
      uint64_t value = load_le64 (marker);
      uint32_t code = load_le32 (marker + 8);

      g_assert_cmpuint (at + 512, <=, size);
      if (code != 0)
        {
          g_assert_cmpuint (value, >=, next);
          next = value + 128;
          grains++;
          at += (12 + code + 511) / 512 * 512;
          continue;
        }
      switch (load_le32 (marker + 12))
        {
        case 0: /* the end */
          g_assert_cmpuint (value, ==, 0);
          g_assert_cmpuint (at + 512, ==, size);
          g_assert_cmpuint (tables, ==, 3);
          return grains;
        case 1:
          g_assert_cmpuint (value, ==, 4);
          tables++;
          break;
        case 2:
          g_assert_cmpuint (value, ==, 1);
          break;
        case 3:
          g_assert_cmpuint (value, ==, 1);
          g_assert_cmpmem (marker + 512, 56, file, 56);
          g_assert_cmpuint (at + 3 * 512, ==, size);
          break;
        default:
          g_assert_not_reached ();
        }
      at += 512 + value * 512;
    }
}

static void
test_stream (VmdkFixture *f, gconstpointer data)
{
  g_autofree char *file = NULL, *copy = vmdk_fixture_path (f, "copy.raw"),
                  *back = vmdk_fixture_path (f, "back.vmdk");
  g_autofree char *raw = vmdk_fixture_path (f, "disk.raw");
  size_t size;
  Image *image;

  make_stream (f);
  g_assert_true (g_file_get_contents (f->path, &file, &size, NULL));
  g_assert_cmpuint (walk_stream ((uint8_t *)file, size), ==, 4 + 4 + 5);
  image = vmdk_fixture_open (f, f->path, true);
  vmdk_fixture_has (f, image, 100);
  vmdk_fixture_has (f, image, 70 * MIB);
  vmdk_fixture_is_zero (f, image, 150 * MIB);
  vmdk_fixture_has (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
  g_assert_cmpuint (vmdk_fixture_check (f, false, NULL), ==, 0);
  vmdk_fixture_peer ("check", "-f", "vmdk", f->path, NULL);
  vmdk_fixture_peer ("compare", "-f", "vmdk", "-F", "raw", f->path, raw, NULL);
  vmdk_fixture_refuses (f, f->path, false, (const char *[]){ "streamOptimized", "read-only", NULL });

  vmdk_fixture_peer ("convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized", raw, back,
                     NULL);
  image = vmdk_fixture_open (f, back, true);
  vmdk_fixture_has (f, image, 70 * MIB);
  vmdk_fixture_has (f, image, 200 * MIB + 512 - PATTERN);
  image_close (image);
}

static void
test_cut_stream (VmdkFixture *f, gconstpointer data)
{
  struct stat st;
  Image *image;

  make_stream (f);
  vmdk_fixture_edit32 (f->path, 128 * 512 + 8, 0x7fffffff); /* a code of 2 GiB */
  image = vmdk_fixture_open (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, 512), <, 0);
  vmdk_fixture_has (f, image, 70 * MIB);
  image_close (image);
  vmdk_fixture_edit32 (f->path, 128 * 512 + 8, 40); /* one that ends early */
  image = vmdk_fixture_open (f, f->path, true);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, f->seen, 512), <, 0);
  image_close (image);
  g_assert_cmpint (stat (f->path, &st), ==, 0);
  g_assert_cmpint (truncate (f->path, st.st_size - 512), ==, 0);
  vmdk_fixture_refuses (f, f->path, true, (const char *[]){ "no footer", "cut off", NULL });
}

#define ADD(name, data, test)                                                                                \
  g_test_add ("/vmdk/" name, VmdkFixture, data, vmdk_fixture_setup, test, vmdk_fixture_teardown)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("bad-header", NULL, test_bad_header);
  ADD ("redundant", NULL, test_redundant);
  ADD ("overlap", NULL, test_overlap);
  ADD ("cut-grain", NULL, test_cut_grain);
  ADD ("leak", NULL, test_leak);
  ADD ("unclean", NULL, test_unclean);
  ADD ("zeroed-grains", NULL, test_zeroed_grains);
  ADD ("stream", NULL, test_stream);
  ADD ("stream/damaged", NULL, test_cut_stream);
  return g_test_run ();
}
