/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What nobody needs any more is given back. Each step leaves everything usable; the next run goes on. */
#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-private.h"
#include "vmm/memory/memory-image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- pending --- */

static bool
is_needed (LayerGraph *graph, const VmConfig *config, const char *bundle, const char *path)
{
  g_autofree char *full = snapshot_resolve (bundle, path);
  const char *nvram = config->nvram != NULL ? config->nvram : BUNDLE_NVRAM;

  return layer_graph_find (graph, full) != NULL || g_str_equal (nvram, path);
}

/* It has its name by now. */
static bool
forget_completes (const char *bundle, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);

  if (config == NULL)
    return false;
  vm_config_set (&config->completes, NULL);
  return bundle_save (bundle, config, error);
}

bool
snapshot_review_pending (const char *bundle, GError **error)
{
  g_autoptr (GPtrArray) pending = snapshot_pending_read (bundle);
  g_autoptr (GPtrArray) left = g_ptr_array_new ();
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (LayerGraph) graph = NULL;

  if (pending->len == 0)
    return true;
  tree = snapshot_tree_read (bundle, error);
  config = tree != NULL ? bundle_load (bundle, error) : NULL;
  if (config == NULL)
    return false;
  if (config->completes != NULL && !forget_completes (bundle, error))
    return false;
  graph = layer_graph_new (tree, config);
  if (!graph->complete)
    return true; /* doctor says why */
  for (guint i = 0; i < pending->len; i++)
    {
      const char *path = g_ptr_array_index (pending, i);
      g_autofree char *full = g_build_filename (bundle, path, NULL);

      if (!is_needed (graph, config, bundle, path) && unlink (full) < 0 && errno != ENOENT)
        g_ptr_array_add (left, (char *)path);
    }
  return snapshot_pending_write (bundle, left, error);
}

/* --- left-overs --- */

/* "NAME.XXXXXX.new", as bundle_replace_file makes them. */
static bool
is_temporary (const char *name)
{
  gsize length = strlen (name);

  return g_str_has_suffix (name, ".new") && length > 11 && name[length - 11] == '.';
}

static void
look_for_temporaries (const char *folder, void (*func) (const char *path, void *data), void *data)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (name[0] != '.' && is_temporary (name))
        func (path, data);
    }
}

/* ".ID.new": a node that wasn't finished; ".ID.old": one that is being removed. */
static bool
is_unfinished (const char *path, const char *name)
{
  int lock;

  if (name[0] != '.' || !(g_str_has_suffix (name, ".new") || g_str_has_suffix (name, ".old")))
    return false;
  lock = snapshot_lock_folder (path, NULL);
  if (lock >= 0)
    close (lock);
  return lock >= 0;
}

void
snapshot_for_leftovers (const char *bundle, void (*func) (const char *path, void *data), void *data)
{
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);
  g_autofree char *suspended = g_build_filename (bundle, SNAPSHOT_SUSPENDED, NULL);
  g_autoptr (VmConfig) config = bundle_load (bundle, NULL);
  g_autoptr (GDir) dir = NULL;
  const char *name;

  if (config == NULL)
    return; /* it may say that one of them is none */
  snapshot_show_completed (bundle, config);
  dir = g_dir_open (root, 0, NULL);
  look_for_temporaries (bundle, func, data);
  look_for_temporaries (root, func, data);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (root, name, NULL);

      if (vm_snapshot_id_is_valid (name))
        look_for_temporaries (path, func, data);
      else if (is_unfinished (path, name))
        func (path, data);
    }
  if (config != NULL && g_strcmp0 (config->resume, SNAPSHOT_SUSPENDED) != 0
      && g_file_test (suspended, G_FILE_TEST_IS_DIR))
    func (suspended, data);
}

static void
remove_leftover (const char *path, void *data)
{
  bundle_remove_tree (path);
}

/* --- tombstones --- */

static MemoryImage *
read_index (const SnapshotTree *tree, const SnapshotNode *node, GError **error)
{
  g_autofree char *path = snapshot_tree_path (tree, node, SNAPSHOT_INDEX_FILE);

  return memory_image_read (path, false, error);
}

/* Which images may take pages from others. False: it isn't known. */
static bool
read_users (const SnapshotTree *tree, GPtrArray *users)
{
  g_autofree char *suspended = g_build_filename (tree->bundle, SNAPSHOT_SUSPENDED, SNAPSHOT_INDEX_FILE, NULL);
  g_autofree char *root = g_build_filename (tree->bundle, SNAPSHOT_FOLDER, NULL);
  g_autoptr (GDir) dir = g_dir_open (root, 0, NULL);
  const char *name;

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      g_autofree char *path = snapshot_tree_path (tree, node, SNAPSHOT_INDEX_FILE);
      MemoryImage *image;

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      image = read_index (tree, node, NULL);
      if (image == NULL)
        return false;
      g_ptr_array_add (users, image);
    }
  if (g_file_test (suspended, G_FILE_TEST_EXISTS))
    {
      MemoryImage *image = memory_image_read (suspended, false, NULL);

      if (image == NULL)
        return false;
      g_ptr_array_add (users, image);
    }
  /* A node that is being made has no index yet, and may refer to any. */
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (name[0] == '.' && g_str_has_suffix (name, ".new"))
      return false;
  return true;
}

bool
snapshot_memory_is_needed (const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_image_free);
  g_autofree char *path = snapshot_tree_path (tree, node, SNAPSHOT_MEMORY_FILE);
  g_autoptr (MemoryImage) image = read_index (tree, node, NULL);
  bool known = read_users (tree, users);

  if (image == NULL)
    return g_file_test (path, G_FILE_TEST_EXISTS) && (!known || users->len > 0);
  for (guint i = 0; i < users->len; i++)
    {
      const MemoryImage *user = g_ptr_array_index (users, i);

      if (memcmp (memory_image_id (user), memory_image_id (image), sizeof (MemoryImageId)) != 0
          && memory_image_needs (user, memory_image_id (image)))
        return true;
    }
  return !known;
}

/* Whatever names a deleted node as what it stems from gets the nearest before it. */
static bool
bypass_tombstones (const SnapshotTree *tree, GPtrArray *nodes, GHashTable *deleted, GError **error)
{
  for (guint i = 0; i < nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (nodes, i);
      const SnapshotNode *before =
        node->parent_id != NULL ? g_hash_table_lookup (deleted, node->parent_id) : NULL;
      guint left = g_hash_table_size (deleted);

      if (before == NULL || node->trouble != NULL)
        continue;
      while (before != NULL && left-- > 0)
        {
          vm_config_set (&node->parent_id, before->parent_id);
          before = node->parent_id != NULL ? g_hash_table_lookup (deleted, node->parent_id) : NULL;
        }
      if (before != NULL) /* they stem from each other */
        vm_config_set (&node->parent_id, NULL);
      if (!snapshot_write_node (tree->bundle, node, error))
        return false;
    }
  return true;
}

static bool
bypass_in_config (const SnapshotTree *tree, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (tree->bundle);
  g_autoptr (VmConfig) config = bundle_load (tree->bundle, error);
  const char *id = tree->current != NULL ? tree->current->id : NULL;

  if (config == NULL)
    return false;
  if (g_strcmp0 (config->snapshot, id) == 0)
    return true;
  vm_config_set (&config->snapshot, id);
  return bundle_save (tree->bundle, config, error);
}

/* Its memory is needed, nothing else of it. */
static void
shrink_tombstone (const SnapshotTree *tree, const SnapshotNode *node, bool running)
{
  static const char *const rest[] = { SNAPSHOT_MACHINE_FILE, SNAPSHOT_NVRAM_FILE, SNAPSHOT_PICTURE_FILE,
                                      SNAPSHOT_STATE_FILE };
  g_autoptr (GPtrArray) users = g_ptr_array_new_with_free_func ((GDestroyNotify)memory_image_free);
  g_autoptr (MemoryImage) image = read_index (tree, node, NULL);

  for (unsigned i = 0; i < G_N_ELEMENTS (rest); i++)
    {
      g_autofree char *path = snapshot_tree_path (tree, node, rest[i]);

      unlink (path);
    }
  /* A machine that runs may have mapped any of it. */
  if (!running && image != NULL && read_users (tree, users))
    memory_image_punch (image, (MemoryImage *const *)users->pdata, users->len);
}

static bool
bury (const SnapshotTree *tree, bool running, GError **error)
{
  g_autofree char *root = g_build_filename (tree->bundle, SNAPSHOT_FOLDER, NULL);

  for (guint i = 0; i < tree->tombstones->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->tombstones, i);
      g_autofree char *path = g_build_filename (root, node->id, NULL);
      g_autofree char *old = g_strdup_printf ("%s/.%s.old", root, node->id);

      if (snapshot_memory_is_needed (tree, node))
        shrink_tombstone (tree, node, running);
      else if (rename (path, old) < 0)
        return bonsai_set_errno_error (error, errno, "Can't rename %s", path);
      else
        bundle_remove_tree (old);
    }
  return tree->tombstones->len == 0 || bundle_sync_folder (root, error);
}

static bool
collect_tombstones (const char *bundle, bool running, GError **error)
{
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (GHashTable) deleted = g_hash_table_new (g_str_hash, g_str_equal);

  if (!snapshot_finish_deleting (bundle, error))
    return false;
  tree = snapshot_tree_read (bundle, error);
  if (tree == NULL)
    return false;
  for (guint i = 0; i < tree->tombstones->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->tombstones, i);

      g_hash_table_insert (deleted, node->id, node);
    }
  for (guint i = 0; i < tree->nodes->len; i++)
    if (((SnapshotNode *)g_ptr_array_index (tree->nodes, i))->trouble != NULL)
      return true; /* what it stems from isn't known */
  return bypass_tombstones (tree, tree->nodes, deleted, error) && bypass_in_config (tree, error)
         && bypass_tombstones (tree, tree->tombstones, deleted, error) && bury (tree, running, error);
}

/* --- all of it --- */

bool
snapshot_settle (const char *bundle, GError **error)
{
  return snapshot_review_pending (bundle, error);
}

bool
snapshot_collect (const char *bundle, bool running, const ImageJob *job, GError **error)
{
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);

  if (!g_file_test (root, G_FILE_TEST_IS_DIR))
    return true;
  if (!running)
    snapshot_for_leftovers (bundle, remove_leftover, NULL);
  return collect_tombstones (bundle, running, error) && snapshot_review_pending (bundle, error)
         && snapshot_merge_layers (bundle, running, job, error);
}
