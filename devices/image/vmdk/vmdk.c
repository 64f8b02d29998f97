/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/vmdk/vmdk-private.h"

#include "devices/image/windows-path.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>

static bool
vmdk_probe (const ImageProbe *probe)
{
  return load_le32 (probe->head) == VMDK_MAGIC || memcmp (probe->head, "COWD", 4) == 0
         || vmdk_descriptor_probe ((const char *)probe->head, IMAGE_PROBE_SIZE);
}

/* --- open and close --- */

static bool
lies_there (const char *folder, const char *path)
{
  g_autofree char *full = g_path_is_absolute (path) ? g_strdup (path) : g_build_filename (folder, path, NULL);

  return g_file_test (full, G_FILE_TEST_EXISTS);
}

/* The file calls it a hint: disks move, together, also from Windows. The CID tells whether it is the one. */
static char *
follow_hint (const ImageLayer *layer, const char *hint)
{
  g_autofree char *folder = g_path_get_dirname (layer->store->path);
  g_autofree char *path = strchr (hint, '\\') != NULL ? windows_path_here (hint) : g_strdup (hint),
                  *beside = NULL;

  if (path == NULL || lies_there (folder, path))
    return g_strdup (path != NULL ? path : hint);
  beside = g_path_get_basename (path);
  return g_strdup (lies_there (folder, beside) ? beside : path);
}

static bool
read_parent (ImageLayer *layer, Vmdk *vmdk, GError **error)
{
  const char *hint = vmdk_descriptor_get (vmdk->descriptor, "parentFileNameHint");

  if (vmdk_descriptor_parent_cid (vmdk->descriptor) == VMDK_NO_PARENT)
    return true;
  if (hint == NULL || hint[0] == '\0')
    {
      if (layer->lenient)
        return true;
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Disk image “%s”: its descriptor has a parentCID, so it lies on another disk, but no "
                   "parentFileNameHint that names it; add that line",
                   layer->store->path);
      return false;
    }
  vmdk->has_parent = true;
  layer->backing_path = follow_hint (layer, hint);
  layer->backing_format = g_strdup ("vmdk"); /* VDF knows no other */
  return true;
}

static bool
refuse_writing (const ImageLayer *layer, const char *why, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED, "Disk image “%s” can't be written to: %s",
               layer->store->path, why);
  return false;
}

/* Each table must have at least one copy. */
static bool
has_sound_directory (const VmdkSparse *sparse)
{
  for (uint32_t i = 0; i < sparse->n_gd; i++)
    if (sparse->gd[i] != 0 && !vmdk_sparse_table_fits (sparse, sparse->gd[i])
        && !(sparse->rgd != NULL && vmdk_sparse_table_fits (sparse, sparse->rgd[i])))
      return false;
  return true;
}

static bool
prepare_extent (ImageLayer *layer, Vmdk *vmdk, const VmdkExtent *extent, bool *unclean, GError **error)
{
  VmdkSparse *sparse = extent->sparse;

  if (sparse == NULL || extent->access != VMDK_RW)
    return true;
  if (sparse->flags & VMDK_FLAG_COMPRESSED)
    {
      if (vmdk->n_extents == 1)
        vmdk->stream = vmdk_stream_new (sparse);
      return vmdk->stream != NULL
             || refuse_writing (
               layer, "it is compressed (streamOptimized); attach it read-only, or convert it to qcow2",
               error);
    }
  if (sparse->version > 2)
    return refuse_writing (
      layer,
      "its header's version 3 means that a VMware product keeps track of its changes; attach it "
      "read-only, or convert it",
      error);
  if (!has_sound_directory (sparse))
    return refuse_writing (
      layer, "its grain directory leads outside of the file; run “bonsai disk check --repair” on it", error);
  *unclean |= sparse->unclean_found;
  return true;
}

/* What a session of writing needs; a disk that was not closed is repaired first. */
static bool
prepare_writing (ImageLayer *layer, Vmdk *vmdk, GError **error)
{
  ImageCheck check = { .repair = true };
  bool unclean = false, writable = false;

  for (unsigned i = 0; i < vmdk->n_extents; i++)
    {
      writable |= vmdk->extents[i].access == VMDK_RW;
      if (!prepare_extent (layer, vmdk, &vmdk->extents[i], &unclean, error))
        return false;
    }
  if (!writable)
    return refuse_writing (layer, "its descriptor says RDONLY of every extent; attach it read-only", error);
  if (!unclean)
    return true;
  if (!vmdk_check (layer, &check, error))
    return false;
  return vmdk->unfixed == 0
         || refuse_writing (layer,
                            "it was not closed, and has damage that can't be repaired; convert it, and check "
                            "the files in it",
                            error);
}

static void
vmdk_close (ImageLayer *layer)
{
  Vmdk *vmdk = layer->state;

  if (vmdk == NULL)
    return;
  for (unsigned i = 0; i < vmdk->n_extents; i++)
    {
      VmdkExtent *extent = &vmdk->extents[i];

      if (extent->sparse != NULL && !layer->read_only && !layer->dirty && vmdk->stream == NULL)
        vmdk_sparse_settle (extent->sparse);
      vmdk_sparse_free (extent->sparse);
    }
  g_free (vmdk->extents);
  g_free (vmdk->stream);
  g_free (vmdk->text);
  vmdk_descriptor_free (vmdk->descriptor);
  store_close (vmdk->descriptor_store);
  g_clear_pointer (&layer->state, g_free);
}

static bool
vmdk_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  Vmdk *vmdk = g_new0 (Vmdk, 1);

  layer->state = vmdk;
  if (vmdk_load_descriptor (vmdk, layer->store, error) && read_parent (layer, vmdk, error)
      && vmdk_open_extents (layer, options, error)
      && (layer->read_only || layer->lenient || prepare_writing (layer, vmdk, error)))
    return true;
  layer->dirty = true; /* leaves marks as they are */
  vmdk_close (layer);
  return false;
}

static bool
vmdk_check_backing (ImageLayer *layer, ImageLayer *below, GError **error)
{
  const Vmdk *vmdk = layer->state, *parent = below->state;

  if (below->format != &image_vmdk)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The parent “%s” of disk image “%s” is no VMDK; put the right one there",
                   below->store->path, layer->store->path);
      return false;
    }
  if (vmdk_descriptor_cid (parent->descriptor) == vmdk_descriptor_parent_cid (vmdk->descriptor)
      || vmdk_expects (vmdk, parent))
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    "Disk image “%s” was made when its parent “%s” had the content %08x, which was changed since, to %08x: "
    "together they would be garbage; put the old parent back, or accept it with “bonsai disk rebase "
    "--unsafe”",
    layer->store->path, below->store->path, vmdk_descriptor_parent_cid (vmdk->descriptor),
    vmdk_descriptor_cid (parent->descriptor));
  return false;
}

/* --- data --- */

static int
vmdk_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *result)
{
  const Vmdk *vmdk = layer->state;
  const VmdkExtent *extent = vmdk_extent_at (vmdk, offset);
  uint64_t within = offset - extent->start;

  length = MIN (length, extent->length - within);
  *result = (LayerExtent){ .kind = EXTENT_ZERO, .length = length };
  if (extent->access == VMDK_NOACCESS)
    return -EACCES;
  switch (extent->kind)
    {
      case VMDK_SPARSE: {
        int error = vmdk_sparse_map (extent->sparse, within, length, may_block, result);

        result->writable &= extent->access == VMDK_RW;
        return error;
      }
    case VMDK_FLAT:
      *result = (LayerExtent){
        .kind = EXTENT_DATA,
        .writable = extent->access == VMDK_RW,
        .length = length,
        .store = extent->store,
        .offset = extent->offset + within,
      };
      return 0;
    case VMDK_ZERO:
    default:
      return 0;
    }
}

static int
vmdk_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  const Vmdk *vmdk = layer->state;
  const VmdkExtent *extent = vmdk_extent_at (vmdk, offset);
  uint64_t within = offset - extent->start;
  int error;

  if (extent->sparse == NULL || extent->access != VMDK_RW || (extent->sparse->flags & VMDK_FLAG_COMPRESSED))
    return -EROFS;
  error = vmdk_sparse_place (extent->sparse, within, MIN (length, extent->length - within), may_block, place);
  place->offset += extent->start;
  return error;
}

static void
vmdk_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  const VmdkExtent *extent = vmdk_extent_at (layer->state, offset);
  uint64_t at = place->store_offset + (offset - place->offset);

  vmdk_sparse_link (extent->sparse, offset - extent->start, length, at / VMDK_SECTOR);
  layer->dirty = true;
}

static void
vmdk_unplace (ImageLayer *layer, const ImagePlace *place)
{
  const VmdkExtent *extent = vmdk_extent_at (layer->state, place->offset);

  vmdk_sparse_unplace (extent->sparse, place->offset - extent->start, place->length,
                       place->store_offset / VMDK_SECTOR);
}

static int
unmap_flat (const VmdkExtent *extent, uint64_t offset, uint64_t length, bool may_block)
{
  int error;

  if (!may_block)
    return -EAGAIN;
  error = store_punch (extent->store, extent->offset + offset, length);
  return error == -EOPNOTSUPP ? store_zero (extent->store, extent->offset + offset, length) : error;
}

static int
vmdk_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block)
{
  const Vmdk *vmdk = layer->state;

  while (length > 0)
    {
      const VmdkExtent *extent = vmdk_extent_at (vmdk, offset);
      uint64_t within = offset - extent->start, n = MIN (length, extent->length - within);
      int error = 0;

      if (extent->kind != VMDK_ZERO && extent->access != VMDK_RW)
        error = -EROFS;
      else if (extent->kind == VMDK_FLAT)
        error = unmap_flat (extent, within, n, may_block);
      else if (extent->kind == VMDK_SPARSE)
        error = vmdk->stream != NULL
                  ? -EOPNOTSUPP
                  : vmdk_sparse_unmap (extent->sparse, within, n, kind, vmdk->has_parent, may_block);
      if (error < 0)
        return error;
      layer->dirty |= extent->sparse != NULL && vmdk_sparse_is_dirty (extent->sparse);
      offset += n;
      length -= n;
      if (offset >= layer->size)
        break;
    }
  return 0;
}

static int
vmdk_decode (ImageLayer *layer, const LayerExtent *code, uint8_t *out)
{
  const Vmdk *vmdk = layer->state;

  for (unsigned i = 0; i < vmdk->n_extents; i++)
    if (vmdk->extents[i].store == code->store)
      return vmdk_stream_decode (vmdk->extents[i].sparse, code->offset, out);
  return -EIO;
}

static int
vmdk_compress (ImageLayer *layer, const uint8_t *data, uint8_t *code)
{
  const Vmdk *vmdk = layer->state;

  return vmdk->stream != NULL ? vmdk_stream_compress (vmdk->extents[0].sparse, data, code) : -EOPNOTSUPP;
}

static int
vmdk_write_code (ImageLayer *layer, uint64_t offset, const uint8_t *code, size_t size)
{
  Vmdk *vmdk = layer->state;
  int error;

  if (vmdk->stream == NULL)
    return -EOPNOTSUPP;
  error = vmdk_stream_write (vmdk->stream, vmdk->extents[0].sparse, offset / layer->cluster, code, size);
  layer->dirty |= vmdk->stream->touched;
  return error;
}

/* --- order --- */

/* Zeroes that needed no writing: tables lead to nothing beyond the file's end. */
static int
cover_grains (VmdkSparse *sparse)
{
  uint64_t end = sparse->end * VMDK_SECTOR;

  return sparse->store->fixed_size || store_size (sparse->store) >= end ? 0
                                                                        : store_resize (sparse->store, end);
}

/* Data first, and with it the mark that tables are about to change. */
static int
sync_data (ImageLayer *layer, Vmdk *vmdk)
{
  int error = 0;

  for (unsigned i = 0; i < vmdk->n_extents && error == 0; i++)
    {
      VmdkSparse *sparse = vmdk->extents[i].sparse;

      if (sparse == NULL || !vmdk_sparse_is_dirty (sparse))
        continue;
      error = vmdk_sparse_confirm (sparse, true);
      if (error == 0)
        error = cover_grains (sparse);
      if (error < 0 || sparse->unclean)
        continue;
      sparse->header[VMDK_H_UNCLEAN] = 1;
      error = vmdk_sparse_write_header (sparse);
      sparse->unclean = error == 0;
    }
  if (error == 0)
    error = store_sync (layer->store);
  for (unsigned i = 0; i < layer->stores->len && error == 0; i++)
    error = store_sync (g_ptr_array_index (layer->stores, i));
  return error;
}

int
vmdk_flush (ImageLayer *layer)
{
  Vmdk *vmdk = layer->state;
  int error;

  if (vmdk->stream != NULL)
    error = vmdk_stream_finish (vmdk->stream, vmdk->extents[0].sparse);
  else
    {
      error = sync_data (layer, vmdk);
      for (unsigned i = 0; i < vmdk->n_extents && error == 0; i++)
        if (vmdk->extents[i].sparse != NULL && vmdk_sparse_is_dirty (vmdk->extents[i].sparse))
          error = vmdk_sparse_flush (vmdk->extents[i].sparse);
    }
  if (error == 0)
    layer->dirty = false;
  return error;
}

/* VDF: the CID changes with the first change of the content after opening. */
static int
vmdk_begin_writing (ImageLayer *layer)
{
  Vmdk *vmdk = layer->state;

  if (vmdk->stream != NULL)
    return 0;
  if (vmdk->next_cid != 0)
    vmdk_descriptor_set_cid (vmdk->descriptor, "CID", vmdk->next_cid);
  else
    vmdk_new_cid (vmdk->descriptor);
  vmdk->next_cid = 0;
  return vmdk_store_descriptor (layer);
}

/* --- what it says of itself --- */

static const char *
kind_name (const VmdkExtent *extent)
{
  static const char *const names[] = { "FLAT", "SPARSE", "ZERO" };

  return names[extent->kind];
}

static void
vmdk_describe (ImageLayer *layer, ImageInfo *info)
{
  static const char *const access[] = { "RW", "RDONLY", "NOACCESS" };
  const Vmdk *vmdk = layer->state;
  const char *type = vmdk_descriptor_get (vmdk->descriptor, "createType");
  const char *adapter = vmdk_descriptor_get (vmdk->descriptor, "ddb.adapterType");

  g_free (info->subformat);
  info->subformat = g_strdup (type);
  image_info_detail (info, "create type", "%s", type != NULL ? type : "(not given)");
  image_info_detail (info, "CID", "%08x", vmdk_descriptor_cid (vmdk->descriptor));
  if (vmdk_descriptor_parent_cid (vmdk->descriptor) != VMDK_NO_PARENT)
    image_info_detail (info, "parent CID", "%08x", vmdk_descriptor_parent_cid (vmdk->descriptor));
  if (adapter != NULL)
    image_info_detail (info, "adapter type", "%s", adapter);
  for (unsigned i = 0; i < vmdk->n_extents; i++)
    {
      const VmdkExtent *extent = &vmdk->extents[i];
      g_autofree char *name = extent->store != NULL ? g_path_get_basename (extent->store->path) : NULL;
      const char *note = extent->sparse == NULL                         ? ""
                         : extent->sparse->flags & VMDK_FLAG_COMPRESSED ? ", compressed"
                                                                        : "";

      image_info_detail (info, "extent", "%s %" G_GUINT64_FORMAT " sectors, %s%s%s%s", access[extent->access],
                         extent->length / VMDK_SECTOR, kind_name (extent), note, name != NULL ? ", " : "",
                         name != NULL ? name : "");
      info->dirty |= extent->sparse != NULL && extent->sparse->unclean_found;
      info->corrupt |= extent->sparse != NULL && extent->sparse->gd_lost;
    }
}

const ImageFormat image_vmdk = {
  .name = "vmdk",
  .suffix = ".vmdk",
  .probe = vmdk_probe,
  .open = vmdk_open,
  .close = vmdk_close,
  .check_backing = vmdk_check_backing,
  .expect_change = vmdk_expect_change,
  .begin_writing = vmdk_begin_writing,
  .map = vmdk_map,
  .place = vmdk_place,
  .link = vmdk_link,
  .unplace = vmdk_unplace,
  .unmap = vmdk_unmap,
  .flush = vmdk_flush,
  .decode = vmdk_decode,
  .compress = vmdk_compress,
  .write_code = vmdk_write_code,
  .resize = vmdk_resize,
  .set_backing = vmdk_set_backing,
  .describe = vmdk_describe,
  .check = vmdk_check,
  .create = vmdk_create,
};
