/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/sprite.h"

G_BEGIN_DECLS

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

G_END_DECLS
