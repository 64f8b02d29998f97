/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * BonsaiLibraryTree: the machines of a library in their groups. Groups come before machines, both by name;
 * templates stand apart. It follows the library: what a node is stays the same object while it is there.
 *
 * Threading: as BonsaiLibrary.
 */
#define BONSAI_TYPE_LIBRARY_TREE (bonsai_library_tree_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibraryTree, bonsai_library_tree, BONSAI, LIBRARY_TREE, GObject)

/* BonsaiLibraryNode: a group or a machine in the tree. */
#define BONSAI_TYPE_LIBRARY_NODE (bonsai_library_node_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiLibraryNode, bonsai_library_node, BONSAI, LIBRARY_NODE, GObject)

BonsaiLibraryTree *bonsai_library_tree_new (BonsaiLibrary *library);

/* Of BonsaiLibraryNode. (transfer none) */
GListModel *bonsai_library_tree_get_machines (BonsaiLibraryTree *tree);
GListModel *bonsai_library_tree_get_templates (BonsaiLibraryTree *tree);

/* The groups' paths, in order. (transfer full) */
GStrv bonsai_library_tree_list_groups (BonsaiLibraryTree *tree);

/* NULL: it is a group. (transfer none) */
BonsaiVm *bonsai_library_node_get_vm (BonsaiLibraryNode *node);
/* Of a group: its path; else NULL. */
const char *bonsai_library_node_get_group (BonsaiLibraryNode *node);
const char *bonsai_library_node_get_name (BonsaiLibraryNode *node);
/* Of a group: what is in it; else NULL. (transfer none) */
GListModel *bonsai_library_node_get_children (BonsaiLibraryNode *node);

G_END_DECLS
