/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/*
 * BonsaiSnapshotTreeView: the drawn tree of a machine's snapshots. Lies in a GtkScrolledWindow. Arrow keys
 * walk along the branches; what is done with the selected snapshot are actions of the group "tree", which
 * whoever shows it has: "back" (Enter, double click, dragged onto where the machine is), "delete", "rename",
 * "take", "compare", …
 *
 * Signal: "selection-changed". Main thread.
 */
#define BONSAI_TYPE_SNAPSHOT_TREE_VIEW (bonsai_snapshot_tree_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiSnapshotTreeView, bonsai_snapshot_tree_view, BONSAI, SNAPSHOT_TREE_VIEW,
                      GtkWidget)

/* Shows @tree (transfer none; must stay until the next one, or NULL). @hidden: (nullable): ids of nodes that
 * aren't shown. @state: what the machine does now. */
void bonsai_snapshot_tree_view_set_tree (BonsaiSnapshotTreeView *self, const SnapshotTree *tree,
                                         GHashTable *hidden, const char *state);

/* The selected node's id; NULL: the machine as it is now, or nothing. */
const char *bonsai_snapshot_tree_view_get_selected (BonsaiSnapshotTreeView *self);
/* @id: NULL: the machine as it is now. */
void bonsai_snapshot_tree_view_select (BonsaiSnapshotTreeView *self, const char *id);
/* Shows @popover (transfer full) beside the selected node until it closes. */
void bonsai_snapshot_tree_view_pop_up (BonsaiSnapshotTreeView *self, GtkWidget *popover);

/* How the machine looks now. @screen: (nullable) */
void bonsai_snapshot_tree_view_set_screen (BonsaiSnapshotTreeView *self, GdkTexture *screen);

/* The menu of a snapshot. */
void bonsai_snapshot_tree_view_set_menu (BonsaiSnapshotTreeView *self, GMenuModel *menu);

G_END_DECLS
