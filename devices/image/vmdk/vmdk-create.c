/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SECTORS 20u      /* room for an embedded descriptor, as VMware's products leave it */
#define SPLIT        4192256u /* sectors of one part of a split disk: 2047 MiB, VDF's own example */
#define CHUNK        (1u << 20)

typedef struct {
  const char *name;
  VmdkExtentKind kind;
  bool embedded, split, stream;
} Subformat;

static const Subformat subformats[] = {
  { "monolithicSparse", .kind = VMDK_SPARSE, .embedded = true },
  { "monolithicFlat", .kind = VMDK_FLAT },
  { "twoGbMaxExtentSparse", .kind = VMDK_SPARSE, .split = true },
  { "twoGbMaxExtentFlat", .kind = VMDK_FLAT, .split = true },
  { "streamOptimized", .kind = VMDK_SPARSE, .embedded = true, .stream = true },
};

typedef struct {
  ImageStore *store; /* of the file that gets the descriptor */
  const ImageCreateOptions *options;
  const Subformat *subformat;
  uint64_t sectors;
  uint32_t parent_cid;
  char *folder, *stem;
  const char *files; /* the stem of their names */
  GPtrArray *made;   /* of char *: paths */
} Creation;

/* --- what was asked for --- */

static gboolean
refuse (GError **error, const Creation *creation, const char *why)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "VMDK disk “%s” can't be made: %s", creation->store->path,
               why);
  return FALSE;
}

static gboolean
choose_subformat (Creation *creation, GError **error)
{
  const char *name = creation->options->subformat;

  creation->subformat = &subformats[0];
  for (unsigned i = 0; name != NULL && i <= G_N_ELEMENTS (subformats); i++)
    {
      if (i == G_N_ELEMENTS (subformats))
        return refuse (error, creation,
                       "its subformat is none of monolithicSparse, monolithicFlat, twoGbMaxExtentSparse, "
                       "twoGbMaxExtentFlat and streamOptimized; choose one of them");
      creation->subformat = &subformats[i];
      if (g_ascii_strcasecmp (name, subformats[i].name) == 0)
        break;
    }
  return TRUE;
}

static gboolean
check_options (const Creation *creation, GError **error)
{
  const ImageCreateOptions *options = creation->options;
  bool sparse = creation->subformat->kind == VMDK_SPARSE;

  if (options->cluster_size != 0 && (!sparse || options->cluster_size != VMDK_GRAIN * VMDK_SECTOR))
    return refuse (error, creation, "its grains have 64 KiB; leave the cluster size out");
  if (options->preallocation != NULL && sparse && strcmp (options->preallocation, "full") == 0)
    return refuse (error, creation, "a sparse disk has no preallocation; choose monolithicFlat");
  if (options->secret != NULL)
    return refuse (error, creation, "the format has no encryption; choose qcow2");
  if (options->compression != NULL && strcmp (options->compression, "zlib") != 0)
    return refuse (error, creation, "its compression is zlib");
  if (sparse && creation->sectors > VMDK_MAX_SPARSE && !creation->subformat->split)
    return refuse (error, creation,
                   "one sparse file holds at most 2040 GiB; choose twoGbMaxExtentSparse, or qcow2");
  if (creation->sectors / SPLIT >= VMDK_MAX_EXTENTS && creation->subformat->split)
    return refuse (error, creation, "a split disk holds at most 7 TiB; choose monolithicFlat, or qcow2");
  if (options->backing_path == NULL)
    return TRUE;
  if (!sparse || creation->subformat->stream)
    return refuse (error, creation,
                   "only monolithicSparse and twoGbMaxExtentSparse disks lie on others; choose one");
  if (g_ascii_strcasecmp (options->backing_format, "vmdk") != 0)
    return refuse (error, creation,
                   "a VMDK lies on nothing but a VMDK; convert the backing file, or choose qcow2");
  if (strpbrk (options->backing_path, "\"\r\n") != NULL)
    return refuse (error, creation, "the backing file's path has a quote or a line end; rename it");
  return TRUE;
}

static gboolean
name_files (Creation *creation, GError **error)
{
  g_autofree char *base = g_path_get_basename (creation->store->path);
  size_t length = strlen (base);

  creation->folder = g_path_get_dirname (creation->store->path);
  if (length > 5 && g_ascii_strcasecmp (base + length - 5, ".vmdk") == 0)
    base[length - 5] = '\0';
  creation->stem = g_steal_pointer (&base);
  creation->files = creation->options->stem != NULL ? creation->options->stem : creation->stem;
  if (strpbrk (creation->stem, "\"\r\n\\") == NULL)
    return TRUE;
  return refuse (error, creation, "its name has a quote, backslash or line end; choose another");
}

/* --- descriptor --- */

static void
append_geometry (GString *text, uint64_t sectors)
{
  bool small = sectors <= UINT64_C (16383) * 16 * 63;
  unsigned heads = small ? 16 : 255;

  g_string_append_printf (text,
                          "\n# The Disk Data Base\n#DDB\n\n"
                          "ddb.adapterType = \"%s\"\n"
                          "ddb.geometry.cylinders = \"%" G_GUINT64_FORMAT "\"\n"
                          "ddb.geometry.heads = \"%u\"\n"
                          "ddb.geometry.sectors = \"63\"\n"
                          "ddb.virtualHWVersion = \"4\"\n",
                          small ? "ide" : "lsilogic", MAX (sectors / (heads * 63), 1), heads);
}

/* @extents: its lines. */
static char *
make_text (const Creation *creation, const char *extents)
{
  g_autoptr (VmdkDescriptor) descriptor = vmdk_descriptor_parse ("", 0, "", NULL);
  GString *text = g_string_new ("# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\n");

  vmdk_new_cid (descriptor);
  g_string_append_printf (text, "CID=%08x\nparentCID=%08x\ncreateType=\"%s\"\n",
                          vmdk_descriptor_cid (descriptor), creation->parent_cid, creation->subformat->name);
  if (creation->options->backing_path != NULL)
    g_string_append_printf (text, "parentFileNameHint=\"%s\"\n", creation->options->backing_path);
  g_string_append_printf (text, "\n# Extent description\n%s", extents);
  append_geometry (text, creation->sectors);
  return g_string_free (text, FALSE);
}

/* --- files --- */

void
vmdk_header_fill (uint8_t *header, uint32_t version, uint32_t flags, uint64_t capacity)
{
  memset (header, 0, VMDK_H_SIZE);
  store_le32 (header + VMDK_H_MAGIC, VMDK_MAGIC);
  store_le32 (header + VMDK_H_VERSION, version);
  store_le32 (header + VMDK_H_FLAGS, flags | VMDK_FLAG_NEWLINES);
  store_le64 (header + VMDK_H_CAPACITY, capacity);
  store_le64 (header + VMDK_H_GRAIN, VMDK_GRAIN);
  store_le32 (header + VMDK_H_GTES, VMDK_GTES);
  memcpy (header + VMDK_H_NEWLINES, "\n \r\n", 4);
}

/* A directory at sector @at whose tables follow it. */
static int
write_directory (ImageStore *store, uint64_t at, uint32_t n_gd, uint64_t gd_sectors)
{
  g_autofree uint32_t *gd = g_new (uint32_t, n_gd);

  for (uint32_t i = 0; i < n_gd; i++)
    gd[i] = at + gd_sectors + i * (VMDK_GTES * 4 / VMDK_SECTOR);
  return vmdk_write_u32 (store, at * VMDK_SECTOR, gd, n_gd);
}

/* Header, text, redundant directory and tables, directory and tables. @text NULL: none inside. */
static int
write_sparse (ImageStore *store, uint64_t capacity, const char *text)
{
  uint8_t header[VMDK_H_SIZE];
  uint64_t span = VMDK_GRAIN * VMDK_GTES, n_gd = (capacity + span - 1) / span;
  uint64_t gd_sectors = (n_gd * 4 + VMDK_SECTOR - 1) / VMDK_SECTOR;
  uint64_t whole = gd_sectors + n_gd * (VMDK_GTES * 4 / VMDK_SECTOR);
  uint64_t rgd = text != NULL ? 1 + TEXT_SECTORS : 1, gd = rgd + whole;
  uint64_t overhead = (gd + whole + VMDK_GRAIN - 1) / VMDK_GRAIN * VMDK_GRAIN;
  int error;

  vmdk_header_fill (header, 1, VMDK_FLAG_REDUNDANT, capacity);
  store_le64 (header + VMDK_H_RGD, rgd);
  store_le64 (header + VMDK_H_GD, gd);
  store_le64 (header + VMDK_H_OVERHEAD, overhead);
  if (text != NULL)
    {
      store_le64 (header + VMDK_H_DESCRIPTOR, 1);
      store_le64 (header + VMDK_H_DESCRIPTOR_SIZE, TEXT_SECTORS);
    }
  error = store_resize (store, overhead * VMDK_SECTOR);
  if (error == -EOPNOTSUPP && store->fixed_size)
    error =
      overhead * VMDK_SECTOR <= store_size (store) ? store_zero (store, 0, overhead * VMDK_SECTOR) : -ENOSPC;
  if (error == 0)
    error = write_directory (store, rgd, n_gd, gd_sectors);
  if (error == 0)
    error = write_directory (store, gd, n_gd, gd_sectors);
  if (error == 0 && text != NULL)
    error = store_write (store, VMDK_SECTOR, text, strlen (text));
  if (error == 0)
    error = store_write (store, 0, header, sizeof header);
  return error == 0 ? store_sync (store) : error;
}

static int
write_stream (ImageStore *store, uint64_t capacity, const char *text)
{
  uint8_t header[VMDK_H_SIZE];

  /* The version that exports of VMware's own have: readers take it for read-only. */
  vmdk_header_fill (header, 3, VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS, capacity);
  store_le64 (header + VMDK_H_DESCRIPTOR, 1);
  store_le64 (header + VMDK_H_DESCRIPTOR_SIZE, TEXT_SECTORS);
  store_le64 (header + VMDK_H_GD, VMDK_GD_AT_END);
  store_le64 (header + VMDK_H_OVERHEAD, VMDK_GRAIN);
  store_le16 (header + VMDK_H_COMPRESSION, VMDK_COMPRESSION_DEFLATE);
  return vmdk_stream_create (store, header, text);
}

static int
write_flat (ImageStore *store, uint64_t sectors, bool full)
{
  uint64_t size = sectors * VMDK_SECTOR;
  g_autofree uint8_t *zeroes = full ? g_malloc0 (CHUNK) : NULL;
  int error = store_resize (store, size);

  for (uint64_t at = 0; full && error == 0 && at < size; at += CHUNK)
    error = store_write (store, at, zeroes, MIN (CHUNK, size - at));
  return error == 0 ? store_sync (store) : error;
}

static gboolean
make_file (Creation *creation, const char *name, uint64_t sectors, GError **error)
{
  g_autofree char *path = g_build_filename (creation->folder, name, NULL);
  const char *preallocation = creation->options->preallocation;
  ImageStore *store = store_create (path, error);
  int result;

  if (store == NULL)
    return FALSE;
  result = creation->subformat->kind == VMDK_FLAT
             ? write_flat (store, sectors, preallocation != NULL && strcmp (preallocation, "full") == 0)
             : write_sparse (store, sectors, NULL);
  g_ptr_array_add (creation->made, g_strdup (path));
  store_close (store);
  return result == 0 || vmm_set_errno_error (error, -result, "Can't write “%s”", path);
}

/* The files that hold the data, and their lines. */
static gboolean
make_files (Creation *creation, GString *lines, GError **error)
{
  bool flat = creation->subformat->kind == VMDK_FLAT;
  uint64_t left = creation->sectors;

  for (unsigned i = 1; left > 0; i++)
    {
      uint64_t n = creation->subformat->split ? MIN (left, SPLIT) : left;
      g_autofree char *name = creation->subformat->split
                                ? g_strdup_printf ("%s-%c%03u.vmdk", creation->files, flat ? 'f' : 's', i)
                                : g_strdup_printf ("%s-flat.vmdk", creation->files);

      if (!make_file (creation, name, n, error))
        return FALSE;
      g_string_append_printf (lines, "RW %" G_GUINT64_FORMAT " %s \"%s\"%s\n", n, flat ? "FLAT" : "SPARSE",
                              name, flat ? " 0" : "");
      left -= n;
    }
  return TRUE;
}

static gboolean
make_disk (Creation *creation, GError **error)
{
  const ImageCreateOptions *options = creation->options;
  g_autoptr (GString) lines = g_string_new (NULL);
  g_autofree char *text = NULL;
  int result;

  if (!choose_subformat (creation, error) || !check_options (creation, error) || !name_files (creation, error)
      || (options->backing_path != NULL
          && !vmdk_parent_cid (creation->folder, options->backing_path, &creation->parent_cid, error)))
    return FALSE;
  if (creation->subformat->embedded)
    g_string_append_printf (lines, "RW %" G_GUINT64_FORMAT " SPARSE \"%s.vmdk\"\n", creation->sectors,
                            creation->stem);
  else if (!make_files (creation, lines, error))
    return FALSE;
  text = make_text (creation, lines->str);
  if (creation->subformat->embedded && strlen (text) > TEXT_SECTORS * VMDK_SECTOR)
    return refuse (error, creation, "names are too long for its descriptor; choose shorter ones");

  if (creation->subformat->stream)
    result = write_stream (creation->store, creation->sectors, text);
  else if (creation->subformat->embedded)
    result = write_sparse (creation->store, creation->sectors, text);
  else
    {
      result = store_write (creation->store, 0, text, strlen (text));
      if (result == 0)
        result = store_sync (creation->store);
    }
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't write disk image “%s”", creation->store->path);
}

bool
vmdk_create (ImageStore *store, const ImageCreateOptions *options, GError **error)
{
  Creation creation = { .store = store,
                        .options = options,
                        .sectors = options->size / VMDK_SECTOR,
                        .parent_cid = VMDK_NO_PARENT,
                        .made = g_ptr_array_new_with_free_func (g_free) };
  bool made = make_disk (&creation, error);

  for (unsigned i = 0; !made && i < creation.made->len; i++)
    unlink (creation.made->pdata[i]);
  g_ptr_array_unref (creation.made);
  g_free (creation.folder);
  g_free (creation.stem);
  return made;
}
