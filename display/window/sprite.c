/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/window/sprite.h"

Sprite *
sprite_new (int width, int height)
{
  Sprite *sprite = g_new0 (Sprite, 1);

  sprite->width = width;
  sprite->height = height;
  sprite->pixels = g_new0 (uint32_t, (size_t)width * height);
  return sprite;
}

void
sprite_free (Sprite *sprite)
{
  g_free (sprite->pixels);
  g_free (sprite);
}

/* Cairo's ARGB32 is premultiplied and native-endian, as a sprite is. */
cairo_t *
sprite_draw (Sprite *sprite)
{
  cairo_surface_t *surface = cairo_image_surface_create_for_data (
    (unsigned char *)sprite->pixels, CAIRO_FORMAT_ARGB32, sprite->width, sprite->height, sprite->width * 4);
  cairo_t *cr = cairo_create (surface);

  cairo_surface_destroy (surface);
  return cr;
}

void
sprite_drawn (cairo_t *cr)
{
  cairo_surface_flush (cairo_get_target (cr));
  cairo_destroy (cr);
}
