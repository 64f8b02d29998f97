/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as node.json are read or refused; what was read is written and read again. A tree of such nodes
 * can be read, measured and searched; the nodes that are sound are in it. */
#include "tests/fuzz/fuzz.h"

#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-tree.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define N_NODES 4

static const char *const ids[N_NODES] = { "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd" };

static char *folder;

static void
remove_folder (void)
{
  bundle_remove_tree (folder);
}

static char *
make_bundle (void)
{
  g_autoptr (VmConfig) config = vm_config_new ("Fuzz");
  g_autoptr (GError) error = NULL;
  char *bundle;

  folder = g_dir_make_tmp ("bonsai-fuzz-XXXXXX", &error);
  atexit (remove_folder);
  bundle = bundle_create (folder, config, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < N_NODES; i++)
    {
      g_autofree char *path = g_build_filename (bundle, SNAPSHOT_FOLDER, ids[i], NULL);

      g_assert_cmpint (g_mkdir_with_parents (path, 0700), ==, 0);
    }
  return bundle;
}

static void
check_node (const char *text, size_t length, const char *id)
{
  g_autoptr (SnapshotNode) node = snapshot_node_parse (text, length, id, NULL);
  g_autoptr (SnapshotNode) again = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *json = NULL;

  if (node == NULL)
    return;
  json = snapshot_node_to_json (node);
  again = snapshot_node_parse (json, strlen (json), id, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again->name, ==, node->name);
  g_assert_cmpuint (again->disks->len, ==, node->disks->len);
}

static void
check_tree (const char *bundle)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, &error);
  unsigned reached = 0;

  g_assert_no_error (error);
  snapshot_tree_measure (tree);
  for (guint i = 0; i < tree->roots->len; i++)
    reached += 1 + snapshot_tree_count_below (g_ptr_array_index (tree->roots, i));
  g_assert_cmpuint (reached, ==, tree->nodes->len);
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      g_assert_cmpuint (node->depth, <, tree->nodes->len);
      g_assert_true (snapshot_tree_find (tree, node->id, NULL) == node);
    }
}

/* Up to four nodes, a zero byte between them. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static char *bundle;
  const uint8_t *end = data + size;

  if (bundle == NULL)
    bundle = make_bundle ();
  for (unsigned i = 0; i < N_NODES; i++)
    {
      const uint8_t *zero = data < end ? memchr (data, 0, (size_t)(end - data)) : NULL;
      size_t length = data < end ? (size_t)((zero != NULL ? zero : end) - data) : 0;
      g_autofree char *path = g_build_filename (bundle, SNAPSHOT_FOLDER, ids[i], SNAPSHOT_NODE_FILE, NULL);

      check_node ((const char *)data, length, ids[i]);
      g_assert_true (g_file_set_contents_full (path, (const char *)data, (gssize)length,
                                               G_FILE_SET_CONTENTS_NONE, 0600, NULL));
      data = zero != NULL ? zero + 1 : end;
    }
  check_tree (bundle);
  return 0;
}
