/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/error.h"

/* Returns: the layer whose passphrases can be changed, or NULL with @error set. */
static ImageLayer *
find_layer (Image *image, GError **error)
{
  ImageLayer *layer = image_top (image);

  if (!layer->encrypted || layer->format->change_secret == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                 "Disk image “%s” is not encrypted. Convert it to an encrypted qcow2 image first.",
                 layer->store->path);
  else if (layer->read_only)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_PERMISSION,
      "Disk image “%s” is open to be read only, so its passphrases can't be changed. Open it to be written.",
      layer->store->path);
  else
    return layer;
  return NULL;
}

bool
image_change_secret (Image *image, const ImageSecret *old_secret, const ImageSecret *new_secret,
                     unsigned milliseconds, ImageKeys *keys, GError **error)
{
  ImageLayer *layer;

  g_return_val_if_fail (old_secret != NULL || new_secret != NULL, false);
  layer = find_layer (image, error);
  return layer != NULL
         && layer->format->change_secret (layer, old_secret, new_secret, milliseconds, keys, error);
}

bool
image_adopt_secrets (Image *image, Image *other, GError **error)
{
  ImageLayer *layer = find_layer (image, error);

  if (layer == NULL || image_top (other)->format != layer->format)
    return layer != NULL;
  return layer->format->adopt_secrets (layer, image_top (other), error);
}

void
image_lend_keys (Image *image, ImageKeys *keys)
{
  g_mutex_lock (&image->edit);
  for (guint i = 0; i < image->layers->len; i++)
    {
      const ImageLayer *layer = image_layer (image, i);

      if (layer->encrypted)
        layer->format->lend_key (layer, keys);
    }
  g_mutex_unlock (&image->edit);
}

bool
image_shred (Image *image, GError **error)
{
  ImageLayer *layer = find_layer (image, error);

  return layer != NULL && layer->format->shred (layer, error);
}
