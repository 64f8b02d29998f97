/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Plain text: subtitles are Pango markup. */
void row_set_subtitle (AdwActionRow *row, const char *text);

/* A choice for a row's end: in narrow windows its text is cut, not the row's. @labels: (transfer full) */
GtkWidget *row_choice_new (GtkStringList *labels);
/* The same for a choice that has @labels already. */
void row_choice_shrink (GtkDropDown *choice, GtkStringList *labels);
/* The same for a number. */
GtkWidget *row_number_new (double min, double max, double step);

/* Over a number the wheel turns the page, too: nobody shall change numbers in passing. @widget: a spin button */
void row_ignore_wheel (GtkWidget *widget);

G_END_DECLS
