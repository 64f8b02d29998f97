/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-json.h"

static void
add_disks (JsonBuilder *builder, const SnapshotNode *node)
{
  json_builder_set_member_name (builder, "disks");
  json_builder_begin_array (builder);
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);

      json_builder_begin_object (builder);
      json_add_string (builder, "id", disk->id);
      json_add_string (builder, "layer", disk->layer);
      json_add_string (builder, "format", disk->format);
      json_add_int (builder, "size", (gint64)disk->size);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
}

void
snapshot_add_json (JsonBuilder *builder, const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autofree char *created = snapshot_node_time (node);

  json_builder_begin_object (builder);
  json_add_string (builder, "id", node->id);
  json_add_string (builder, "parent", node->parent != NULL ? node->parent->id : NULL);
  json_add_int (builder, "depth", node->depth);
  json_add_bool (builder, "current", node == tree->current);
  if (node->trouble != NULL)
    {
      json_add_string (builder, "broken", node->trouble);
      json_builder_end_object (builder);
      return;
    }
  json_add_string (builder, "name", node->name);
  json_add_string (builder, "note", node->note);
  json_add_string (builder, "created", created);
  json_add_string (builder, "kind", snapshot_kind_names[node->kind]);
  json_add_bool (builder, "scheduled", node->scheduled);
  json_add_bool (builder, "disposable", g_strcmp0 (tree->disposable, node->id) == 0);
  json_add_int (builder, "own", (gint64)node->own);
  json_add_int (builder, "shared", (gint64)node->shared);
  add_disks (builder, node);
  json_builder_end_object (builder);
}

char *
snapshot_tree_to_json (const SnapshotTree *tree)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < tree->nodes->len; i++)
    snapshot_add_json (builder, tree, g_ptr_array_index (tree->nodes, i));
  json_builder_end_array (builder);
  return json_add_finish (builder);
}
