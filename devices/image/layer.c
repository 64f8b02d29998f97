/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/decoded.h"
#include "devices/image/image-private.h"

#include "vmm/base/error.h"

#include <errno.h>

static bool
is_sane (const ImageLayer *layer)
{
  return layer->size % IMAGE_SECTOR_SIZE == 0 && layer->size <= INT64_MAX
         && layer->granule >= IMAGE_SECTOR_SIZE && layer->cluster >= layer->granule
         && (layer->granule & (layer->granule - 1)) == 0 && (layer->cluster & (layer->cluster - 1)) == 0;
}

static void
free_layer (ImageLayer *layer)
{
  store_close (layer->store);
  g_clear_pointer (&layer->stores, g_ptr_array_unref);
  g_free (layer->backing_path);
  g_free (layer->backing_format);
  g_free (layer->resolved_backing);
  decoded_clusters_free (layer->decoded);
  g_mutex_clear (&layer->lock);
  g_free (layer);
}

ImageLayer *
image_layer_open (ImageStore *store, const ImageFormat *format, const ImageOptions *options, GError **error)
{
  ImageLayer *layer = g_new0 (ImageLayer, 1);

  g_mutex_init (&layer->lock);
  layer->format = format;
  layer->store = store;
  layer->read_only = options->read_only;
  layer->begun = format->begin_writing == NULL;
  layer->lenient = options->lenient;
  layer->decoded = format->decode != NULL ? decoded_clusters_new () : NULL;
  if (!format->open (layer, options, error))
    {
      free_layer (layer);
      return NULL;
    }
  if (!is_sane (layer))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "Disk image “%s” has %" G_GUINT64_FORMAT
                   " bytes in clusters of %u, which no disk can have; take it from a backup",
                   store->path, layer->size, layer->cluster);
      image_layer_close (layer);
      return NULL;
    }
  if (!layer->identity && format->place == NULL && format->write_code == NULL && !layer->read_only
      && !layer->lenient)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "Disk image “%s” is a %s image, which can be read but not written; attach it read-only, or "
        "convert it to qcow2",
        store->path, format->name);
      image_layer_close (layer);
      return NULL;
    }
  return layer;
}

void
image_layer_close (ImageLayer *layer)
{
  if (!layer->read_only && layer->dirty)
    image_layer_flush (layer);
  layer->format->close (layer);
  free_layer (layer);
}

int
image_layer_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  int result;

  *extent = (LayerExtent){ .kind = EXTENT_ABSENT, .length = length };
  if (offset >= layer->size)
    return 0;
  length = MIN (length, layer->size - offset);
  if (layer->identity)
    {
      *extent = (LayerExtent){
        .kind = EXTENT_DATA, .writable = true, .length = length, .store = layer->store, .offset = offset
      };
      return 0;
    }

  if (may_block)
    g_mutex_lock (&layer->lock);
  else if (!g_mutex_trylock (&layer->lock))
    return -EAGAIN;
  result = layer->format->map (layer, offset, length, may_block, extent);
  g_mutex_unlock (&layer->lock);
  if (result == 0)
    {
      g_assert (extent->length > 0);
      extent->length = MIN (extent->length, length);
    }
  return result;
}

int
image_layer_begin (ImageLayer *layer)
{
  int result = 0;

  if (g_atomic_int_get (&layer->begun))
    return 0;
  g_mutex_lock (&layer->lock);
  if (!g_atomic_int_get (&layer->begun))
    result = layer->format->begin_writing (layer);
  if (result == 0)
    g_atomic_int_set (&layer->begun, true);
  g_mutex_unlock (&layer->lock);
  return result;
}

static int
sync_stores (ImageLayer *layer)
{
  int result = store_sync (layer->store);

  for (unsigned i = 0; layer->stores != NULL && i < layer->stores->len && result == 0; i++)
    result = store_sync (g_ptr_array_index (layer->stores, i));
  return result;
}

int
image_layer_flush (ImageLayer *layer)
{
  int result = 0;
  bool dirty;

  g_mutex_lock (&layer->lock);
  dirty = layer->dirty;
  if (dirty && layer->format->flush != NULL)
    result = layer->format->flush (layer);
  g_mutex_unlock (&layer->lock);
  return dirty && layer->format->flush != NULL ? result : sync_stores (layer);
}

void
image_check_found (ImageCheck *check, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  if (check->finding == NULL)
    return;
  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  check->finding (text, check->data);
}
