/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index of a saved memory, and the file of a saved state: read, and refused. */
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/memory/memory-image.h"
#include "vmm/state/state-file.h"

#include <glib/gstdio.h>
#include <string.h>

#define MIB (UINT64_C (1) << 20)

/* What the golden file of version 1 has. */
static MemoryImage *
example (void)
{
  static const MemoryImageId own = { "own memory file" };
  static const MemoryImageId other = { "the parent file" };
  static const MemoryPageHash hashes[] = { { "hash of page 0" }, { "hash of page 1" }, { "hash of page 9" } };
  MemoryImage *image = memory_image_new (NULL);

  g_array_index (image->sources, MemoryImageSource, 0).id = own;
  g_array_index (image->sources, MemoryImageSource, 0).size = 5 * MIB;
  memory_image_add_source (image, "../f00d/memory", &other, 3 * MIB);
  memory_image_add_bank (image, "ram-low", 4 * MIB, 0);
  memory_image_add_bank (image, "vram", MIB, 4 * MIB);
  memory_image_add_extent (image, &(MemoryImageExtent){ 0, 0, 0, 1, 0 });
  memory_image_add_extent (image, &(MemoryImageExtent){ 0, 0, 1, 1, 1 });
  memory_image_add_extent (image, &(MemoryImageExtent){ 0, 1, 2, 7, 40 });
  memory_image_add_extent (image, &(MemoryImageExtent){ 1, 0, 9, 1, 1033 });
  image->hashes = g_array_new (FALSE, FALSE, sizeof (MemoryPageHash));
  g_array_append_vals (image->hashes, hashes, G_N_ELEMENTS (hashes));
  return image;
}

static GByteArray *
example_bytes (void)
{
  g_autoptr (MemoryImage) image = example ();

  return memory_image_format (image);
}

static MemoryImage *
parse (const uint8_t *data, size_t size, GError **error)
{
  return memory_image_parse (data, size, true, "some.index", NULL, error);
}

static void
check_example (const MemoryImage *image)
{
  g_autoptr (GByteArray) expected = example_bytes ();
  g_autoptr (GByteArray) bytes = memory_image_format (image);

  g_assert_cmpmem (bytes->data, bytes->len, expected->data, expected->len);
  g_assert_cmpuint (image->extents->len, ==, 3); /* neighbours are one */
  g_assert_cmpuint (memory_image_bytes_from (image, 0), ==, 3 * MEMORY_IMAGE_PAGE);
  g_assert_cmpuint (memory_image_bytes_from (image, 1), ==, 7 * MEMORY_IMAGE_PAGE);
}

static void
test_round_trip (void)
{
  g_autoptr (GByteArray) bytes = example_bytes ();
  g_autoptr (GError) error = NULL;
  g_autoptr (MemoryImage) image = parse (bytes->data, bytes->len, &error);
  g_autoptr (MemoryImage) without = NULL;

  g_assert_no_error (error);
  check_example (image);
  without = memory_image_parse (bytes->data, bytes->len, false, "some.index", NULL, &error);
  g_assert_no_error (error);
  g_assert_null (without->hashes);
}

static void
check_refused (const uint8_t *data, size_t size, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (MemoryImage) image = parse (data, size, &error);

  g_assert_null (image);
  g_assert_error (error, VMM_ERROR, code);
  g_assert_nonnull (strstr (error->message, "some.index"));
}

/* No byte of it can be lost or changed. */
static void
test_damaged (void)
{
  g_autoptr (GByteArray) bytes = example_bytes ();

  for (unsigned size = 0; size < bytes->len; size++)
    check_refused (bytes->data, size, VMM_ERROR_STATE);
  for (unsigned i = 0; i < bytes->len; i++)
    {
      bytes->data[i] ^= 0x40;
      check_refused (bytes->data, bytes->len, i >= 8 && i < 12 ? VMM_ERROR_UNSUPPORTED : VMM_ERROR_STATE);
      bytes->data[i] ^= 0x40;
    }
  g_byte_array_append (bytes, (const uint8_t *)"", 1);
  check_refused (bytes->data, bytes->len, VMM_ERROR_STATE);
}

static void
test_newer_version (void)
{
  g_autoptr (GByteArray) bytes = example_bytes ();
  g_autoptr (GError) error = NULL;

  store_le32 (bytes->data + 8, 2);
  g_assert_null (parse (bytes->data, bytes->len, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "newer version"));
}

/* --- what says that it is sound, but isn't --- */

static MemoryImageExtent *
extent (MemoryImage *image, unsigned i)
{
  return &g_array_index (image->extents, MemoryImageExtent, i);
}

static void
lie_of_files (MemoryImage *image, unsigned which)
{
  MemoryImageBank *banks = (MemoryImageBank *)(void *)image->banks->data;
  MemoryImageSource *sources = (MemoryImageSource *)(void *)image->sources->data;

  switch (which)
    {
    case 12:
      banks[0].size = 0;
      break;
    case 13:
      banks[0].size = 4 * MIB + 1;
      break;
    case 14:
      banks[0].size = UINT64_MAX & ~UINT64_C (4095);
      break;
    case 15:
      banks[1].place = 5;
      break;
    case 16:
      g_free (banks[1].name);
      banks[1].name = g_strdup ("ram-low");
      break;
    case 17:
      banks[1].name[0] = '\0';
      break;
    case 18:
      sources[1].path[0] = '\0';
      break;
    case 19:
      sources[1].size = UINT64_MAX & ~UINT64_C (4095);
      break;
    case 20:
      sources[1].size = 40 * UINT64_C (4096);
      break;
    case 21:
      g_array_set_size (image->hashes, 2);
      break;
    case 22:
      g_array_set_size (image->sources, 1);
      break;
    default:
      g_assert_not_reached ();
    }
}

static void
lie (MemoryImage *image, unsigned which)
{
  switch (which)
    {
    case 0:
      extent (image, 0)->bank = 2;
      break;
    case 1:
      extent (image, 1)->source = 2;
      break;
    case 2:
      extent (image, 1)->source = UINT32_MAX;
      break;
    case 3:
      extent (image, 2)->first_page = 256;
      break;
    case 4:
      extent (image, 2)->n_pages = 248;
      break;
    case 5:
      extent (image, 2)->n_pages = UINT64_MAX;
      break;
    case 6:
      extent (image, 1)->n_pages = 0;
      break;
    case 7:
      extent (image, 1)->first_page = 1;
      break;
    case 8:
      extent (image, 1)->file_page = 3 * 256 - 6;
      break;
    case 9:
      extent (image, 1)->file_page = UINT64_MAX;
      break;
    case 10:
      extent (image, 2)->bank = 0;
      extent (image, 2)->first_page = 0;
      break;
    case 11:
      extent (image, 0)->bank = 1;
      break;
    default:
      lie_of_files (image, which);
    }
}

static void
test_lies (void)
{
  for (unsigned which = 0; which <= 22; which++)
    {
      g_autoptr (MemoryImage) image = example ();
      g_autoptr (GByteArray) bytes = NULL;

      lie (image, which);
      bytes = memory_image_format (image);
      check_refused (bytes->data, bytes->len, VMM_ERROR_STATE);
    }
}

/* A head that asks for more than there is must not get it. */
static void
test_greedy_head (void)
{
  g_autoptr (GByteArray) bytes = example_bytes ();

  for (unsigned at = 12; at < 40; at += 4)
    {
      uint32_t before = load_le32 (bytes->data + at);

      for (unsigned bit = 0; bit < 32; bit++)
        {
          store_le32 (bytes->data + at, before ^ (1u << bit));
          check_refused (bytes->data, bytes->len, VMM_ERROR_STATE);
        }
      store_le32 (bytes->data + at, before);
    }
}

/* --- files of each version --- */

static char *
golden (const char *name)
{
  return g_test_build_filename (G_TEST_DIST, "vmm", "golden", name, NULL);
}

static void
test_golden_index (void)
{
  g_autofree char *path = golden ("memory-1.index");
  g_autoptr (GError) error = NULL;
  g_autoptr (MemoryImage) image = memory_image_read (path, true, &error);
  g_autofree char *source = NULL;
  g_autofree char *expected = golden ("../f00d/memory");
  g_autofree char *canonical = g_canonicalize_filename (expected, NULL);

  g_assert_no_error (error);
  check_example (image);
  source = memory_image_source_path (image, 1);
  g_assert_cmpstr (source, ==, canonical);
}

static void
test_golden_state (void)
{
  g_autofree char *path = golden ("state-1");
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = state_file_read (path, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (state, NULL), g_bytes_get_size (state), "what a machine remembers", 24);
}

/* --- the state's file --- */

static void
check_state_refused (const char *path, const char *data, size_t size, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) state = NULL;

  g_assert_true (
    g_file_set_contents_full (path, data, (gssize)size, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  state = state_file_read (path, &error);
  if (state)
    g_error ("%u bytes were taken for a state", (unsigned)size);
  g_assert_error (error, VMM_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_state_file (void)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-state-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "state", NULL);
  g_autoptr (GBytes) state = g_bytes_new_static ("what a machine remembers", 24);
  g_autoptr (GBytes) again = NULL;
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;

  g_assert_true (state_file_write (path, state, &error));
  again = state_file_read (path, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (again, state));
  g_assert_false (state_file_write (path, state, NULL)); /* never over another */

  g_assert_true (g_file_get_contents (path, &data, &size, NULL));
  for (unsigned cut = 0; cut < size; cut++)
    check_state_refused (path, data, cut, VMM_ERROR_STATE);
  for (unsigned i = 0; i < size; i++)
    {
      data[i] ^= 0x10;
      check_state_refused (path, data, size, i >= 8 && i < 12 ? VMM_ERROR_UNSUPPORTED : VMM_ERROR_STATE);
      data[i] ^= 0x10;
    }
  g_unlink (path);
  g_assert_false (state_file_check (path, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_FAILED);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory-image/round-trip", test_round_trip);
  g_test_add_func ("/memory-image/damaged", test_damaged);
  g_test_add_func ("/memory-image/newer-version", test_newer_version);
  g_test_add_func ("/memory-image/lies", test_lies);
  g_test_add_func ("/memory-image/greedy-head", test_greedy_head);
  g_test_add_func ("/memory-image/golden-index", test_golden_index);
  g_test_add_func ("/memory-image/golden-state", test_golden_state);
  g_test_add_func ("/memory-image/state-file", test_state_file);
  return g_test_run ();
}
