/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/texture.h"

/* GDK has no format without alpha for this byte order: the copy gets it. */
GdkTexture *
texture_from_surface (const Surface *surface)
{
  gsize stride = (gsize)surface->width * 4;
  guint32 *copy = g_malloc (stride * surface->height);
  g_autoptr (GBytes) bytes = NULL;

  for (int y = 0; y < surface->height; y++)
    {
      const guint32 *from = (const guint32 *)((const char *)surface->pixels + (gsize)y * surface->stride);
      for (int x = 0; x < surface->width; x++)
        copy[(gsize)y * surface->width + x] = from[x] | 0xff000000u;
    }
  bytes = g_bytes_new_take (copy, stride * surface->height);
  return gdk_memory_texture_new (surface->width, surface->height, GDK_MEMORY_DEFAULT, bytes, stride);
}
