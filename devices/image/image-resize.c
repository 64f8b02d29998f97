/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "devices/image/ranges.h"

#include "vmm/base/error.h"

/* --- the whole disk, for a while --- */

typedef struct {
  ImageRequest request;
  GMutex lock;
  GCond cond;
  bool taken;
} Hold;

void
image_hold_taken (ImageRequest *request)
{
  Hold *hold = request->data;

  g_mutex_lock (&hold->lock);
  hold->taken = true;
  g_cond_signal (&hold->cond);
  g_mutex_unlock (&hold->lock);
}

/* Waits for what is under way; what comes later waits. */
static void
take_hold (Image *image, Hold *hold)
{
  g_mutex_init (&hold->lock);
  g_cond_init (&hold->cond);
  hold->request = (ImageRequest){ .kind = IMAGE_HOLD, .length = INT64_MAX, .image = image, .data = hold };
  if (ranges_hold (&hold->request, true))
    hold->taken = true;
  g_mutex_lock (&hold->lock);
  while (!hold->taken)
    g_cond_wait (&hold->cond, &hold->lock);
  g_mutex_unlock (&hold->lock);
}

static void
release_hold (Hold *hold)
{
  ranges_release (&hold->request);
  g_cond_clear (&hold->cond);
  g_mutex_clear (&hold->lock);
}

/* Formats may move clusters out of the way of their tables. */
static bool
resize_layer (Image *image, uint64_t size, GError **error)
{
  ImageLayer *layer = image_top (image);
  Hold hold = { 0 };
  bool resized;

  take_hold (image, &hold);
  g_mutex_lock (&layer->lock);
  resized = layer->format->resize (layer, size, error);
  g_mutex_unlock (&layer->lock);
  image_forget (image, 0, MIN (size, image_size (image)));
  release_hold (&hold);
  return resized;
}

/* --- the size --- */

static void
tell (void *data)
{
  Image *image = data;

  if (image->resized != NULL)
    image->resized (image, image->resized_data);
}

bool
image_resize (Image *image, uint64_t size, GError **error)
{
  ImageLayer *layer = image_top (image);
  bool resized = false;

  g_return_val_if_fail (!loop_is_current (image->loop), false);
  if (image->read_only)
    g_set_error (error, VMM_ERROR, VMM_ERROR_PERMISSION,
                 "The size of disk image “%s” can't change: it is opened read-only", image_path (image));
  else if (size == 0 || size % IMAGE_SECTOR_SIZE != 0 || size > INT64_MAX)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "Disk image “%s” can't have %" G_GUINT64_FORMAT " bytes; choose a multiple of %u",
                 image_path (image), size, IMAGE_SECTOR_SIZE);
  else if (layer->format->resize == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "The size of disk image “%s” can't change, because its format %s has no way to; convert it to qcow2",
      image_path (image), layer->format->name);
  else
    resized = resize_layer (image, size, error);
  if (!resized)
    return false;
  __atomic_store_n (&image->size, size, __ATOMIC_RELEASE);
  loop_call_sync (image->loop, tell, image);
  return true;
}

void
image_on_resize (Image *image, void (*func) (Image *image, void *data), void *data)
{
  image->resized = func;
  image->resized_data = data;
}
