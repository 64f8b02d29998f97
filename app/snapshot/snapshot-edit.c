/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-edit.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"
#include "app/snapshot/template.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
check_sound (const SnapshotNode *node, GError **error)
{
  if (node->trouble != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("The snapshot %s is broken: %s"), node->id,
                 node->trouble);
  return node->trouble == NULL;
}

bool
snapshot_rename (const char *bundle, const char *key, const char *name, const char *note, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  SnapshotNode *node = tree != NULL ? snapshot_tree_find (tree, key, error) : NULL;

  if (node == NULL || !check_sound (node, error) || (name != NULL && !snapshot_check_name (name, error)))
    return false;
  if (note != NULL && !g_utf8_validate (note, -1, NULL))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("The note is not text in UTF-8"));
      return false;
    }
  if (name != NULL)
    vm_config_set (&node->name, name);
  if (note != NULL)
    vm_config_set (&node->note, note[0] != '\0' ? note : NULL);
  /* Somebody wants to find it again. */
  node->scheduled = false;
  return snapshot_write_node (bundle, node, error);
}

bool
snapshot_set_disposable (const char *bundle, const char *key, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  SnapshotNode *node = tree != NULL && key != NULL ? snapshot_tree_find (tree, key, error) : NULL;
  g_autoptr (BundleEdit) edit = NULL;
  g_autoptr (VmConfig) config = NULL;

  if (tree == NULL || (key != NULL && (node == NULL || !check_sound (node, error))))
    return false;
  edit = bundle_edit_begin (bundle);
  config = bundle_load (bundle, error);
  if (config == NULL || !template_check_open (config, error))
    return false;
  vm_config_set (&config->disposable, node != NULL ? node->id : NULL);
  return bundle_save (bundle, config, error);
}

/* --- delete --- */

/* (transfer container): the nodes that are to go, those first on which no other of them hangs */
static GPtrArray *
choose (SnapshotNode *node, SnapshotDeleteHow how)
{
  GPtrArray *chosen = g_ptr_array_new ();

  if (how == SNAPSHOT_DELETE_BEFORE)
    {
      for (node = node->parent; node != NULL; node = node->parent)
        g_ptr_array_add (chosen, node);
      return chosen;
    }
  g_ptr_array_add (chosen, node);
  for (guint i = 0; how == SNAPSHOT_DELETE_BELOW && i < chosen->len; i++)
    g_ptr_array_extend (chosen, ((SnapshotNode *)g_ptr_array_index (chosen, i))->children, NULL, NULL);
  for (guint i = 0; i < chosen->len / 2; i++)
    {
      gpointer other = chosen->pdata[chosen->len - 1 - i];

      chosen->pdata[chosen->len - 1 - i] = chosen->pdata[i];
      chosen->pdata[i] = other;
    }
  return chosen;
}

static bool
check_unneeded (const SnapshotTree *tree, const SnapshotNode *node, GPtrArray *clones, GError **error)
{
  g_autofree char *folder = g_build_filename (SNAPSHOT_FOLDER, node->id, NULL);

  if (g_strcmp0 (tree->resume, folder) == 0)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
      _ ("The machine is to go on from the snapshot “%s” at its next start; start it, or go back to "
         "another one first"),
      node->name);
  else if (g_strcmp0 (tree->disposable, node->id) == 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("The machine goes back to the snapshot “%s” at each power-off; change that first "
                    "(bonsai snapshot disposable)"),
                 node->name);
  else if (tree->template_state != VM_TEMPLATE_NONE && node->template_version > 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("The snapshot “%s” is version %u of a template; make an ordinary machine of that first "
                    "(bonsai template undo)"),
                 node->name, node->template_version);
  else
    {
      for (guint i = 0; i < clones->len; i++)
        {
          const SnapshotClone *clone = g_ptr_array_index (clones, i);

          if (!g_str_equal (clone->node, node->id))
            continue;
          g_set_error (
            error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
            _ ("The machine in %s is a linked clone that needs the snapshot “%s”; delete it, or make "
               "it independent first (bonsai disk rebase --no-backing)"),
            clone->path, node->name);
          return false;
        }
      return true;
    }
  return false;
}

static bool
check_all (const SnapshotTree *tree, GPtrArray *chosen, SnapshotDeleteHow how, GError **error)
{
  g_autoptr (GPtrArray) clones = snapshot_clones_read (tree->bundle, error);

  if (clones == NULL)
    return false;
  for (guint i = 0; i < chosen->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (chosen, i);

      if (!check_unneeded (tree, node, clones, error)
          || (how != SNAPSHOT_DELETE_ONE && !check_sound (node, error)))
        return false;
    }
  return true;
}

GPtrArray *
snapshot_choose_deleted (const SnapshotTree *tree, const char *key, SnapshotDeleteHow how, GError **error)
{
  SnapshotNode *node = snapshot_tree_find (tree, key, error);
  g_autoptr (GPtrArray) chosen = node != NULL ? choose (node, how) : NULL;

  return chosen != NULL && check_all (tree, chosen, how, error) ? g_steal_pointer (&chosen) : NULL;
}

/* All that the nodes lie on may turn out to be unneeded. */
static bool
announce (const SnapshotTree *tree, GPtrArray *chosen, GError **error)
{
  g_autoptr (VmConfig) config = bundle_load (tree->bundle, error);
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  if (graph == NULL)
    return false;
  graph->walks++;
  for (guint i = 0; i < chosen->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (chosen, i);

      for (guint j = 0; j < node->disks->len; j++)
        {
          const SnapshotDisk *disk = g_ptr_array_index (node->disks, j);
          g_autofree char *path = snapshot_resolve (tree->bundle, disk->layer);
          LayerFile *file = layer_graph_find (graph, path);

          for (; file != NULL && file->mark != graph->walks; file = file->below)
            {
              file->mark = graph->walks;
              if (file->inside)
                g_ptr_array_add (paths, snapshot_relative (tree->bundle, file->path));
            }
        }
    }
  return snapshot_pending_add (tree->bundle, paths, error);
}

/* Nothing is known of it but its folder. */
static bool
remove_broken (const SnapshotTree *tree, const SnapshotNode *node, GError **error)
{
  g_autofree char *root = g_build_filename (tree->bundle, SNAPSHOT_FOLDER, NULL);
  g_autofree char *old = g_strdup_printf ("%s/.%s.old", root, node->id);
  g_autofree char *path = g_build_filename (root, node->id, NULL);

  if (snapshot_memory_is_needed (tree, node))
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
        _ ("The broken snapshot %s has memory that others need: delete those that stem from it first"),
        node->id);
      return false;
    }
  if (rename (path, old) < 0)
    return bonsai_set_errno_error (error, errno, "Can't rename %s", path);
  return bundle_sync_folder (root, error);
}

static bool delete (const char *bundle, const char *key, SnapshotDeleteHow how, unsigned *n, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  g_autoptr (GPtrArray) chosen = tree != NULL ? snapshot_choose_deleted (tree, key, how, error) : NULL;
  const SnapshotNode *node;

  if (chosen == NULL)
    return false;
  if (n != NULL)
    *n = chosen->len;
  node = chosen->len > 0 ? g_ptr_array_index (chosen, 0) : NULL;
  if (node != NULL && node->trouble != NULL)
    return remove_broken (tree, node, error);
  if (!announce (tree, chosen, error))
    return false;
  return snapshot_delete_nodes (bundle, chosen, error);
}

const char *const snapshot_delete_how_names[] = { "one", "below", "before", NULL };

bool
snapshot_parse_delete_how (const char *name, SnapshotDeleteHow *how, GError **error)
{
  for (unsigned i = 0; snapshot_delete_how_names[i] != NULL; i++)
    if (g_str_equal (name, snapshot_delete_how_names[i]))
      {
        *how = (SnapshotDeleteHow)i;
        return true;
      }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               "Snapshots are deleted “one”, “below” or “before”, not “%s”", name);
  return false;
}

bool
snapshot_delete (const char *bundle, const char *key, SnapshotDeleteHow how, unsigned *n, GError **error)
{
  int held = snapshot_hold_nodes (bundle, error);
  bool done = held >= 0 && snapshot_finish_deleting (bundle, error) && delete (bundle, key, how, n, error);

  if (held >= 0)
    close (held);
  return done;
}
