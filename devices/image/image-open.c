/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <glib/gi18n.h>
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

char *
image_layer_find_backing (const ImageLayer *layer, const char *path)
{
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

char *
image_layer_name_backing (const ImageLayer *layer, const char *path)
{
  g_autofree char *mine = NULL, *other = NULL, *my_folder = NULL, *other_folder = NULL;

  if (is_uri (path))
    return g_strdup (path);
  mine = g_canonicalize_filename (layer->store->path, NULL);
  other = g_canonicalize_filename (path, NULL);
  my_folder = g_path_get_dirname (mine);
  other_folder = g_path_get_dirname (other);
  return g_str_equal (my_folder, other_folder) && !is_uri (layer->store->path) ? g_path_get_basename (other)
                                                                               : g_steal_pointer (&other);
}

bool
image_same_file (const char *a, const char *b)
{
  struct stat a_st, b_st;

  if (is_uri (a) || is_uri (b))
    return g_str_equal (a, b);
  return stat (a, &a_st) == 0 && stat (b, &b_st) == 0 && a_st.st_dev == b_st.st_dev
         && a_st.st_ino == b_st.st_ino;
}

/* Whether the file at @path is that of one of @layers. */
static bool
is_among (GPtrArray *layers, const char *path)
{
  for (unsigned i = 0; i < layers->len; i++)
    if (image_same_file (((ImageLayer *)g_ptr_array_index (layers, i))->store->path, path))
      return true;
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
      _ ("The backing file “%s” of disk image “%s” does not exist; put it back where it was, or name the "
         "new place with “bonsai disk rebase --unsafe”"),
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
                                       .locked = options->locked,
                                       .secret = options->secret,
                                       .keys = options->keys,
                                       .kin = above };
  bool guessed_raw = false;
  ImageStore *store;
  ImageLayer *layer;

  g_free (above->resolved_backing);
  above->resolved_backing = image_layer_find_backing (above, above->backing_path);
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

bool
image_chain_extend (EventLoop *loop, GPtrArray *layers, const ImageOptions *options, GError **error)
{
  ImageLayer *layer = g_ptr_array_index (layers, layers->len - 1);

  while (layer->backing_path != NULL)
    {
      layer = open_below (loop, layers, layer, options, error);
      if (layer == NULL)
        return false;
      g_ptr_array_add (layers, layer);
    }
  return true;
}

static ImageStore *
open_path (EventLoop *loop, const char *path, const ImageOptions *options, GError **error)
{
  const StoreOptions store_options = { .read_only = options->read_only,
                                       .lock = options->exclusive_lock,
                                       .direct = options->direct };

  return store_open (loop, path, &store_options, error);
}

ImageLayer *
image_layer_open_path (EventLoop *loop, const char *path, const ImageOptions *options, GError **error)
{
  ImageStore *store = open_path (loop, path, options, error);
  bool guessed_raw;

  return store != NULL ? open_store (store, options, &guessed_raw, error) : NULL;
}

static void
close_layer (void *layer)
{
  image_layer_close (layer);
}

GPtrArray *
image_layers_new (void)
{
  return g_ptr_array_new_with_free_func (close_layer);
}

static const ImageOptions default_options = { .exclusive_lock = true };

Image *
image_open_store (EventLoop *loop, ImageStore *store, const ImageOptions *options, GError **error)
{
  g_autoptr (GPtrArray) layers = image_layers_new ();
  bool guessed_raw;
  ImageLayer *layer;

  if (options == NULL)
    options = &default_options;
  layer = open_store (store, options, &guessed_raw, error);
  if (layer == NULL)
    return NULL;
  g_ptr_array_add (layers, layer);
  if (!options->no_backing && !image_chain_extend (loop, layers, options, error))
    return NULL;
  return image_new (loop, g_steal_pointer (&layers), options);
}

Image *
image_open (EventLoop *loop, const char *path, const ImageOptions *options, GError **error)
{
  ImageStore *store;

  if (options == NULL)
    options = &default_options;
  store = open_path (loop, path, options, error);
  return store != NULL ? image_open_store (loop, store, options, error) : NULL;
}
