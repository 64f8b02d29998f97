/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/*
 * Works the app from inside as a person would: finds what is in sight by its name, presses it, opens and
 * closes windows. Whatever isn't there yet is waited for; what doesn't come fails the test. Names are as
 * hand_name has them. Main thread.
 */

/* The window in front: the newest that is shown. (transfer none) */
GtkWidget *hand_window (void);
/* The menu or popover that is open in it, otherwise itself. (transfer none) */
GtkWidget *hand_surface (void);

/* What a person would call @widget: its accessible label, its text, that of what is in it, its tooltip, its
 * row's title. "" if there is nothing. (transfer full) */
char *hand_name (GtkWidget *widget);

/* In the window in front, something in sight of @type whose name is @name, or else begins with it. (transfer
 * none) */
GtkWidget *hand_find (GType type, const char *name);
/* The same for any text. */
void hand_see (const char *text);

/* Presses a button, an entry of a menu, a switch or a row. */
void hand_press (const char *name);
/* Writes @text into the entry of that name. */
void hand_type (const char *name, const char *text);
/* An action of the window in front, or of @type in it; @target: (nullable) */
void hand_act (GType type, const char *action, const char *target);

/* Closes the menu that is open, or the window in front, and waits until it has gone. */
void hand_close (void);

/* Lets the app draw what has changed. */
void hand_settle (void);

/* Calls @visit for all in sight in @widget, parents first; where it says false nothing deeper is visited. */
void hand_walk (GtkWidget *widget, gboolean (*visit) (GtkWidget *widget, gpointer data), gpointer data);

G_END_DECLS
