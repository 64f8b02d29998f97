/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <adwaita.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * RowList: the rows of a group that come and go with what they tell, and the group with them. They are only
 * made anew when something else is to be told, so that the focus stays. Plain value; main thread.
 */
typedef struct {
  AdwPreferencesGroup *group; /* unowned */
  GPtrArray *rows;            /* of GtkWidget, unowned */
  char *told;
} RowList;

void row_list_init (RowList *list, AdwPreferencesGroup *group);
void row_list_clear (RowList *list);

/* Whether that isn't what is told already; then there are no rows. @what: (transfer full): different for
 * different rows; "": none. */
bool row_list_begin (RowList *list, char *what);
/* (transfer floating) */
void row_list_add (RowList *list, GtkWidget *row);

/* A row that leads to the machine @uuid (nullable). @icon: (nullable) (transfer floating) */
GtkWidget *row_list_row (const char *title, const char *subtitle, const char *icon, const char *uuid);

G_END_DECLS
