/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/snapshot/snapshot-node.h"

G_BEGIN_DECLS

/*
 * SnapshotTree: the snapshots of a bundle, as they are on disk now. It is derived from the nodes and vm.json
 * each time; a node that can't be read is in it with its cause (SnapshotNode.trouble), the rest is usable.
 *
 * Threading: none; reading needs no lock, whatever another process does meanwhile.
 */
typedef struct {
  char *bundle;
  GPtrArray *nodes;      /* of SnapshotNode, oldest first; without the deleted */
  GPtrArray *roots;      /* of SnapshotNode, oldest first */
  GPtrArray *tombstones; /* of SnapshotNode: deleted ones of which something is still needed */
  SnapshotNode *current; /* (nullable): the machine as it is now stems from it */
  char *resume;          /* (nullable): vm.json's "resume" */
  char *disposable;      /* (nullable): vm.json's "disposable" */
  VmTemplate template_state;
} SnapshotTree;

/* A bundle without snapshots has an empty tree. Fails only if vm.json or the folder can't be read. */
SnapshotTree *snapshot_tree_read (const char *bundle, GError **error);
void snapshot_tree_free (SnapshotTree *tree);

/* Fills in SnapshotNode.own and .shared; looks at each layer's header. What can't be read counts as 0. */
void snapshot_tree_measure (SnapshotTree *tree);

/* By id, by the beginning of one (4 characters or more), or by name, if that means one node; "." is the
 * current one. An error says what there is. Broken nodes are found by id. (transfer none) */
SnapshotNode *snapshot_tree_find (const SnapshotTree *tree, const char *key, GError **error);

/* Nodes that stem from @node, itself not among them, whatever their depth. */
unsigned snapshot_tree_count_below (const SnapshotNode *node);

/* The node's folder, or a file in it. (transfer full) */
char *snapshot_tree_path (const SnapshotTree *tree, const SnapshotNode *node, const char *file);

/* vm.json at that time. (transfer full) */
VmConfig *snapshot_tree_load_config (const SnapshotTree *tree, const SnapshotNode *node, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SnapshotTree, snapshot_tree_free)

G_END_DECLS
