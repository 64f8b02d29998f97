/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as node.json are read or refused; what was read is written and read again. A tree of such nodes
 * can be read, measured and searched; the nodes that are sound are in it. With any bytes as the records of
 * clones and of what may be unneeded, too, the doctor says what is wrong. */
#include "tests/fuzz/fuzz.h"

#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/doctor.h"
#include "app/snapshot/snapshot-tree.h"
#include "app/snapshot/template.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define N_NODES 4

static const char *const ids[N_NODES] = { "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd" };

static const char *const records[] = { "clones.json", SNAPSHOT_FOLDER "/pending.json" };

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

  config->template_state = VM_TEMPLATE_OPEN;
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
  template_find_version (tree, 0, NULL);
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

static void
check_bundle (const char *bundle)
{
  const DoctorHow how = { .thorough = true };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) findings = doctor_examine (bundle, &how, &error);
  g_autoptr (GPtrArray) clones = template_list_clones (bundle, NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < findings->len; i++)
    g_assert_nonnull (((const DoctorFinding *)g_ptr_array_index (findings, i))->message);
  for (guint i = 0; clones != NULL && i < clones->len; i++)
    g_assert_true (vm_snapshot_id_is_valid (((const TemplateClone *)g_ptr_array_index (clones, i))->node));
}

/* The bytes up to the next zero byte, which are taken from @rest. */
static GBytes *
next_piece (GBytes **rest)
{
  g_autoptr (GBytes) all = *rest;
  size_t size;
  const uint8_t *data = g_bytes_get_data (all, &size);
  const uint8_t *zero = size > 0 ? memchr (data, 0, size) : NULL;
  size_t length = zero != NULL ? (size_t)(zero - data) : size;
  size_t taken = zero != NULL ? length + 1 : length;

  *rest = g_bytes_new_from_bytes (all, taken, size - taken);
  return g_bytes_new_from_bytes (all, 0, length);
}

static void
write_piece (const char *path, GBytes *piece)
{
  size_t size;
  const char *data = g_bytes_get_data (piece, &size);

  g_assert_true (g_file_set_contents_full (path, data != NULL ? data : "", (gssize)size,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

/* Up to four nodes and two records, a zero byte between them. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static char *bundle;
  GBytes *rest = g_bytes_new_static (data, size);

  if (bundle == NULL)
    bundle = make_bundle ();
  for (unsigned i = 0; i < N_NODES; i++)
    {
      g_autofree char *path = g_build_filename (bundle, SNAPSHOT_FOLDER, ids[i], SNAPSHOT_NODE_FILE, NULL);
      g_autoptr (GBytes) piece = next_piece (&rest);

      check_node (g_bytes_get_data (piece, NULL), g_bytes_get_size (piece), ids[i]);
      write_piece (path, piece);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autofree char *path = g_build_filename (bundle, records[i], NULL);
      g_autoptr (GBytes) piece = next_piece (&rest);

      if (g_bytes_get_size (piece) > 0)
        write_piece (path, piece);
      else
        g_unlink (path);
    }
  g_bytes_unref (rest);
  check_tree (bundle);
  check_bundle (bundle);
  return 0;
}
