/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/error.h"

#include <errno.h>

/* --- where things lie --- */

/* Holes of the store under a raw layer are the layer's zeroes. */
static int
look_for_holes (ImageExtent *extent, ImageStore *store, uint64_t offset)
{
  uint64_t end;
  bool is_data;
  int result = store_status (store, offset, extent->length, &is_data, &end);

  if (result < 0)
    return result;
  extent->length = CLAMP (end - offset, 1, extent->length);
  extent->data = is_data;
  return 0;
}

static int
find_extent (Image *image, uint64_t offset, uint64_t length, ImageExtent *extent)
{
  LayerExtent where;
  unsigned depth;
  int result;

  if (length == 0 || offset > image_size (image) || length > image_size (image) - offset)
    return -EINVAL;
  result = image_chain_map (image, 0, offset, length, true, &where, &depth);
  if (result < 0)
    return result;
  *extent = (ImageExtent){
    .offset = offset,
    .length = where.length,
    .data = where.kind != EXTENT_ZERO,
    .depth = depth,
    .host_offset = UINT64_MAX,
  };
  if (depth < image->layers->len)
    {
      ImageLayer *layer = image_layer (image, depth);

      extent->encoded = where.kind == EXTENT_ENCODED || (layer->encrypted && where.kind == EXTENT_DATA);
      extent->path = layer->store->path;
      if (where.kind == EXTENT_DATA || where.kind == EXTENT_ENCODED)
        {
          extent->path = where.store->path;
          extent->host_offset = where.offset;
        }
      if (layer->identity)
        result = look_for_holes (extent, where.store, where.offset);
    }
  return result;
}

int
image_extent (Image *image, uint64_t offset, uint64_t length, ImageExtent *extent)
{
  int result;

  g_mutex_lock (&image->edit);
  result = find_extent (image, offset, length, extent);
  if (result == 0 && extent->path != NULL)
    extent->path = g_intern_string (extent->path); /* outlives the layer */
  g_mutex_unlock (&image->edit);
  return result;
}

unsigned
image_n_layers (Image *image)
{
  unsigned n;

  g_mutex_lock (&image->edit);
  n = image->layers->len;
  g_mutex_unlock (&image->edit);
  return n;
}

/* --- what a layer says of itself --- */

static void
snapshot_free (void *data)
{
  ImageSnapshot *snapshot = data;

  g_free (snapshot->id);
  g_free (snapshot->name);
  g_free (snapshot);
}

static ImageInfo *
describe (ImageLayer *layer)
{
  ImageInfo *info = g_new0 (ImageInfo, 1);

  info->snapshots = g_ptr_array_new_with_free_func (snapshot_free);
  info->details = g_ptr_array_new_with_free_func (g_free);
  g_mutex_lock (&layer->lock);
  info->path = g_strdup (layer->store->path);
  info->format = g_strdup (layer->format->name);
  info->size = layer->size;
  info->allocated = store_allocated (layer->store);
  info->file_size = store_size (layer->store);
  for (unsigned i = 0; layer->stores != NULL && i < layer->stores->len; i++)
    {
      info->allocated += store_allocated (g_ptr_array_index (layer->stores, i));
      info->file_size += store_size (g_ptr_array_index (layer->stores, i));
    }
  info->cluster_size = layer->identity ? 0 : layer->cluster;
  info->encrypted = layer->encrypted;
  info->backing_path = g_strdup (layer->backing_path);
  info->backing_format = g_strdup (layer->backing_format);
  info->backing_resolved = g_strdup (layer->resolved_backing);
  if (layer->format->describe != NULL)
    layer->format->describe (layer, info);
  g_mutex_unlock (&layer->lock);
  return info;
}

ImageInfo *
image_info (Image *image, unsigned depth)
{
  ImageInfo *info = NULL;

  g_mutex_lock (&image->edit);
  if (depth < image->layers->len)
    info = describe (image_layer (image, depth));
  g_mutex_unlock (&image->edit);
  g_return_val_if_fail (info != NULL, NULL);
  return info;
}

void
image_info_detail (ImageInfo *info, const char *name, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (info->details, g_strdup (name));
  g_ptr_array_add (info->details, g_strdup_vprintf (format, args));
  va_end (args);
}

void
image_info_free (ImageInfo *info)
{
  if (info == NULL)
    return;
  g_free (info->path);
  g_free (info->format);
  g_free (info->subformat);
  g_free (info->backing_path);
  g_free (info->backing_format);
  g_free (info->backing_resolved);
  g_ptr_array_unref (info->snapshots);
  g_ptr_array_unref (info->details);
  g_free (info);
}

/* --- check --- */

bool
image_check (Image *image, ImageCheck *check, GError **error)
{
  ImageLayer *layer = image_top (image);

  if (layer->format->check != NULL)
    return layer->format->check (layer, check, error);
  if (layer->identity)
    {
      check->image_end = store_size (layer->store); /* raw: nothing that could be wrong */
      return true;
    }
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Disk image “%s” can't be checked: its format %s has no such check", layer->store->path,
               layer->format->name);
  return false;
}
