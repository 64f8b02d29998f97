/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* What a window must be for everybody. Each adds to @problems (of char *) what is wrong, in words. Main
 * thread. */

/* @window needs no more than @width by @height pixels. */
void audit_size (GtkWidget *window, int width, int height, GPtrArray *problems);

/* Nothing stands out of @surface that can't be scrolled to, and no text is cut that people must read. */
void audit_places (GtkWidget *surface, GPtrArray *problems);

/* Whatever can be used has a role and a name. */
void audit_names (GtkWidget *surface, GPtrArray *problems);

/* Tab comes to whatever can be pressed; lists are entered, and arrows lead on in them. Moves the focus, and
 * puts it back, and what scrolled with it. */
void audit_tab (GtkWidget *surface, GPtrArray *problems);

G_END_DECLS
