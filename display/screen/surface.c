/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/screen/surface.h"

#include "display/display-error.h"
#include "display/screen/scale.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

#define SURFACE_SIDE_MAX 16384

Surface *
surface_new (int width, int height)
{
  uint32_t *pixels;

  g_return_val_if_fail (width >= 1 && width <= SURFACE_SIDE_MAX, NULL);
  g_return_val_if_fail (height >= 1 && height <= SURFACE_SIDE_MAX, NULL);

  pixels = g_new0 (uint32_t, (size_t) width * height);
  return surface_new_for_memory (width, height, width * 4, pixels, g_free, pixels);
}

Surface *
surface_new_for_memory (int width, int height, int stride, uint32_t *pixels, GDestroyNotify free_pixels,
                        void *free_data)
{
  Surface *surface;

  g_return_val_if_fail (width >= 1 && width <= SURFACE_SIDE_MAX, NULL);
  g_return_val_if_fail (height >= 1 && height <= SURFACE_SIDE_MAX, NULL);
  g_return_val_if_fail (stride >= width * 4, NULL);

  surface = g_new0 (Surface, 1);
  surface->width = width;
  surface->height = height;
  surface->stride = stride;
  surface->pixels = pixels;
  surface->free_pixels = free_pixels;
  surface->free_data = free_data;
  g_atomic_ref_count_init (&surface->refs);
  return surface;
}

Surface *
surface_ref (Surface *surface)
{
  g_atomic_ref_count_inc (&surface->refs);
  return surface;
}

void
surface_unref (Surface *surface)
{
  if (!g_atomic_ref_count_dec (&surface->refs))
    return;
  if (surface->free_pixels)
    surface->free_pixels (surface->free_data);
  g_free (surface);
}

Rect
surface_rect (const Surface *surface)
{
  return (Rect) { .width = surface->width, .height = surface->height };
}

Surface *
surface_copy (Surface *surface)
{
  Surface *copy = surface_new (surface->width, surface->height);

  scale_blit (surface, copy->pixels, copy->stride, surface_rect (copy), surface_rect (copy));
  return copy;
}

Surface *
surface_thumbnail (Surface *surface, int max_width, int max_height)
{
  int64_t width = surface->width, height = surface->height;
  Surface *thumbnail;

  g_return_val_if_fail (max_width >= 1 && max_height >= 1, NULL);

  if (width > max_width)
    {
      height = MAX (height * max_width / width, 1);
      width = max_width;
    }
  if (height > max_height)
    {
      width = MAX (width * max_height / height, 1);
      height = max_height;
    }

  thumbnail = surface_new ((int) width, (int) height);
  scale_blit (surface, thumbnail->pixels, thumbnail->stride, surface_rect (thumbnail),
              surface_rect (thumbnail));
  return thumbnail;
}

/* --- PNG --- */

static void
png_append (png_structp png, png_bytep bytes, png_size_t length)
{
  g_byte_array_append (png_get_io_ptr (png), bytes, (guint) length);
}

static void
png_failed (png_structp png, png_const_charp message)
{
  g_strlcpy (png_get_error_ptr (png), message, 128);
  png_longjmp (png, 1);
}

static void
png_warned (png_structp png, png_const_charp message)
{
}

static void
row_to_rgb (const Surface *surface, int y, uint8_t *rgb)
{
  const uint32_t *row =
    (const uint32_t *) ((const uint8_t *) surface->pixels + (ptrdiff_t) y * surface->stride);

  for (int x = 0; x < surface->width; x++)
    {
      uint32_t pixel = row[x];

      *rgb++ = (uint8_t) (pixel >> 16);
      *rgb++ = (uint8_t) (pixel >> 8);
      *rgb++ = (uint8_t) pixel;
    }
}

/* Whatever is freed lives in the caller: libpng leaves by longjmp. */
static bool
png_encode (png_structp png, png_infop info, const Surface *surface, GByteArray *bytes, uint8_t *rgb)
{
  if (setjmp (png_jmpbuf (png)))
    return false;

  png_set_write_fn (png, bytes, png_append, NULL);
  png_set_compression_level (png, 4);
  png_set_IHDR (png, info, surface->width, surface->height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_sRGB (png, info, PNG_sRGB_INTENT_PERCEPTUAL);
  png_write_info (png, info);
  for (int y = 0; y < surface->height; y++)
    {
      row_to_rgb (surface, y, rgb);
      png_write_row (png, rgb);
    }
  png_write_end (png, info);
  return true;
}

GBytes *
surface_to_png (Surface *surface, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree uint8_t *rgb = g_malloc ((size_t) surface->width * 3);
  char message[128] = "out of memory";
  png_structp png = png_create_write_struct (PNG_LIBPNG_VER_STRING, message, png_failed, png_warned);
  png_infop info = png ? png_create_info_struct (png) : NULL;
  bool done = info && png_encode (png, info, surface, bytes, rgb);

  png_destroy_write_struct (&png, &info);
  if (!done)
    {
      g_set_error (error, DISPLAY_ERROR, DISPLAY_ERROR_FAILED, "Can't make a PNG of the %dx%d screen: %s",
                   surface->width, surface->height, message);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

bool
surface_save_png (Surface *surface, const char *path, GError **error)
{
  g_autoptr (GBytes) png = surface_to_png (surface, error);
  gsize length;
  const char *data;

  if (!png)
    {
      g_prefix_error (error, "Can't save the screenshot %s: ", path);
      return false;
    }
  data = g_bytes_get_data (png, &length);
  if (!g_file_set_contents_full (path, data, (gssize) length, G_FILE_SET_CONTENTS_CONSISTENT, 0666, error))
    {
      g_prefix_error (error, "Can't save the screenshot %s: ", path);
      return false;
    }
  return true;
}
