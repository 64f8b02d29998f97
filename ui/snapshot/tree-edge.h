/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Draws the line from a card to its child's: from the middle of its lower edge (@from, @top) to the middle of
 * the child's upper edge (@to, @bottom), with round corners; pixels. Main thread. */
void tree_edge_draw (GtkSnapshot *snapshot, float from, float top, float to, float bottom,
                     const GdkRGBA *color);

G_END_DECLS
