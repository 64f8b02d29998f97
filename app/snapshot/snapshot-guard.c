/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-guard.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"
#include "app/snapshot/template.h"
#include "app/workspace/workspace.h"

#include <glib/gi18n.h>
#include <stdlib.h>

/* Longer ones aren't opened. */
#define MAX_CHAIN 300u

static const SnapshotNode *
find_user (const SnapshotTree *tree, LayerGraph *graph, const LayerFile *wanted)
{
  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      graph->walks++;
      for (guint j = 0; j < node->disks->len; j++)
        {
          const SnapshotDisk *disk = g_ptr_array_index (node->disks, j);
          g_autofree char *path = snapshot_resolve (tree->bundle, disk->layer);
          LayerFile *file = layer_graph_find (graph, path);

          for (; file != NULL && file->mark != graph->walks; file = file->below)
            {
              if (file == wanted)
                return node;
              file->mark = graph->walks;
            }
        }
    }
  return NULL;
}

static bool
check_layer (const char *path, bool by_hand, GError **error)
{
  g_autofree char *bundle = snapshot_find_bundle (path);
  g_autoptr (SnapshotTree) tree = bundle != NULL ? snapshot_tree_read (bundle, NULL) : NULL;
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, NULL) : NULL;
  g_autoptr (LayerGraph) graph = NULL;
  LayerFile *file;
  const SnapshotNode *node;

  if (config == NULL || tree->nodes->len == 0)
    return true;
  graph = layer_graph_new (tree, config);
  file = layer_graph_find (graph, path);
  if (by_hand && file != NULL && file->in_use && !template_check_open (config, error))
    return false;
  node = file != NULL ? find_user (tree, graph, file) : NULL;
  if (node == NULL)
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
    _ ("%s can't be changed: the snapshot “%s” of “%s” needs it; delete that first (bonsai snapshot "
       "delete)"),
    path, node->name, config->name);
  return false;
}

bool
snapshot_guard_change (const char *path, unsigned first, unsigned last, GError **error)
{
  g_autofree char *at = realpath (path, NULL);

  for (unsigned n = 0; at != NULL && n <= last; n++)
    {
      g_autofree char *backing = NULL, *format = NULL, *folder = g_path_get_dirname (at), *below = NULL;

      if (n >= first && !check_layer (at, true, error))
        return false;
      if (n == last || !layer_read_backing (at, &backing, &format, NULL) || backing == NULL)
        return true;
      below = snapshot_resolve (folder, backing);
      g_free (at);
      at = realpath (below, NULL);
    }
  return true;
}

bool
snapshot_guard_config (const char *bundle, const VmConfig *config, GError **error)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      bool is_file = snapshot_disk_has_layers (disk) && !vm_path_is_uri (disk->path);
      g_autofree char *path = is_file ? snapshot_resolve (bundle, disk->path) : NULL;
      g_autofree char *real = path != NULL ? realpath (path, NULL) : NULL;

      if (real == NULL || check_layer (real, false, error))
        continue;
      g_prefix_error (error, _ ("The disk %s is an old one, perhaps from before a snapshot was taken: "),
                      disk->id);
      return false;
    }
  return true;
}

/* --- what terms forbid --- */

/* The bundle that a file lies in, or will. (transfer full) (nullable) */
static char *
find_bundle_of (const char *path)
{
  g_autofree char *there = realpath (path, NULL), *above = g_path_get_dirname (path);
  g_autofree char *folder = there == NULL ? realpath (above, NULL) : NULL;
  g_autofree char *file = folder != NULL ? g_build_filename (folder, "x", NULL) : NULL;

  return there != NULL ? snapshot_find_bundle (there) : file != NULL ? snapshot_find_bundle (file) : NULL;
}

static bool
check_copy (const char *path, const char *into, GError **error)
{
  g_autofree char *from = snapshot_find_bundle (path);

  return from == NULL || g_strcmp0 (from, into) == 0 || workspace_check_use (from, WORKSPACE_EXPORT, error);
}

bool
snapshot_guard_copy (const char *path, const char *to, GError **error)
{
  g_autofree char *at = realpath (path, NULL), *into = to != NULL ? find_bundle_of (to) : NULL;

  for (unsigned n = 0; at != NULL && n < MAX_CHAIN; n++)
    {
      g_autofree char *backing = NULL, *format = NULL, *folder = g_path_get_dirname (at), *below = NULL;

      if (!check_copy (at, into, error))
        return false;
      if (!layer_read_backing (at, &backing, &format, NULL) || backing == NULL)
        return true;
      below = snapshot_resolve (folder, backing);
      g_free (at);
      at = realpath (below, NULL);
    }
  return true;
}

bool
snapshot_guard_commit (const char *path, unsigned layer, GError **error)
{
  g_autofree char *at = realpath (path, NULL);

  for (unsigned n = 0; at != NULL && n <= layer; n++)
    {
      g_autofree char *backing = NULL, *format = NULL, *folder = g_path_get_dirname (at), *below = NULL;

      if (!layer_read_backing (at, &backing, &format, NULL) || backing == NULL)
        return true;
      below = snapshot_resolve (folder, backing);
      if (n == layer)
        return snapshot_guard_copy (at, below, error);
      g_free (at);
      at = realpath (below, NULL);
    }
  return true;
}

/* A bundle's disks may lie in another's. */
static bool
check_readable (const char *bundle, const VmDisk *disk, GError **error)
{
  g_autofree char *path = NULL, *to = g_build_filename (bundle, "vm.json", NULL);

  if (disk->path == NULL || vm_path_is_uri (disk->path))
    return true;
  path = snapshot_resolve (bundle, disk->path);
  return snapshot_guard_copy (path, to, error);
}

bool
snapshot_guard_terms (const char *bundle, const VmConfig *config, GError **error)
{
  for (guint i = 0; i < config->disks->len; i++)
    if (!check_readable (bundle, g_ptr_array_index (config->disks, i), error))
      return false;
  return true;
}

bool
snapshot_guard_bundle (const char *bundle, GError **error)
{
  g_autoptr (GPtrArray) clones = snapshot_clones_read (bundle, error);
  const SnapshotClone *clone;

  if (clones == NULL)
    return false;
  if (clones->len == 0)
    return true;
  clone = g_ptr_array_index (clones, 0);
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
    _ ("Linked clones need this machine's disks, such as the one in %s: delete them first, or make "
       "them independent (bonsai disk rebase --no-backing)"),
    clone->path);
  return false;
}
