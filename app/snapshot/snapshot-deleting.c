/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several snapshots are deleted as one: snapshots/delete.json, { "snapshots": [ids] }, says which, and from
 * then on they are, whatever their node.json says until it says so as well.
 */
#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/bundle/json-section.h"
#include "app/snapshot/snapshot-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char *
record_path (const char *bundle)
{
  return g_build_filename (bundle, SNAPSHOT_FOLDER, SNAPSHOT_DELETE_FILE, NULL);
}

GStrv
snapshot_deleting_read (const char *bundle)
{
  g_autofree char *file = record_path (bundle), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  JsonSection section = { 0 };
  GStrv ids = NULL;
  gsize length;

  if (!g_file_test (file, G_FILE_TEST_IS_REGULAR) || !g_file_get_contents (file, &content, &length, NULL))
    return NULL;
  text = json_text_parse (content, length, SNAPSHOT_DELETE_FILE, NULL);
  if (text == NULL || !JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    return NULL;
  section = (JsonSection){ text, json_node_get_object (json_text_root (text)), "", NULL };
  return json_read_strings (&section, "snapshots", &ids) ? ids : NULL;
}

static bool
write_record (const char *bundle, GPtrArray *nodes, GError **error)
{
  g_autofree char *file = record_path (bundle), *text = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "snapshots");
  json_builder_begin_array (builder);
  for (guint i = 0; i < nodes->len; i++)
    json_builder_add_string_value (builder, ((const SnapshotNode *)g_ptr_array_index (nodes, i))->id);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return bundle_replace_file (file, text, strlen (text), error);
}

static bool
remove_record (const char *bundle, GError **error)
{
  g_autofree char *file = record_path (bundle), *folder = g_path_get_dirname (file);

  if (unlink (file) < 0)
    return errno == ENOENT || bonsai_set_errno_error (error, errno, "Can't remove %s", file);
  return bundle_sync_folder (folder, error);
}

static bool
bury (const char *bundle, GPtrArray *nodes, GError **error)
{
  for (guint i = 0; i < nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (nodes, i);

      node->deleted = true;
      if (!snapshot_write_node (bundle, node, error))
        return false;
    }
  return true;
}

bool
snapshot_delete_nodes (const char *bundle, GPtrArray *nodes, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (nodes->len < 2)
    return bury (bundle, nodes, error);
  if (!write_record (bundle, nodes, error))
    return false;
  /* They are deleted; the rest may be done later. */
  if (!bury (bundle, nodes, &failure) || !remove_record (bundle, &failure))
    g_info ("%s", failure->message);
  return true;
}

bool
snapshot_finish_deleting (const char *bundle, GError **error)
{
  g_auto (GStrv) ids = snapshot_deleting_read (bundle);
  g_autofree char *file = record_path (bundle);
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();

  if (!g_file_test (file, G_FILE_TEST_EXISTS))
    return true;
  tree = snapshot_tree_read (bundle, error);
  if (tree == NULL)
    return false;
  for (guint i = 0; ids != NULL && i < tree->tombstones->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->tombstones, i);

      if (g_strv_contains ((const char *const *)ids, node->id))
        g_ptr_array_add (nodes, node);
    }
  return bury (bundle, nodes, error) && remove_record (bundle, error);
}
