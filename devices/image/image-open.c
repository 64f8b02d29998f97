/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Longer chains are a mistake, or an attack. */
#define MAX_LAYERS 256u

/* --- one file --- */

static bool
refuse_empty (ImageStore *store, GError **error)
{
  if (store_size (store) > 0)
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               store->fixed_size ? "Disk “%s” has no medium; insert one, or choose another disk"
                                 : "Disk image “%s” is empty; create it with a size, or choose another one",
               store->path);
  return false;
}

/* @store: transfer full. */
static ImageLayer *
open_store (ImageStore *store, const ImageOptions *options, bool *guessed_raw, GError **error)
{
  const ImageFormat *format = NULL;

  if (refuse_empty (store, error))
    format = image_format_choose (store, options->format, guessed_raw, error);
  if (format != NULL)
    return image_layer_open (store, format, options, error);
  store_close (store);
  return NULL;
}

/* --- backing files --- */

static bool
is_uri (const char *location)
{
  return strstr (location, "://") != NULL || g_str_has_prefix (location, "nbd:")
         || g_str_has_prefix (location, "json:");
}

/* What @layer calls its backing file, as seen from the folder that it lies in itself. */
static char *
resolve (const ImageLayer *layer)
{
  const char *path = layer->backing_path;
  g_autofree char *folder = NULL;

  if (g_str_has_prefix (path, "file:"))
    path += strlen (g_str_has_prefix (path, "file://") ? "file://" : "file:");
  if (is_uri (path) || g_path_is_absolute (path) || is_uri (layer->store->path))
    return g_strdup (path);
  folder = g_path_get_dirname (layer->store->path);
  return g_strcmp0 (folder, ".") == 0 && !g_str_has_prefix (layer->store->path, "./")
           ? g_strdup (path)
           : g_build_filename (folder, path, NULL);
}

/* Whether the file at @path is that of one of @layers. */
static bool
is_among (GPtrArray *layers, const char *path)
{
  struct stat st, other;

  if (is_uri (path))
    return false;
  if (stat (path, &st) < 0)
    return false;
  for (unsigned i = 0; i < layers->len; i++)
    {
      const ImageLayer *layer = g_ptr_array_index (layers, i);

      if (stat (layer->store->path, &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino)
        return true;
    }
  return false;
}

static bool
is_plausible (GPtrArray *layers, const ImageLayer *above, const char *path, GError **error)
{
  const char *child = above->store->path;
  struct stat st;

  if (layers->len >= MAX_LAYERS)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "Disk image “%s” lies on more than %u others; merge some with “bonsai disk commit”",
                 ((ImageLayer *)g_ptr_array_index (layers, 0))->store->path, MAX_LAYERS - 1);
  else if (is_among (layers, path))
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "Disk image “%s” names “%s” as its backing file, which lies on it in turn: a circle; name another "
      "one with “bonsai disk rebase --unsafe”",
      child, path);
  else if (is_uri (path))
    return true;
  else if (stat (path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "The backing file “%s” of disk image “%s” does not exist; put it back where it was, or name the "
      "new place with “bonsai disk rebase --unsafe”",
      path, child);
  else if (stat (path, &st) == 0 && S_ISBLK (st.st_mode))
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "Disk image “%s” names the device “%s” as its backing file, which would show its content to the "
      "guest; copy what is needed to an image, and name that with “bonsai disk rebase --unsafe”",
      child, path);
  else
    return true;
  return false;
}

/* The classic attack: a guest that owns a raw disk writes a header into it that names any file of the host's
 * as backing file. So nothing whose format isn't recorded may be raw, or name a backing file. */
static bool
is_trustworthy (const ImageLayer *above, const ImageLayer *below, bool guessed_raw, GError **error)
{
  if (above->backing_format != NULL)
    return true;
  if (guessed_raw)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "Disk image “%s” does not record the format of its backing file “%s”, which looks raw; if it is, "
      "record that with “bonsai disk rebase --unsafe --backing-format raw --backing '%s' '%s'”",
      above->store->path, below->store->path, above->backing_path, above->store->path);
  else if (below->backing_path != NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "Disk image “%s” does not record the format of its backing file “%s”, which names a backing file of "
      "its own, and could have been forged by a guest; if it is to be trusted, record the format with "
      "“bonsai disk rebase --unsafe --backing-format %s --backing '%s' '%s'”",
      above->store->path, below->store->path, below->format->name, above->backing_path, above->store->path);
  else
    return true;
  return false;
}

static ImageLayer *
open_below (EventLoop *loop, GPtrArray *layers, ImageLayer *above, const ImageOptions *options,
            GError **error)
{
  const StoreOptions store_options = { .read_only = true,
                                       .lock = options->exclusive_lock,
                                       .direct = options->direct };
  const ImageOptions layer_options = { .read_only = true,
                                       .format = above->backing_format,
                                       .direct = options->direct,
                                       .lenient = options->lenient,
                                       .secret = options->secret };
  bool guessed_raw = false;
  ImageStore *store;
  ImageLayer *layer;

  g_free (above->resolved_backing);
  above->resolved_backing = resolve (above);
  if (!is_plausible (layers, above, above->resolved_backing, error))
    return NULL;
  store = store_open (loop, above->resolved_backing, &store_options, error);
  layer = store != NULL ? open_store (store, &layer_options, &guessed_raw, error) : NULL;
  if (layer == NULL)
    {
      g_prefix_error (error, "The backing file of disk image “%s” can't be used. ", above->store->path);
      return NULL;
    }
  if (is_trustworthy (above, layer, guessed_raw, error)
      && (options->lenient || above->format->check_backing == NULL
          || above->format->check_backing (above, layer, error)))
    return layer;
  image_layer_close (layer);
  return NULL;
}

/* --- the whole --- */

static void
close_layer (void *layer)
{
  image_layer_close (layer);
}

Image *
image_open_store (EventLoop *loop, ImageStore *store, const ImageOptions *options, GError **error)
{
  static const ImageOptions defaults = { .exclusive_lock = true };
  GPtrArray *layers = g_ptr_array_new_with_free_func (close_layer);
  bool guessed_raw;
  ImageLayer *layer;

  if (options == NULL)
    options = &defaults;
  layer = open_store (store, options, &guessed_raw, error);
  if (layer != NULL)
    g_ptr_array_add (layers, layer);
  while (layer != NULL && layer->backing_path != NULL && !options->no_backing)
    {
      layer = open_below (loop, layers, layer, options, error);
      if (layer != NULL)
        g_ptr_array_add (layers, layer);
    }
  if (layer != NULL)
    return image_new (loop, layers, options);
  g_ptr_array_unref (layers);
  return NULL;
}

Image *
image_open (EventLoop *loop, const char *path, const ImageOptions *options, GError **error)
{
  static const ImageOptions defaults = { .exclusive_lock = true };
  StoreOptions store_options;
  ImageStore *store;

  if (options == NULL)
    options = &defaults;
  store_options = (StoreOptions){ .read_only = options->read_only,
                                  .lock = options->exclusive_lock,
                                  .direct = options->direct };
  store = store_open (loop, path, &store_options, error);
  return store != NULL ? image_open_store (loop, store, options, error) : NULL;
}
