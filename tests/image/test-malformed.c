/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Images that nobody should have made: every field of every header at its extremes, files cut off anywhere.
 * Each is opened, or refused by an error that names the
 * field or the thing; nothing crashes, hangs, or asks for more than a bounded amount of memory.
 */
#include "devices/image/layer.h"
#include "tests/image/checksums.h"
#include "tests/image/exercise.h"
#include "tests/image/peer.h"
#include "tests/image/small-disk.h"
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

/* The same with a parent: what says where that is. */
static const Field vhd_parent_fields[] = {
  { "data offset", 16, 8, "header|offset" },
  { "disk type", 60, 4, "type|data offset" },
  { "table offset", 512 + 16, 8, "table" },
  { "max table entries", 512 + 28, 4, "table|entries|size" },
  { "block size", 512 + 32, 4, "block|entries" },
  { "parent unicode name", 512 + 64, 8, "parent" },
  { "locator 0 code", 512 + 576, 4, "locator|parent|header" },
  { "locator 0 space", 512 + 580, 4, "locator|parent|header" },
  { "locator 0 length", 512 + 584, 4, "locator|parent|header" },
  { "locator 0 offset", 512 + 592, 8, "locator|parent|header" },
  { "locator 1 length", 512 + 608, 4, "locator|parent|header" },
  { "locator 1 offset", 512 + 616, 8, "locator|parent|header" },
};

/* [MS-VHDX] 2.2.2, 2.2.3, 2.6; where the peer puts things. */
enum { VHDX_HEAD = 64 << 10, VHDX_REGIONS = 192 << 10, VHDX_METADATA = 3 << 20, VHDX_ITEMS = 64 << 10 };

static const Field vhdx_fields[] = {
  { "SequenceNumber", VHDX_HEAD + 8, 8, "header|log" },
  { "LogGuid", VHDX_HEAD + 48, 8, "log" },
  { "LogVersion", VHDX_HEAD + 64, 2, "log" },
  { "Version", VHDX_HEAD + 66, 2, "version" },
  { "LogLength", VHDX_HEAD + 68, 4, "log" },
  { "LogOffset", VHDX_HEAD + 72, 8, "log" },
  { "region EntryCount", VHDX_REGIONS + 8, 4, "region" },
  { "BAT Guid", VHDX_REGIONS + 16, 8, "region" },
  { "BAT FileOffset", VHDX_REGIONS + 32, 8, "region|BAT" },
  { "BAT Length", VHDX_REGIONS + 40, 4, "region|BAT" },
  { "metadata FileOffset", VHDX_REGIONS + 64, 8, "region|metadata" },
  { "metadata Length", VHDX_REGIONS + 72, 4, "region|metadata|parameters" },
  { "metadata EntryCount", VHDX_METADATA + 10, 2, "entry count|metadata" },
  { "item 0 Guid", VHDX_METADATA + 32, 8, "file parameters|unknown" },
  { "item 0 Offset", VHDX_METADATA + 48, 4, "file parameters|block size|metadata" },
  { "item 0 Length", VHDX_METADATA + 52, 4, "file parameters" },
  { "BlockSize", VHDX_METADATA + VHDX_ITEMS, 4, "block size|BAT" },
  { "parameters", VHDX_METADATA + VHDX_ITEMS + 4, 4, "parent|parameter" },
  { "VirtualDiskSize", VHDX_METADATA + VHDX_ITEMS + 8, 8, "size|BAT" },
  { "LogicalSectorSize", VHDX_METADATA + VHDX_ITEMS + 32, 4, "sector" },
};

static const Header headers[] = {
  { "qcow2", NULL, true, qcow2_fields, G_N_ELEMENTS (qcow2_fields) },
  { "vhd", "dynamic", true, vhd_fields, G_N_ELEMENTS (vhd_fields) },
  { "vhd", "fixed", true, vhd_fields, 6 },
  { "vdi", NULL, false, vdi_fields, G_N_ELEMENTS (vdi_fields) },
  { "vmdk", "monolithicSparse", false, vmdk_fields, G_N_ELEMENTS (vmdk_fields) },
  { "vhd", "differencing", true, vhd_parent_fields, G_N_ELEMENTS (vhd_parent_fields) },
  { "vhdx", NULL, false, vhdx_fields, G_N_ELEMENTS (vhdx_fields) },
};

/* Nobody could open it to write. */
static bool
is_read_only (const Header *header)
{
  return g_str_equal (header->format, "vhdx");
}

static void
create_sound (const Header *header, const char *folder, const char *path)
{
  g_autofree char *parent = g_build_filename (folder, "parent.img", NULL);
  ImageCreateOptions create = { .format = header->format, .subformat = header->subformat, .size = 4 * MIB };
  const ImageCreateOptions create_parent = { .format = header->format, .size = 4 * MIB };
  GError *error = NULL;

  if (g_strcmp0 (header->subformat, "differencing") == 0)
    {
      image_create (parent, &create_parent, &error);
      g_assert_no_error (error);
      create.backing_path = "parent.img";
      create.backing_format = header->format;
    }
  image_create (path, &create, &error);
  g_assert_no_error (error);
}

/* A sound image with a little content. What we only read the peer makes. */
static Medium *
sound_new (const Header *header)
{
  char *folder = scratch_new ();
  g_autofree char *path = g_build_filename (folder, "disk.img", NULL);
  ImageOptions options = { .format = header->format };
  GError *error = NULL;
  Image *image;
  Medium *medium;

  if (is_read_only (header))
    {
      const char *make[] = { "qemu-img", "create", "-f", "vhdx", path, "4M", NULL };
      const char *fill[] = { "qemu-io", "-f", "vhdx", "-c", "write 64k 4k", path, NULL };

      g_assert_cmpint (peer_run (make, NULL), ==, 0);
      g_assert_cmpint (peer_run (fill, NULL), ==, 0);
    }
  else
    {
      create_sound (header, folder, path);
      image = image_open (loop, path, &options, &error);
      g_assert_no_error (error);
      g_assert_cmpint (image_run (image, IMAGE_WRITE, 65536, path, strlen (path)), ==, 0);
      image_close (image);
    }
  medium = medium_new_from_file (path, MEDIUM_MOST);
  scratch_free (folder);
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
  if (header->fields == vhdx_fields && offset < 256 * 1024) /* the other header, the other region table */
    medium_write (medium, offset + 64 * 1024, data, field->width);
}

/* An error there may be; then it speaks of the field. */
static void
assert_names_field (const Medium *sound, const Header *header, const Field *field, uint64_t value)
{
  g_autoptr (Medium) medium = medium_copy (sound);
  const bool read_only = is_read_only (header);
  ImageOptions options = { .format = header->format, .read_only = read_only, .no_backing = true };
  g_autofree char *pattern = g_strdup_printf ("(%s)", field->words);
  g_autoptr (GError) error = NULL;
  Image *image;

  patch (medium, header, field, value);
  checksums_mend (medium, header->format);
  exercise_image (loop, medium, header->format);
  image =
    image_open_store (loop, memory_store_new (loop, medium, "malformed.img", read_only), &options, &error);
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
  { 6, "VirtualDiskSize", UINT64_C (0xfffffffffffffe00) },
  { 6, "VirtualDiskSize", UINT64_C (0x7ffffffffffffe00) },
  { 6, "BlockSize", 0 },
  { 6, "BlockSize", 0xffffffff },
  { 6, "region EntryCount", 0xffffffff },
  { 6, "BAT FileOffset", UINT64_C (1) << 63 },
  { 6, "BAT Length", 0 },
  { 6, "metadata EntryCount", 0xffff },
  { 6, "LogicalSectorSize", 0 },
};

static void
test_refused (void)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (refused); i++)
    {
      const Header *header = &headers[refused[i].header];
      g_autoptr (Medium) medium = sound_new (header);
      ImageOptions options = { .format = header->format, .read_only = is_read_only (header) };
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
  result = g_test_run ();
  loop_free (loop);
  return result;
}
