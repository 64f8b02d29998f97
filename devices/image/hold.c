/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "devices/image/lookup.h"
#include "devices/image/throttle.h"

bool
image_is_idle_locked (const Image *image)
{
  return image->in_flight == image->n_held_back;
}

bool
image_hold_admits_locked (Image *image, ImageRequest *request)
{
  if (!image->holding)
    return true;
  image->n_held_back++;
  image_queue_push (&image->held_back, request);
  return false;
}

void
image_hold (Image *image)
{
  g_mutex_lock (&image->edit);
  g_mutex_lock (&image->lock);
  image->holding = true;
  g_mutex_unlock (&image->lock);
  throttle_set_open (image->throttle, true); /* what is under way needn't wait for the limits */
  g_mutex_lock (&image->lock);
  while (!image_is_idle_locked (image))
    g_cond_wait (&image->idle, &image->lock);
  g_mutex_unlock (&image->lock);
  throttle_set_open (image->throttle, false);
}

void
image_release (Image *image)
{
  ImageRequest *request;

  g_mutex_lock (&image->lock);
  image->holding = false;
  request = image->held_back.first;
  image->held_back.first = NULL;
  image->n_held_back = 0;
  g_mutex_unlock (&image->lock);
  g_mutex_unlock (&image->edit);

  while (request != NULL)
    {
      ImageRequest *next = request->next;

      image_set_out (request);
      request = next;
    }
}

static void
number_stores (Image *image, ImageLayer *layer)
{
  layer->store->number = image->stores->len;
  g_ptr_array_add (image->stores, layer->store);
  for (unsigned i = 0; layer->stores != NULL && i < layer->stores->len; i++)
    {
      ImageStore *store = g_ptr_array_index (layer->stores, i);

      store->number = image->stores->len;
      g_ptr_array_add (image->stores, store);
    }
}

void
image_layers_changed (Image *image)
{
  const ImageLayer *top = image_top (image);

  g_clear_pointer (&image->stores, g_ptr_array_unref);
  image->stores = g_ptr_array_new ();
  image->range_unit = top->cluster;
  image->several_writable = false;
  for (unsigned i = 0; i < image->layers->len; i++)
    {
      ImageLayer *layer = image_layer (image, i);

      number_stores (image, layer);
      if (!layer->read_only)
        {
          image->range_unit = MAX (image->range_unit, layer->cluster);
          image->several_writable = image->several_writable || i > 0;
        }
    }
  g_clear_pointer (&image->map, extent_map_free);
  if (!image_is_identity (image))
    image->map = image_map_new (image);

  image->path = g_intern_string (top->store->path);
  image->block_size = top->store->block_size;
  image->format = top->format;
}
