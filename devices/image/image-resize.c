/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "vmm/base/error.h"

/* Formats may move clusters out of the way of their tables. */
static bool
resize_layer (Image *image, uint64_t size, GError **error)
{
  bool resized;

  image_hold (image);
  /* Of a disk that is being committed the layer below gets what is new. */
  resized =
    (!image->draining || size <= image_layer (image, 1)->size || image_resize_layer (image, 1, size, error))
    && image_resize_layer (image, 0, size, error);
  if (resized)
    __atomic_store_n (&image->size, size, __ATOMIC_RELEASE);
  image_layers_changed (image);
  image_release (image);
  return resized;
}

static void
tell (void *data)
{
  Image *image = data;
  void (*resized) (Image * image, void *data);
  void *resized_data;

  g_mutex_lock (&image->lock);
  resized = image->resized;
  resized_data = image->resized_data;
  g_mutex_unlock (&image->lock);
  if (resized != NULL)
    resized (image, resized_data);
}

bool
image_resize (Image *image, uint64_t size, GError **error)
{
  uint64_t before = image_size (image);
  bool resized = false;

  g_return_val_if_fail (!loop_is_current (image->loop), false);
  if (image->read_only)
    g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                 "The size of disk image “%s” can't change: it is opened read-only", image_path (image));
  else if (size == 0 || size % IMAGE_SECTOR_SIZE != 0 || size > INT64_MAX)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "Disk image “%s” can't have %" G_GUINT64_FORMAT " bytes; choose a multiple of %u",
                 image_path (image), size, IMAGE_SECTOR_SIZE);
  else
    resized = resize_layer (image, size, error);
  if (resized && before != size)
    loop_call_sync (image->loop, tell, image);
  return resized;
}

void
image_on_resize (Image *image, void (*func) (Image *image, void *data), void *data)
{
  g_mutex_lock (&image->lock);
  image->resized = func;
  image->resized_data = data;
  g_mutex_unlock (&image->lock);
}
