/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "app/library/trash.h"

#include <gtk/gtk.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * BonsaiSidebarModel: what the sidebar shows: the places that are always there (SidebarPlace), and between
 * them the library's groups and machines, and its templates (BonsaiLibraryNode), as a tree; and how places
 * are called (library-sidebar.h). Main thread.
 */
#define BONSAI_TYPE_SIDEBAR_MODEL (bonsai_sidebar_model_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSidebarModel, bonsai_sidebar_model, BONSAI, SIDEBAR_MODEL, GObject)

BonsaiSidebarModel *bonsai_sidebar_model_new (BonsaiLibrary *library, BonsaiTrash *trash);

/* Of GtkTreeListRow. (transfer none) */
GListModel *bonsai_sidebar_model_get_rows (BonsaiSidebarModel *self);
/* What a row shows: a SidebarPlace or BonsaiLibraryNode. (transfer full) (nullable) */
gpointer bonsai_sidebar_model_get_item (BonsaiSidebarModel *self, guint position);

/* How an item's place is called. (transfer full) */
char *bonsai_sidebar_model_place_of (gpointer item);

/* Where the row of a place is. @expand: groups over it are opened; else a collapsed one hides it. */
bool bonsai_sidebar_model_find (BonsaiSidebarModel *self, const char *place, bool expand, guint *position);

/* Places of the rows that are open. (transfer full) */
GStrv bonsai_sidebar_model_get_expanded (BonsaiSidebarModel *self);
void bonsai_sidebar_model_set_expanded (BonsaiSidebarModel *self, const char *const *places);

G_END_DECLS
