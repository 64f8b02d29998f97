/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <cairo.h>
#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A small picture that is drawn over the guest's: premultiplied ARGB8888 in rows of @width. */
typedef struct {
  int width, height;
  uint32_t *pixels;
} Sprite;

/* Transparent. (transfer full) */
Sprite *sprite_new (int width, int height);
void sprite_free (Sprite *sprite);

/* To draw into it, until sprite_drawn. */
cairo_t *sprite_draw (Sprite *sprite);
void sprite_drawn (cairo_t *cr);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sprite, sprite_free)

G_END_DECLS
