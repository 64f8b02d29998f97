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

void bonsai_sidebar_row_set_tree_row (BonsaiSidebarRow *self, GtkTreeListRow *row);

/* @vm: (nullable): nothing. */
void bonsai_sidebar_row_show_vm (BonsaiSidebarRow *self, BonsaiVm *vm);
BonsaiVm *bonsai_sidebar_row_get_vm (BonsaiSidebarRow *self);
/* @count: 0: none is shown. */
void bonsai_sidebar_row_show_place (BonsaiSidebarRow *self, const char *icon, const char *label, guint count);

G_END_DECLS
