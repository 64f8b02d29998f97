/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/snapshot/snapshot-tree.h"

G_BEGIN_DECLS

/*
 * Where the nodes of a tree are drawn: the oldest on top, each below its parent in a row of its own depth.
 * What the machine stems from stands in the first column, straight down to where the machine is; other
 * branches stand beside it, as close as no line crosses another.
 */
typedef struct {
  const SnapshotNode *node; /* NULL: the machine as it is now */
  int parent;               /* its place, or -1 */
  int column, row;          /* from 0 */
  int first_child, next;    /* places, or -1: children from left to right */
  bool on_path;             /* the machine as it is now stems from it */
} TreePlace;

typedef struct {
  GArray *places; /* of TreePlace; parents before their children */
  int here;       /* the place of the machine as it is now */
  int n_columns, n_rows;
} TreeLayout;

/* @hidden: (nullable): a set of ids: they aren't shown, and their children are their parents'. */
TreeLayout *tree_layout_new (const SnapshotTree *tree, GHashTable *hidden);
void tree_layout_free (TreeLayout *layout);

/* The place of the node with that @id, NULL: of the machine as it is now; -1: there is none. */
int tree_layout_find (const TreeLayout *layout, const char *id);

/* The place that an arrow key leads to; -1: there is none. */
typedef enum { TREE_UP, TREE_DOWN, TREE_LEFT, TREE_RIGHT, TREE_FIRST, TREE_LAST } TreeDirection;
int tree_layout_move (const TreeLayout *layout, int from, TreeDirection direction);

static inline TreePlace *
tree_layout_get (const TreeLayout *layout, int place)
{
  return &g_array_index (layout->places, TreePlace, place);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TreeLayout, tree_layout_free)

G_END_DECLS
