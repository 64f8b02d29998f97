/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/snapshot/snapshot-card.h"
#include "ui/snapshot/snapshot-tree-view.h"
#include "ui/snapshot/tree-layout.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* What the files of the tree's view share: the widget (snapshot-tree-view.c), what of it is in sight
 * (snapshot-tree-scroll.c), and keys, mouse and what pops up (snapshot-tree-input.c). */

#define TREE_VIEW_MARGIN 18 /* pixels around the tree */

struct _BonsaiSnapshotTreeView {
  GtkWidget parent;
  const SnapshotTree *tree; /* or NULL */
  TreeLayout *layout;       /* or NULL */
  GPtrArray *cards;         /* of BonsaiSnapshotCard, by place */
  int card_width, card_height;
  char *selected; /* a node's id; NULL: the machine as it is now */
  bool settled;   /* has been on screen: it doesn't scroll by itself any more */
  guint settling; /* a source, or 0 */

  GtkWidget *popover;                       /* the menu */
  GtkWidget *editor;                        /* what else was popped up; or NULL */
  guint editor_end;                         /* a source, or 0 */
  GtkAdjustment *hadjustment, *vadjustment; /* of the scrolled window; or NULL */
};

/* --- the widget --- */

/* Where a column or row of cards begins: pixels. */
int tree_view_column_at (BonsaiSnapshotTreeView *self, int column);
int tree_view_row_at (BonsaiSnapshotTreeView *self, int row);
/* (nullable) */
GtkWidget *tree_view_card_at (BonsaiSnapshotTreeView *self, int place);
GtkWidget *tree_view_selected_card (BonsaiSnapshotTreeView *self);

/* --- what is in sight --- */

/* It has come into a scrolled window, or none: that is followed from now on. */
void tree_view_join_window (BonsaiSnapshotTreeView *self);
void tree_view_leave_window (BonsaiSnapshotTreeView *self);
/* @place: -1: does nothing. */
void tree_view_scroll_to (BonsaiSnapshotTreeView *self, int place);
/* After sizes have changed. */
void tree_view_settle_later (BonsaiSnapshotTreeView *self);

/* --- keys, mouse, popovers --- */

void tree_view_add_keys (BonsaiSnapshotTreeView *self);
/* A card that can be worked; @here: the one onto which others can be dropped. */
GtkWidget *tree_view_make_card (BonsaiSnapshotTreeView *self, bool here);
/* Whether the keys belong to a popover. */
bool tree_view_is_popped_up (BonsaiSnapshotTreeView *self);
void tree_view_present_popovers (BonsaiSnapshotTreeView *self);
void tree_view_drop_popovers (BonsaiSnapshotTreeView *self);

G_END_DECLS
