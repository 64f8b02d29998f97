/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A rectangle in pixels. */
typedef struct {
  int x, y, width, height;
} Rect;

/* Damage: up to 32 rectangles; more are merged into their bounding boxes. A plain value. */
#define DAMAGE_MAX 32
typedef struct {
  unsigned n;
  Rect rects[DAMAGE_MAX];
} Damage;

/* The common part; width and height are 0 when there is none. */
Rect rect_intersect (Rect a, Rect b);
static inline bool
rect_is_empty (Rect rect)
{
  return rect.width <= 0 || rect.height <= 0;
}

void damage_clear (Damage *damage);
bool damage_is_empty (const Damage *damage);
void damage_add (Damage *damage, Rect rect);
void damage_add_all (Damage *damage, const Damage *other);
Rect damage_bounds (const Damage *damage);

/* Cuts off what lies outside of @bounds. */
void damage_clip (Damage *damage, Rect bounds);

/*
 * Surface: XRGB8888 pixels in memory (native-endian 0x00RRGGBB; the top byte is undefined).
 * Size and place never change; a mode change makes a new surface. Reference-counted, atomically.
 */
typedef struct Surface Surface;

struct Surface {
  int width, height; /* pixels, 1..16384 */
  int stride;        /* bytes */
  uint32_t *pixels;
  /* private */
  gatomicrefcount refs;
  GDestroyNotify free_pixels;
  void *free_data;
};

Surface *surface_new (int width, int height); /* black */

/* Shows memory of someone else's (a frame buffer): @free_pixels (@free_data) runs with the last reference. */
Surface *surface_new_for_memory (int width, int height, int stride, uint32_t *pixels, GDestroyNotify free_pixels,
                                 void *free_data);
Surface *surface_ref (Surface *surface);
void surface_unref (Surface *surface);

/* A copy of the pixels in memory of its own. (transfer full) */
Surface *surface_copy (Surface *surface);

/* The whole of it. */
Rect surface_rect (const Surface *surface);

/* The picture as a PNG file's bytes (RGB, 8 bits). (transfer full), NULL with @error set if memory runs out. */
GBytes *surface_to_png (Surface *surface, GError **error);

/* Writes @surface as a PNG file, atomically. The error is a G_FILE_ERROR or a DISPLAY_ERROR. */
bool surface_save_png (Surface *surface, const char *path, GError **error);

/* A copy scaled down to fit @max_width x @max_height, area-averaged. (transfer full) */
Surface *surface_thumbnail (Surface *surface, int max_width, int max_height);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Surface, surface_unref)

G_END_DECLS
