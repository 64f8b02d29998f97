/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/decoded.h"
#include "devices/image/write.h"
#include "vmm/base/error.h"

/* --- one layer, opened anew --- */

/* Puts a layer of the same file, opened for writing or not, in place of layer @depth. Held and flushed. */
static bool
reopen (Image *image, unsigned depth, bool read_only, GError **error)
{
  ImageLayer *old = image_layer (image, depth), *layer = NULL;
  const StoreOptions store_options = { .read_only = read_only, .direct = image->direct };
  const ImageOptions options = { .read_only = read_only, .direct = image->direct, .kin = old };
  StoreLock old_lock = old->read_only ? STORE_LOCK_SHARED : STORE_LOCK_EXCLUSIVE;
  ImageStore *store;

  store = store_open (image->loop, old->store->path, &store_options, error);
  if (store == NULL)
    return false;

  /* Two descriptors of one file have different locks, which would contradict each other. */
  if (image->lock_files)
    store_lock (old->store, STORE_UNLOCKED, NULL);
  if (!image->lock_files || store_lock (store, read_only ? STORE_LOCK_SHARED : STORE_LOCK_EXCLUSIVE, error))
    layer = image_layer_open (store, old->format, &options, error);
  else
    store_close (store);
  if (layer == NULL)
    {
      if (image->lock_files)
        store_lock (old->store, old_lock, NULL);
      return false;
    }
  layer->resolved_backing = g_strdup (old->resolved_backing);
  image_layer_close (old);
  image->layers->pdata[depth] = layer;
  return true;
}

/* A last cluster that isn't whole would show what lies below it, or what it held before the disk once shrank,
 * as the disk goes on: the layer takes it over. */
static int
must_own_last_cluster (ImageLayer *layer, bool *must)
{
  LayerExtent extent;
  int result;

  *must = false;
  if (layer->size % layer->cluster == 0)
    return 0;
  result = image_layer_map (layer, layer->size - IMAGE_SECTOR_SIZE, IMAGE_SECTOR_SIZE, true, &extent);
  *must = layer->below > layer->size || extent.kind == EXTENT_ENCODED
          || (extent.kind == EXTENT_DATA && !extent.writable);
  return result;
}

static int
own_last_cluster (Image *image, unsigned depth)
{
  ImageLayer *layer = image_layer (image, depth);
  uint8_t sector[IMAGE_SECTOR_SIZE];
  const struct iovec iov = { sector, sizeof sector };
  uint64_t offset = layer->size - sizeof sector;
  bool must;
  int result = must_own_last_cluster (layer, &must);

  if (result < 0 || !must)
    return result;
  result = image_layer_begin (layer);
  if (result == 0)
    result = image_chain_read (image, depth, offset, &iov, 1, 0, sizeof sector);
  if (result == 0)
    result = image_write_layer (
      image, depth, (WriteSource){ .offset = offset, .length = sizeof sector, .iov = &iov, .n_iov = 1 });
  return result;
}

bool
image_resize_layer (Image *image, unsigned depth, uint64_t size, GError **error)
{
  ImageLayer *layer = image_layer (image, depth);
  bool resized = false;
  int result = 0;

  if (size == layer->size)
    return true;
  if (layer->format->resize == NULL)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "The size of disk image “%s” can't change, because its format %s has no way to; convert it to qcow2",
        layer->store->path, layer->format->name);
      return false;
    }
  layer->below = depth + 1 < image->layers->len ? image_layer (image, depth + 1)->size : 0;
  if (size > layer->size)
    result = own_last_cluster (image, depth);
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't write to disk image “%s”", layer->store->path);
  g_mutex_lock (&layer->lock);
  resized = layer->format->resize (layer, size, error);
  g_mutex_unlock (&layer->lock);
  decoded_forget (layer, 0, UINT64_MAX);
  return resized;
}

static bool
flush (Image *image, GError **error)
{
  int result = image_flush_layers (image);

  return result == 0 || vmm_set_errno_error (error, -result, "Can't flush disk image “%s”", image->path);
}

/* --- a new top --- */

static bool
is_made_on (const ImageLayer *overlay, const ImageLayer *top, GError **error)
{
  g_autofree char *backing =
    overlay->backing_path != NULL ? image_layer_find_backing (overlay, overlay->backing_path) : NULL;

  if (backing != NULL && image_same_file (backing, top->store->path) && overlay->size == top->size)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s” is no overlay of “%s”; make one of the same size on it", overlay->store->path,
               top->store->path);
  return false;
}

bool
image_chain_push (Image *image, const char *path, const ImageOptions *options, GError **error)
{
  const ImageOptions overlay_options = { .exclusive_lock = image->lock_files,
                                         .direct = image->direct,
                                         .format = options != NULL ? options->format : NULL,
                                         .secret = options != NULL ? options->secret : NULL,
                                         .kin = image_top (image) };
  ImageLayer *overlay = image_layer_open_path (image->loop, path, &overlay_options, error);
  bool pushed;

  if (overlay == NULL)
    return false;
  image_hold (image);
  overlay->resolved_backing =
    overlay->backing_path != NULL ? image_layer_find_backing (overlay, overlay->backing_path) : NULL;
  pushed =
    is_made_on (overlay, image_top (image), error) && flush (image, error) && reopen (image, 0, true, error);
  if (pushed)
    g_ptr_array_insert (image->layers, 0, overlay);
  else
    image_layer_close (overlay);
  image_layers_changed (image);
  image_release (image);
  return pushed;
}

/* --- layers that can be written --- */

static bool set_backing (Image *image, unsigned depth, const char *path, const char *format, GError **error);

static bool
expect_change (Image *image, unsigned depth, GError **error)
{
  bool read_only = image_layer (image, depth)->read_only, expected;
  ImageLayer *layer;

  if (image_layer (image, depth)->format->expect_change == NULL)
    return true;
  if (read_only && !reopen (image, depth, false, error))
    return false;
  layer = image_layer (image, depth);
  g_mutex_lock (&layer->lock);
  expected = layer->format->expect_change (layer, image_layer (image, depth + 1), error);
  g_mutex_unlock (&layer->lock);
  if (read_only)
    reopen (image, depth, true, NULL);
  return expected;
}

/* Formats that tell a changed backing file are shown that this change is meant, before it is made: whatever
 * becomes of it, the chain opens again. */
static bool
begin_held (Image *image, unsigned depth, GError **error)
{
  const ImageLayer *above = image_layer (image, depth - 1);
  g_autofree char *path = g_strdup (above->backing_path), *format = g_strdup (above->backing_format);
  bool tells = above->format->check_backing != NULL && above->format->set_backing != NULL && path != NULL;
  int result;

  if (tells && !expect_change (image, depth - 1, error))
    return false;
  result = image_layer_begin (image_layer (image, depth));
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't write to disk image “%s”",
                                image_layer (image, depth)->store->path);
  return !tells || set_backing (image, depth - 1, path, format, error);
}

static bool
make_writable_held (Image *image, unsigned depth, GError **error)
{
  bool read_only, made;
  uint64_t size;

  if (depth >= image->layers->len || depth == 0)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Disk image “%s” lies on no such layer", image->path);
      return false;
    }
  read_only = image_layer (image, depth)->read_only;
  if (read_only && !reopen (image, depth, false, error))
    return false;
  size = MAX (image_layer (image, depth)->size, image_layer (image, depth - 1)->size);
  made = begin_held (image, depth, error) && image_resize_layer (image, depth, size, error);
  if (!made && read_only)
    reopen (image, depth, true, NULL);
  return made;
}

bool
image_chain_make_writable (Image *image, unsigned layer, GError **error)
{
  bool made;

  image_hold (image);
  made = make_writable_held (image, layer, error);
  image_layers_changed (image);
  image_release (image);
  return made;
}

/* --- commit --- */

bool
image_chain_make_read_only (Image *image, unsigned layer, GError **error)
{
  bool made;

  image_hold (image);
  made =
    image_layer (image, layer)->read_only || (flush (image, error) && reopen (image, layer, true, error));
  image_layers_changed (image);
  image_release (image);
  return made;
}

bool
image_chain_begin_commit (Image *image, GError **error)
{
  bool begun;

  image_hold (image);
  begun = make_writable_held (image, 1, error);
  image->draining = begun;
  image_layers_changed (image);
  image_release (image);
  return begun;
}

bool
image_chain_end_commit (Image *image, GError **error)
{
  int result;
  bool ended = false;

  image_hold (image);
  if (!image->draining)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "No commit of disk image “%s” has begun", image->path);
  else
    {
      result = image_chain_drain (image, 0, 0, image_top (image)->size);
      ended =
        (result == 0 || vmm_set_errno_error (error, -result, "Can't commit disk image “%s”", image->path))
        && flush (image, error);
    }
  if (ended)
    {
      image->draining = false;
      g_ptr_array_remove_index (image->layers, 0);
    }
  image_layers_changed (image);
  image_release (image);
  return ended;
}

bool
image_chain_cancel_commit (Image *image, GError **error)
{
  bool cancelled = true;

  image_hold (image);
  if (image->draining)
    {
      image->draining = false;
      cancelled = flush (image, error) && reopen (image, 1, true, error);
    }
  image_layers_changed (image);
  image_release (image);
  return cancelled;
}

/* --- other backing files --- */

/* A layer that can't be written is made so for the moment. */
static bool
set_backing (Image *image, unsigned depth, const char *path, const char *format, GError **error)
{
  bool read_only = image_layer (image, depth)->read_only;
  ImageLayer *layer;
  bool set = false;

  if (read_only && !reopen (image, depth, false, error))
    return false;
  layer = image_layer (image, depth);
  if (layer->format->set_backing == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "Disk image “%s” can't name another backing file, because its format %s has no way to; convert "
      "it to qcow2",
      layer->store->path, layer->format->name);
  else
    {
      g_mutex_lock (&layer->lock);
      set = layer->format->set_backing (layer, path, format, error);
      g_mutex_unlock (&layer->lock);
    }
  if (set)
    {
      g_free (layer->resolved_backing);
      layer->resolved_backing = path != NULL ? image_layer_find_backing (layer, path) : NULL;
    }
  if (read_only)
    reopen (image, depth, true, NULL);
  return set;
}

static bool
drop_held (Image *image, unsigned first, unsigned n, GError **error)
{
  const ImageLayer *below;
  g_autofree char *path = NULL;

  if (first == 0 || n == 0 || first > image->layers->len || n > image->layers->len - first)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "Disk image “%s” has no such layers", image->path);
      return false;
    }
  if (!flush (image, error))
    return false;
  below = first + n < image->layers->len ? image_layer (image, first + n) : NULL;
  if (below != NULL)
    path = image_layer_name_backing (image_layer (image, first - 1), below->store->path);
  if (!set_backing (image, first - 1, path, below != NULL ? below->format->name : NULL, error))
    return false;
  g_ptr_array_remove_range (image->layers, first, n);
  return true;
}

bool
image_chain_drop (Image *image, unsigned first, unsigned n, GError **error)
{
  bool dropped;

  image_hold (image);
  dropped = drop_held (image, first, n, error);
  image_layers_changed (image);
  image_release (image);
  return dropped;
}

/* The layers below @layer if it named @path as its backing file. */
static GPtrArray *
open_below_as_if (Image *image, const ImageLayer *layer, const char *path, const char *format, GError **error)
{
  const ImageOptions options = { .read_only = true,
                                 .exclusive_lock = image->lock_files,
                                 .direct = image->direct };
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  GPtrArray *below = NULL;
  ImageFormat format_as_if = *layer->format;
  ImageLayer as_if = *layer;

  format_as_if.check_backing = NULL; /* it knows the present one */
  as_if.format = &format_as_if;
  as_if.backing_path = (char *)path;
  as_if.backing_format = (char *)format;
  as_if.resolved_backing = NULL;
  g_ptr_array_add (all, &as_if);
  if (path == NULL || image_chain_extend (image->loop, all, &options, error))
    below = image_layers_new ();
  for (unsigned i = 1; i < all->len; i++)
    if (below != NULL)
      g_ptr_array_add (below, g_ptr_array_index (all, i));
    else
      image_layer_close (g_ptr_array_index (all, i));
  g_free (as_if.resolved_backing);
  return below;
}

bool
image_chain_set_backing (Image *image, const char *path, const char *format, GError **error)
{
  g_autoptr (GPtrArray) below = NULL;
  bool set = false;

  image_hold (image);
  below = open_below_as_if (image, image_top (image), path, format, error);
  if (below != NULL)
    set = flush (image, error) && set_backing (image, 0, path, format, error);
  if (set)
    {
      if (image->layers->len > 1)
        g_ptr_array_remove_range (image->layers, 1, image->layers->len - 1);
      while (below->len > 0)
        g_ptr_array_add (image->layers, g_ptr_array_steal_index (below, 0));
    }
  image_layers_changed (image);
  image_release (image);
  return set;
}
