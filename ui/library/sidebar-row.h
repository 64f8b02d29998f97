/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm.h"

#include <adwaita.h>

G_BEGIN_DECLS

/* BonsaiSidebarRow: a place in the sidebar: a machine with its screen and state, or another with an icon and
 * a count. It is used for one after the other. */
#define BONSAI_TYPE_SIDEBAR_ROW (bonsai_sidebar_row_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSidebarRow, bonsai_sidebar_row, BONSAI, SIDEBAR_ROW, AdwBin)

GtkWidget *bonsai_sidebar_row_new (void);

/* Shows the item of @list_item, whose child it is, a GtkTreeListRow of bonsai_sidebar_model_get_rows; and
 * follows it until the child of @list_item is unbound. */
void bonsai_sidebar_row_bind (BonsaiSidebarRow *self, GtkListItem *list_item);
void bonsai_sidebar_row_unbind (GtkListItem *list_item);

/* (transfer none) (nullable): the machine it shows. */
BonsaiVm *bonsai_sidebar_row_get_vm (BonsaiSidebarRow *self);

G_END_DECLS
