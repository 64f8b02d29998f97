/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/error.h"

#include <unistd.h>

static bool
set_size_error (const char *path, uint64_t size, GError **error)
{
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk image “%s” can't have %" G_GUINT64_FORMAT " bytes; choose a multiple of %u", path, size,
               IMAGE_SECTOR_SIZE);
  return false;
}

static const ImageFormat *
find_format (const char *path, const char *name, GError **error)
{
  const ImageFormat *format = image_format_find (name);

  if (format != NULL && format->create != NULL)
    return format;
  g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
               "Disk image “%s” can't be made: format “%s” %s; choose qcow2 or raw", path, name,
               format != NULL ? "can only be read" : "is not known");
  return NULL;
}

static bool
read_key_header (Image *image, GBytes **header, GError **error)
{
  ImageLayer *layer = image_top (image);

  if (layer->encrypted)
    *header = layer->format->read_key_header (layer, error);
  return !layer->encrypted || *header != NULL;
}

/* The backing file is seen from the folder of the new image. */
static bool
look_at_backing (const char *path, const ImageCreateOptions *options, uint64_t *size, GBytes **key_header,
                 GError **error)
{
  const ImageOptions backing_options = { .read_only = true,
                                         .format = options->backing_format,
                                         .locked = options->same_key };
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *backing = NULL;
  EventLoop *loop;
  Image *image;
  bool looked;

  if (options->backing_format == NULL)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_INVALID,
        "The format of the backing file “%s” must be given: what a guest can write to must not decide it",
        options->backing_path);
      return false;
    }
  backing = g_path_is_absolute (options->backing_path) || strstr (options->backing_path, "://") != NULL
              ? g_strdup (options->backing_path)
              : g_build_filename (folder, options->backing_path, NULL);
  loop = loop_new ("image-create", error);
  if (loop == NULL)
    return false;
  image = image_open (loop, backing, &backing_options, error);
  if (image != NULL)
    *size = image_size (image);
  looked = image != NULL && (!options->same_key || read_key_header (image, key_header, error));
  image_close (image);
  loop_free (loop);
  return looked;
}

bool
image_create (const char *path, const ImageCreateOptions *options, GError **error)
{
  const ImageFormat *format = find_format (path, options->format, error);
  ImageCreateOptions complete = *options;
  g_autoptr (GBytes) key_header = NULL;
  ImageStore *store;
  bool created;

  if (format == NULL)
    return false;
  if (options->backing_path != NULL)
    {
      uint64_t size = 0;

      if (!look_at_backing (path, options, &size, &key_header, error))
        return false;
      complete.key_header = key_header;
      if (complete.size == 0)
        complete.size = size;
    }
  if (complete.size == 0 || complete.size > (uint64_t)INT64_MAX || complete.size % IMAGE_SECTOR_SIZE != 0)
    return set_size_error (path, complete.size, error);

  store = store_create (path, error);
  if (store == NULL)
    return false;
  created = format->create (store, &complete, error);
  if (!created)
    unlink (path); /* still locked: nobody else's */
  store_close (store);
  return created;
}

bool
image_create_raw (const char *path, uint64_t size, GError **error)
{
  return image_create (path, &(ImageCreateOptions){ .format = "raw", .size = size }, error);
}
