/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "vmm/base/bytes.h"
#include "vmm/base/error.h"
#include "vmm/base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
  ImageLayer *layer;
  Vmdk *vmdk;
  const ImageOptions *options;
  char *folder;
} Opening;

static gboolean bad_extent (GError **error, const Opening *opening, const VmdkExtentLine *line,
                            const char *format, ...) G_GNUC_PRINTF (4, 5);

static gboolean
bad_extent (GError **error, const Opening *opening, const VmdkExtentLine *line, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s”: its descriptor's line %u, extent “%s”: %s", opening->layer->store->path,
               line->line, line->name != NULL ? line->name : "ZERO", text);
  return FALSE;
}

/* --- files --- */

/* A descriptor could come from anyone, and its extents become a guest's to read and write: nothing but
 * ordinary files beside it. */
static char *
find_file (const Opening *opening, const VmdkExtentLine *line, GError **error)
{
  g_autofree char *path = NULL, *real = NULL, *folder = NULL;
  struct stat st, own;

  if (strpbrk (line->name, "/\\") != NULL || strcmp (line->name, ".") == 0 || strcmp (line->name, "..") == 0)
    {
      bad_extent (
        error, opening, line,
        "only files in the descriptor's own folder are opened; move the file there, and put its bare name "
        "into the descriptor");
      return NULL;
    }
  path = g_build_filename (opening->folder, line->name, NULL);
  real = realpath (path, NULL);
  if (real == NULL || stat (real, &st) < 0)
    {
      bad_extent (error, opening, line,
                  errno == ENOENT
                    ? "the file is missing from the folder “%s”; copy it there, all parts of a disk "
                      "belong together"
                    : "the file in the folder “%s” can't be reached; check its permissions",
                  opening->folder);
      return NULL;
    }
  folder = g_path_get_dirname (real);
  if (strcmp (folder, opening->folder) != 0)
    bad_extent (error, opening, line, "is a link to another folder, “%s”; move the file itself here", folder);
  else if (!S_ISREG (st.st_mode))
    bad_extent (error, opening, line,
                "is no ordinary file (a device, pipe or folder); put the disk's file there");
  else if (stat (opening->layer->store->path, &own) == 0 && own.st_dev == st.st_dev
           && own.st_ino == st.st_ino)
    bad_extent (error, opening, line, "is the descriptor itself; name the file that has the data");
  else
    return g_steal_pointer (&real);
  return NULL;
}

/* Extents may share a file, at different offsets. */
static ImageStore *
open_file (const Opening *opening, const VmdkExtentLine *line, GError **error)
{
  ImageLayer *layer = opening->layer;
  const StoreOptions options = { .read_only = layer->read_only || line->access != VMDK_RW,
                                 .lock = opening->options->exclusive_lock,
                                 .direct = opening->options->direct };
  g_autofree char *path = find_file (opening, line, error);
  ImageStore *store;

  if (path == NULL)
    return NULL;
  for (unsigned i = 0; i < layer->stores->len; i++)
    {
      store = g_ptr_array_index (layer->stores, i);
      if (strcmp (store->path, path) != 0)
        continue;
      if (line->kind == VMDK_FLAT && store->read_only == options.read_only)
        return store;
      bad_extent (error, opening, line, "the file is used twice; give each extent its own");
      return NULL;
    }
  store = store_open (layer->store->loop, path, &options, error);
  if (store != NULL)
    g_ptr_array_add (layer->stores, store);
  return store;
}

/* --- extents --- */

static gboolean
open_sparse (const Opening *opening, const VmdkExtentLine *line, VmdkExtent *extent, GError **error)
{
  extent->sparse = vmdk_sparse_open (extent->store, opening->layer->lenient, error);
  if (extent->sparse == NULL)
    return FALSE;
  if (line->sectors > extent->sparse->capacity)
    return bad_extent (error, opening, line,
                       "has %" G_GUINT64_FORMAT
                       " sectors here, but its own header's capacity is %" G_GUINT64_FORMAT
                       "; put the smaller number into the descriptor",
                       line->sectors, extent->sparse->capacity);
  return TRUE;
}

static gboolean
check_flat (const Opening *opening, const VmdkExtentLine *line, const VmdkExtent *extent, GError **error)
{
  uint64_t size = store_size (extent->store);

  if (opening->layer->lenient || (extent->offset <= size && extent->length <= size - extent->offset))
    return TRUE;
  return bad_extent (error, opening, line,
                     "the file has only %" G_GUINT64_FORMAT " bytes, it was cut off; copy it again", size);
}

static gboolean
open_extent (const Opening *opening, const VmdkExtentLine *line, VmdkExtent *extent, GError **error)
{
  extent->access = line->access;
  extent->kind = line->kind;
  extent->length = line->sectors * VMDK_SECTOR;
  extent->offset = line->offset * VMDK_SECTOR;
  if (line->kind == VMDK_ZERO)
    return TRUE;
  extent->store = opening->vmdk->embedded ? opening->layer->store : open_file (opening, line, error);
  if (extent->store == NULL)
    return FALSE;
  return line->kind == VMDK_SPARSE ? open_sparse (opening, line, extent, error)
                                   : check_flat (opening, line, extent, error);
}

/* An embedded descriptor speaks of the file that it lies in, whatever that is called by now. */
static gboolean
check_embedded (const Opening *opening, const VmdkExtentLine *lines, unsigned n, GError **error)
{
  if (n == 1 && lines[0].kind == VMDK_SPARSE)
    return TRUE;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "Disk image “%s”: the descriptor inside it must have one extent, of type SPARSE, but has %u; take the "
    "disk from a backup",
    opening->layer->store->path, n);
  return FALSE;
}

static bool
open_all (Opening *opening, GError **error)
{
  ImageLayer *layer = opening->layer;
  Vmdk *vmdk = opening->vmdk;
  unsigned n;
  const VmdkExtentLine *lines = vmdk_descriptor_extents (vmdk->descriptor, &n);

  if (vmdk->embedded && !check_embedded (opening, lines, n, error))
    return false;
  vmdk->extents = g_new0 (VmdkExtent, MAX (n, 1));
  for (unsigned i = 0; i < n; i++)
    {
      VmdkExtent *extent = &vmdk->extents[vmdk->n_extents];

      if (lines[i].sectors == 0)
        continue;
      vmdk->n_extents++;
      extent->start = layer->size;
      if (!open_extent (opening, &lines[i], extent, error))
        return false;
      layer->size += extent->length;
      if (layer->size > INT64_MAX)
        return bad_extent (error, opening, &lines[i], "makes the disk larger than 8 EiB; correct its size");
    }
  if (layer->size > 0)
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "Disk image “%s”: its descriptor has no extent with a size; add the line that names the disk's file, "
    "such as RW 4192256 FLAT \"disk-flat.vmdk\" 0",
    layer->store->path);
  return false;
}

/* --- clusters --- */

/* One grain size for all, and extents that begin and end with grains: else the core can't be told about
 * clusters. */
static bool
is_regular (const Vmdk *vmdk, uint64_t grain)
{
  for (unsigned i = 0; i < vmdk->n_extents; i++)
    {
      const VmdkExtent *extent = &vmdk->extents[i];

      if (extent->kind != VMDK_SPARSE)
        continue;
      if ((uint64_t)extent->sparse->grain * VMDK_SECTOR != grain || extent->start % grain != 0
          || (i + 1 < vmdk->n_extents && extent->length % grain != 0))
        return false;
    }
  return true;
}

static bool
choose_cluster (ImageLayer *layer, const Vmdk *vmdk, GError **error)
{
  uint64_t grain = 0;
  bool compressed = false;

  for (unsigned i = 0; i < vmdk->n_extents; i++)
    if (vmdk->extents[i].kind == VMDK_SPARSE)
      {
        grain = MAX (grain, (uint64_t)vmdk->extents[i].sparse->grain * VMDK_SECTOR);
        compressed |= (vmdk->extents[i].sparse->flags & VMDK_FLAG_COMPRESSED) != 0;
      }
  layer->cluster = grain != 0 ? grain : 4096;
  if (!is_regular (vmdk, grain))
    {
      if (compressed || !(layer->read_only || layer->lenient))
        {
          g_set_error (
            error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
            "Disk image “%s” has extents that don't end where their grains do, which can %s; convert it "
            "to qcow2",
            layer->store->path, compressed ? "not be used" : "only be read");
          return false;
        }
      layer->cluster = VMDK_SECTOR;
    }
  layer->granule = layer->cluster;
  return true;
}

bool
vmdk_open_extents (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Opening opening = { layer, layer->state, options, NULL };
  g_autofree char *real = realpath (layer->store->path, NULL);
  bool opened;

  layer->stores = g_ptr_array_new_with_free_func ((GDestroyNotify)store_close);
  opening.folder = g_path_get_dirname (real != NULL ? real : layer->store->path);
  opened = open_all (&opening, error) && choose_cluster (layer, opening.vmdk, error);
  g_free (opening.folder);
  return opened;
}

VmdkExtent *
vmdk_extent_at (const Vmdk *vmdk, uint64_t offset)
{
  unsigned low = 0, high = vmdk->n_extents;

  while (high - low > 1)
    {
      unsigned middle = (low + high) / 2;

      if (vmdk->extents[middle].start <= offset)
        low = middle;
      else
        high = middle;
    }
  return &vmdk->extents[low];
}

/* --- resize --- */

static gboolean
refuse_resize (const ImageLayer *layer, const char *why, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "The size of disk image “%s” can't change: %s; convert it to a new disk of that size",
               layer->store->path, why);
  return FALSE;
}

static int
set_sectors (ImageLayer *layer, uint64_t sectors)
{
  Vmdk *vmdk = layer->state;
  const char *heads = vmdk_descriptor_get (vmdk->descriptor, "ddb.geometry.heads");
  const char *spt = vmdk_descriptor_get (vmdk->descriptor, "ddb.geometry.sectors");
  uint64_t h, s;
  unsigned n, line = 0;
  const VmdkExtentLine *lines = vmdk_descriptor_extents (vmdk->descriptor, &n);

  while (line < n && lines[line].sectors == 0)
    line++;
  vmdk_descriptor_set_sectors (vmdk->descriptor, line, sectors);
  if (heads != NULL && spt != NULL && number_parse (heads, 10, 1, 255, &h)
      && number_parse (spt, 10, 1, 63, &s))
    {
      char cylinders[32];

      g_snprintf (cylinders, sizeof cylinders, "%" G_GUINT64_FORMAT,
                  h == 255 ? sectors / (h * s) : MIN (sectors / (h * s), 16383));
      vmdk_descriptor_set (vmdk->descriptor, "ddb.geometry.cylinders", cylinders, true);
    }
  return vmdk_store_descriptor (layer);
}

/* The file is never shorter than the descriptor says. */
static gboolean
resize_flat (ImageLayer *layer, VmdkExtent *extent, uint64_t size, GError **error)
{
  bool grows = size > layer->size;
  int result = 0;

  if (grows)
    result = store_resize (extent->store, extent->offset + size);
  if (result == 0 && grows)
    result = store_sync (extent->store);
  if (result == 0)
    result = set_sectors (layer, size / VMDK_SECTOR);
  if (result < 0 && !grows)
    set_sectors (layer, layer->size / VMDK_SECTOR);
  if (result == 0 && !grows && store_resize (extent->store, extent->offset + size) == 0)
    store_sync (extent->store); /* if not: it takes more room than it need */
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't change the size of disk image “%s”",
                                 layer->store->path);
}

static gboolean
resize_sparse (ImageLayer *layer, VmdkExtent *extent, uint64_t size, GError **error)
{
  int result;

  if (extent->sparse->flags & VMDK_FLAG_COMPRESSED)
    return refuse_resize (layer, "it is compressed", error);
  if (size < layer->size)
    return refuse_resize (layer, "sparse VMDK disks can only grow", error);
  result = vmdk_flush (layer);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't write to disk image “%s”", layer->store->path);
  if (!vmdk_sparse_grow (extent->sparse, size / VMDK_SECTOR, error))
    {
      layer->dirty |= vmdk_sparse_is_dirty (extent->sparse);
      return FALSE;
    }
  result = set_sectors (layer, size / VMDK_SECTOR);
  return result == 0
         || vmm_set_errno_error (error, -result, "Can't write the descriptor of disk image “%s”",
                                 layer->store->path);
}

bool
vmdk_resize (ImageLayer *layer, uint64_t size, GError **error)
{
  Vmdk *vmdk = layer->state;
  VmdkExtent *extent = &vmdk->extents[0];

  if (size == layer->size)
    return true;
  if (vmdk->n_extents != 1 || extent->kind == VMDK_ZERO || extent->access != VMDK_RW)
    return refuse_resize (layer, "it is not one writable file", error);
  if (!(extent->kind == VMDK_FLAT ? resize_flat (layer, extent, size, error)
                                  : resize_sparse (layer, extent, size, error)))
    return false;
  extent->length = layer->size = size;
  return true;
}
