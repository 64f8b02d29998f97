/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* A small picture that is drawn over the guest's: premultiplied ARGB8888 in rows of @width. */
typedef struct {
  int width, height;
  uint32_t *pixels;
} Sprite;

void sprite_free (Sprite *sprite);

/**
 * overlay_panel:
 * @heading: (nullable): one line in bold
 * @text: (nullable): wrapped to @max_width
 * @max_width: of the panel, in pixels
 * @scale: pixels per point of a HiDPI screen, 1.0 on others
 *
 * Draws text on a dark panel with round corners. Returns: (transfer full).
 */
Sprite *overlay_panel (const char *heading, const char *text, int max_width, double scale);

/* The program's picture for window lists: a bonsai in its pot. (transfer full) */
Sprite *overlay_icon (int size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sprite, sprite_free)

G_END_DECLS
