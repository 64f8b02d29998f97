/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Images that nobody should have made: every field of every header at its extremes, files cut off anywhere,
 * chains that lead in circles, to devices, to nothing. Each is opened, or refused by an error that names the
 * field or the thing; nothing crashes, hangs, or asks for more than a bounded amount of memory.
 */
#include "devices/image/layer.h"
#include "tests/image/checksums.h"
#include "tests/image/exercise.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB         UINT64_C (1048576)
#define MOST_MEMORY (UINT64_C (1) << 30)
#define MEDIUM_MOST (256 * MIB)
#define LONGEST     60 /* seconds that a test may take */

static EventLoop *loop;

/* --- fields --- */

typedef struct {
  const char *name;
  unsigned offset, width; /* bytes */
  const char *words;      /* a regular expression: what an error that this field causes speaks of */
} Field;

typedef struct {
  const char *format, *subformat;
  bool big_endian;
  const Field *fields;
  unsigned n_fields;
} Header;

/* docs/interop/qcow2.txt, "Header". */
static const Field qcow2_fields[] = {
  { "version", 4, 4, "version" },
  { "backing_file_offset", 8, 8, "backing" },
  { "backing_file_size", 16, 4, "backing" },
  { "cluster_bits", 20, 4, "cluster" },
  { "size", 24, 8, "size|bytes|L1" },
  { "crypt_method", 32, 4, "crypt" },
  { "l1_size", 36, 4, "L1|l1_size" },
  { "l1_table_offset", 40, 8, "L1|l1_table" },
  { "refcount_table_offset", 48, 8, "refcount" },
  { "refcount_table_clusters", 56, 4, "refcount" },
  { "nb_snapshots", 60, 4, "snapshot" },
  { "snapshots_offset", 64, 8, "snapshot" },
  { "incompatible_features", 72, 8, "feature|corrupt|data file|compress|extended|refcount|cluster|dirty" },
  { "compatible_features", 80, 8, "feature" },
  { "autoclear_features", 88, 8, "feature" },
  { "refcount_order", 96, 4, "refcount" },
  { "header_length", 100, 4, "header" },
  { "compression_type", 104, 1, "compress" },
};

/* Virtual Hard Disk Image Format Specification: footer at 0, dynamic header at 512. */
static const Field vhd_fields[] = {
  { "features", 8, 4, "feature" },
  { "file format version", 12, 4, "version" },
  { "data offset", 16, 8, "header|offset" },
  { "current size", 48, 8, "size|bytes|table|block" },
  { "geometry", 56, 4, "geometry" },
  { "disk type", 60, 4, "type|data offset" },
  { "table offset", 512 + 16, 8, "table" },
  { "header version", 512 + 24, 4, "version" },
  { "max table entries", 512 + 28, 4, "table|entries|size" },
  { "block size", 512 + 32, 4, "block|entries" },
};

/* VirtualBox, VDICore.h: VDIHEADER1PLUS. */
static const Field vdi_fields[] = {
  { "version", 68, 4, "version" },
  { "cbHeader", 72, 4, "header" },
  { "type", 76, 4, "type|kind|differencing" },
  { "offBlocks", 340, 4, "map|offset" },
  { "offData", 344, 4, "data|offset|map" },
  { "cbSector", 360, 4, "sector" },
  { "cbDisk", 368, 8, "size|bytes|block" },
  { "cbBlock", 376, 4, "block" },
  { "cbBlockExtra", 380, 4, "extra|block" },
  { "cBlocks", 384, 4, "block|map" },
  { "cBlocksAllocated", 388, 4, "block" },
};

/* Virtual Disk Format 5.0, "Hosted Sparse Extents". */
static const Field vmdk_fields[] = {
  { "version", 4, 4, "version" },
  { "flags", 8, 4, "flag|compress|marker|footer|descriptor|end|header|newline" },
  { "capacity", 12, 8, "capacity|size|sectors" },
  { "grainSize", 20, 8, "grain" },
  { "descriptorOffset", 28, 8, "descriptor|one part" },
  { "descriptorSize", 36, 8, "descriptor" },
  { "numGTEsPerGT", 44, 4, "numGTEsPerGT|grain table" },
  { "rgdOffset", 48, 8, "directory|rgdOffset|gdOffset" },
  { "gdOffset", 56, 8, "directory|gdOffset|footer" },
  { "overHead", 64, 8, "overHead|metadata" },
  { "newline detection", 73, 4, "newline|line|copied|text" },
  { "compressAlgorithm", 77, 2, "compress" },
};

static const Header headers[] = {
  { "qcow2", NULL, true, qcow2_fields, G_N_ELEMENTS (qcow2_fields) },
  { "vhd", "dynamic", true, vhd_fields, G_N_ELEMENTS (vhd_fields) },
  { "vhd", "fixed", true, vhd_fields, 6 },
  { "vdi", NULL, false, vdi_fields, G_N_ELEMENTS (vdi_fields) },
  { "vmdk", "monolithicSparse", false, vmdk_fields, G_N_ELEMENTS (vmdk_fields) },
};

static char *
folder_new (void)
{
  GError *error = NULL;
  char *path = g_dir_make_tmp ("bonsai-malformed-XXXXXX", &error);

  g_assert_no_error (error);
  return path;
}

static void
folder_free (char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      if (g_unlink (child) < 0)
        g_rmdir (child);
    }
  g_dir_close (dir);
  g_rmdir (path);
  g_free (path);
}

/* A sound image with a little content. */
static Medium *
sound_new (const Header *header)
{
  char *folder = folder_new ();
  g_autofree char *path = g_build_filename (folder, "disk.img", NULL);
  ImageCreateOptions create = { .format = header->format, .subformat = header->subformat, .size = 4 * MIB };
  ImageOptions options = { .format = header->format };
  GError *error = NULL;
  Image *image;
  Medium *medium;

  image_create (path, &create, &error);
  g_assert_no_error (error);
  image = image_open (loop, path, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (image_run (image, IMAGE_WRITE, 65536, path, strlen (path)), ==, 0);
  image_close (image);
  medium = medium_new_from_file (path, MEDIUM_MOST);
  folder_free (folder);
  return medium;
}

static void
patch (Medium *medium, const Header *header, const Field *field, uint64_t value)
{
  uint8_t data[8];
  uint64_t offset = field->offset;

  if (g_strcmp0 (header->subformat, "fixed") == 0)
    offset += medium_size (medium) - 512; /* a fixed VHD has but one footer */
  for (unsigned i = 0; i < field->width; i++)
    data[header->big_endian ? field->width - 1 - i : i] = (uint8_t)(value >> (8 * i));
  medium_write (medium, offset, data, field->width);
}

/* An error there may be; then it speaks of the field. */
static void
assert_names_field (const Medium *sound, const Header *header, const Field *field, uint64_t value)
{
  g_autoptr (Medium) medium = medium_copy (sound);
  ImageOptions options = { .format = header->format, .no_backing = true };
  g_autofree char *pattern = g_strdup_printf ("(%s)", field->words);
  g_autoptr (GError) error = NULL;
  Image *image;

  patch (medium, header, field, value);
  checksums_mend (medium, header->format);
  exercise_image (loop, medium, header->format);
  image = image_open_store (loop, memory_store_new (loop, medium, "malformed.img", false), &options, &error);
  if (image == NULL && !g_regex_match_simple (pattern, error->message, G_REGEX_CASELESS, 0))
    {
      g_test_message ("%s %s = 0x%" G_GINT64_MODIFIER "x: “%s” does not speak of (%s)", header->format,
                      field->name, value, error->message, field->words);
      g_test_fail ();
    }
  image_close (image);
}

static void
test_fields (const void *data)
{
  const Header *header = data;
  g_autoptr (Medium) sound = sound_new (header);

  for (unsigned i = 0; i < header->n_fields; i++)
    {
      const Field *field = &header->fields[i];
      uint64_t top = UINT64_C (1) << (8 * field->width - 1), all = top | (top - 1);
      const uint64_t values[] = { 0,     1,     2,         3,       255, 511,     512,       513,     65535,
                                  65536, 65537, top - 512, top - 1, top, top + 1, all - 511, all - 1, all };

      for (unsigned v = 0; v < G_N_ELEMENTS (values); v++)
        {
          alarm (LONGEST);
          assert_names_field (sound, header, field, values[v] & all);
        }
    }
}

/* Files that end too early: within the metadata at each sector, and around its last. */
static void
test_cut_off (const void *data)
{
  const Header *header = data;
  g_autoptr (Medium) sound = sound_new (header);
  uint64_t size = medium_size (sound);

  for (uint64_t at = 0; at < size; at += at < 128 * 1024 ? 512 : 65536)
    {
      g_autoptr (Medium) medium = medium_copy (sound);

      alarm (LONGEST);
      medium_resize (medium, at);
      exercise_image (loop, medium, header->format);
      medium_resize (medium, at + 100); /* and in the middle of one */
      exercise_image (loop, medium, header->format);
    }
}

/* What can't be: each must be refused. */
static const struct {
  unsigned header;
  const char *field;
  uint64_t value;
} refused[] = {
  { 0, "version", 4 },
  { 0, "cluster_bits", 8 },
  { 0, "cluster_bits", 22 },
  { 0, "size", UINT64_C (0xfffffffffffffe00) }, /* 16 EiB */
  { 0, "size", UINT64_C (0x7ffffffffffffe00) },
  { 0, "crypt_method", 3 },
  { 0, "l1_size", 0xffffffff },
  { 0, "l1_table_offset", 513 },
  { 0, "refcount_table_offset", 513 },
  { 0, "refcount_table_clusters", 0xffffffff },
  { 0, "nb_snapshots", 0xffffffff },
  { 0, "incompatible_features", UINT64_C (1) << 63 },
  { 0, "refcount_order", 7 },
  { 0, "header_length", 0xffffffff },
  { 1, "current size", UINT64_C (0xfffffffffffffe00) },
  { 1, "disk type", 77 },
  { 1, "table offset", UINT64_C (0x7fffffffffffffff) },
  { 1, "max table entries", 0xffffffff },
  { 1, "block size", 513 },
  { 1, "block size", 0 },
  { 2, "current size", UINT64_C (0xfffffffffffffe00) },
  { 3, "cbDisk", UINT64_C (0xfffffffffffffe00) },
  { 3, "cbBlock", 0 },
  { 3, "cbBlock", 513 },
  { 3, "cBlocks", 0xffffffff },
  { 3, "type", 77 },
  { 4, "capacity", UINT64_C (0x7fffffffffffff) },
  { 4, "grainSize", 0 },
  { 4, "grainSize", UINT64_C (1) << 62 },
  { 4, "numGTEsPerGT", 0 },
  { 4, "numGTEsPerGT", 0xffffffff },
  { 4, "version", 77 },
};

static void
test_refused (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      const Header *header = &headers[refused[i].header];
      g_autoptr (Medium) medium = sound_new (header);
      ImageOptions options = { .format = header->format };
      g_autoptr (GError) error = NULL;
      const Field *field = header->fields;
      Image *image;

      while (!g_str_equal (field->name, refused[i].field))
        field++;
      patch (medium, header, field, refused[i].value);
      checksums_mend (medium, header->format);
      image =
        image_open_store (loop, memory_store_new (loop, medium, "malformed.img", true), &options, &error);
      if (image != NULL)
        {
          g_test_message ("%s is opened with %s = 0x%" G_GINT64_MODIFIER "x", header->format, field->name,
                          refused[i].value);
          g_test_fail ();
        }
      image_close (image);
    }
}

/* --- chains --- */

typedef struct {
  char *folder, *path;
} Chain;

static void
setup (Chain *chain, const void *data)
{
  alarm (LONGEST);
  chain->folder = folder_new ();
  chain->path = g_build_filename (chain->folder, "top.qcow2", NULL);
}

static void
teardown (Chain *chain, const void *data)
{
  folder_free (chain->folder);
  g_free (chain->path);
}

/* A qcow2 header by hand, on whatever one likes: docs/interop/qcow2.txt. @format: (nullable). */
static void
write_overlay (const char *path, const char *backing, const char *format)
{
  uint8_t image[4 * 4096] = { 'Q', 'F', 'I', 0xfb };
  unsigned at = 104;

  store_be32 (image + 4, 3);
  store_be32 (image + 20, 12);         /* clusters of 4 KiB */
  store_be64 (image + 24, 512 * 4096); /* what one L2 table maps */
  store_be32 (image + 36, 1);
  store_be64 (image + 40, 3 * 4096); /* L1 table */
  store_be64 (image + 48, 1 * 4096); /* refcount table */
  store_be32 (image + 56, 1);
  store_be32 (image + 96, 4);
  store_be32 (image + 100, 104);
  if (format != NULL)
    {
      store_be32 (image + at, 0xe2792aca);
      store_be32 (image + at + 4, (uint32_t)strlen (format));
      memcpy (image + at + 8, format, strlen (format));
      at += 8 + (unsigned)(strlen (format) + 7) / 8 * 8;
    }
  at += 8; /* end of extensions */
  store_be64 (image + 8, at);
  store_be32 (image + 16, (uint32_t)strlen (backing));
  memcpy (image + at, backing, strlen (backing));
  store_be64 (image + 4096, 2 * 4096);
  for (unsigned i = 0; i < 4; i++)
    store_be16 (image + 2 * 4096 + 2 * i, 1);
  g_assert_true (g_file_set_contents (path, (const char *)image, sizeof image, NULL));
}

static void
assert_refused (Chain *chain, const char *words)
{
  const ImageOptions options = { .exclusive_lock = true };
  g_autofree char *pattern = g_strdup_printf ("(%s)", words);
  g_autoptr (GError) error = NULL;
  Image *image = image_open (loop, chain->path, &options, &error);

  if (image != NULL)
    g_error ("it was opened; it should be said: %s", words);
  if (!g_regex_match_simple (pattern, error->message, G_REGEX_CASELESS, 0))
    g_error ("“%s” does not say (%s)", error->message, words);
}

static void
test_no_parent (Chain *chain, const void *data)
{
  write_overlay (chain->path, "missing.qcow2", "qcow2");
  assert_refused (chain, "missing.qcow2.*does not exist");
}

static void
test_own_parent (Chain *chain, const void *data)
{
  write_overlay (chain->path, "top.qcow2", "qcow2");
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_circle (Chain *chain, const void *data)
{
  g_autofree char *other = g_build_filename (chain->folder, "other.qcow2", NULL);
  g_autofree char *third = g_build_filename (chain->folder, "third.qcow2", NULL);

  write_overlay (chain->path, "other.qcow2", "qcow2");
  write_overlay (other, third, "qcow2");
  write_overlay (third, "./other.qcow2", "qcow2");
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_circle_by_link (Chain *chain, const void *data)
{
  g_autofree char *other = g_build_filename (chain->folder, "other.qcow2", NULL);

  write_overlay (chain->path, "other.qcow2", "qcow2");
  g_assert_cmpint (link (chain->path, other), ==, 0);
  assert_refused (chain, "itself|circle|circular|loop|below");
}

static void
test_fifo (Chain *chain, const void *data)
{
  g_autofree char *fifo = g_build_filename (chain->folder, "fifo", NULL);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  write_overlay (chain->path, "fifo", "raw");
  assert_refused (chain, "pipe");
}

static void
test_device (Chain *chain, const void *data)
{
  write_overlay (chain->path, "/dev/zero", "raw");
  assert_refused (chain, "character device");
}

static void
test_folder (Chain *chain, const void *data)
{
  write_overlay (chain->path, "/", "raw");
  assert_refused (chain, "folder");
}

static void
test_unknown_format (Chain *chain, const void *data)
{
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);

  g_assert_true (g_file_set_contents (below, "some content", -1, NULL));
  write_overlay (chain->path, "below", "cloop");
  assert_refused (chain, "cloop");
}

/* The classic attack: a guest writes a header with a backing file to its raw disk, and the next one who
 * guesses the format reads the host's file to the guest. */
static void
test_guessed_raw (Chain *chain, const void *data)
{
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);

  g_assert_true (g_file_set_contents (below, "some content", -1, NULL));
  write_overlay (chain->path, "below", NULL);
  assert_refused (chain, "format");
}

/* Said to be raw, it is raw, whatever it looks like. */
static void
test_said_raw (Chain *chain, const void *data)
{
  const ImageOptions options = { .exclusive_lock = true };
  g_autofree char *below = g_build_filename (chain->folder, "below", NULL);
  GError *error = NULL;
  uint8_t magic[4];
  Image *image;

  write_overlay (below, "/etc/passwd", "raw");
  write_overlay (chain->path, "below", "raw");
  image = image_open (loop, chain->path, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (image_run (image, IMAGE_READ, 0, magic, 4), ==, 0);
  g_assert_cmpmem (magic, 4, "QFI\xfb", 4);
  image_close (image);
}

static void
test_named_pipe_as_protocol (Chain *chain, const void *data)
{
  write_overlay (chain->path, "json:{\"driver\":\"raw\",\"file\":{\"filename\":\"/etc/passwd\"}}", "raw");
  assert_refused (chain, "json");
}

/* Deeper than anyone needs: opened or refused, within bounds. */
static void
test_deep (Chain *chain, const void *data)
{
  const ImageOptions options = { .exclusive_lock = true, .read_only = true };
  g_autofree char *base = g_build_filename (chain->folder, "0", NULL);
  g_autofree char *below = g_strdup ("0");
  g_autoptr (GError) error = NULL;
  Image *image;

  g_assert_true (g_file_set_contents (base, "base", -1, NULL));
  for (unsigned i = 1; i <= 2000; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u", i);
      g_autofree char *path =
        i == 2000 ? g_strdup (chain->path) : g_build_filename (chain->folder, name, NULL);

      write_overlay (path, below, i == 1 ? "raw" : "qcow2");
      g_free (below);
      below = g_steal_pointer (&name);
    }
  image = image_open (loop, chain->path, &options, &error);
  g_assert_true (image != NULL || error != NULL);
  if (image == NULL)
    g_assert_nonnull (strstr (error->message, "top.qcow2"));
  image_close (image);
}

static void
limit_memory (void)
{
#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__
  const struct rlimit limit = { MOST_MEMORY, MOST_MEMORY };

  g_assert_cmpint (setrlimit (RLIMIT_DATA, &limit), ==, 0);
#endif
#endif
}

#define ADD(name, func) g_test_add ("/image/malformed/" name, Chain, NULL, setup, func, teardown)

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  limit_memory ();
  loop = loop_new ("malformed", NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      g_autofree char *name =
        g_strdup_printf ("%s%s%s", headers[i].format, headers[i].subformat != NULL ? "-" : "",
                         headers[i].subformat != NULL ? headers[i].subformat : "");
      g_autofree char *fields = g_strdup_printf ("/image/malformed/%s/fields", name);
      g_autofree char *cut = g_strdup_printf ("/image/malformed/%s/cut-off", name);

      g_test_add_data_func (fields, &headers[i], test_fields);
      g_test_add_data_func (cut, &headers[i], test_cut_off);
    }
  g_test_add_func ("/image/malformed/refused", test_refused);
  ADD ("no-parent", test_no_parent);
  ADD ("own-parent", test_own_parent);
  ADD ("circle", test_circle);
  ADD ("circle-by-link", test_circle_by_link);
  ADD ("fifo", test_fifo);
  ADD ("device", test_device);
  ADD ("folder", test_folder);
  ADD ("unknown-format", test_unknown_format);
  ADD ("guessed-raw", test_guessed_raw);
  ADD ("said-raw", test_said_raw);
  ADD ("json-name", test_named_pipe_as_protocol);
  ADD ("deep", test_deep);
  result = g_test_run ();
  loop_free (loop);
  return result;
}
