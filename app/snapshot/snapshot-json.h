/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/base/json-add.h"
#include "app/snapshot/snapshot-tree.h"

G_BEGIN_DECLS

/* Snapshots for programs. Any thread. */

/* An object with all that is known of @node. */
void snapshot_add_json (JsonBuilder *builder, const SnapshotTree *tree, const SnapshotNode *node);
/* An array of all, oldest first. (transfer full) */
char *snapshot_tree_to_json (const SnapshotTree *tree);

G_END_DECLS
