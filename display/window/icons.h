/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "display/window/console-menu.h"

#include <cairo.h>

G_BEGIN_DECLS

/* Small pictures in the present colour, in a square of @size whose corner is at (@x, @y). */
void icon_draw (cairo_t *cr, ConsoleIcon icon, double x, double y, double size);
void icon_draw_check (cairo_t *cr, double x, double y, double size);
/* Points down; @size wide, with its left end at @x and its middle at @y. */
void icon_draw_arrow (cairo_t *cr, double x, double y, double size);

G_END_DECLS
