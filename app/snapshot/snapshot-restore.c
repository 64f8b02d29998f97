/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-restore.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-private.h"
#include "app/snapshot/template.h"

#include <glib/gi18n.h>
#include <string.h>

struct SnapshotReturn {
  char *bundle, *node;
  VmConfig *now, *config; /* as it is, as it is to be */
  char *state;            /* (nullable) */
  SnapshotDraft *along;   /* (nullable) */
  bool discards_suspended, committed;
};

static bool
is_suspended (const VmConfig *config)
{
  return g_strcmp0 (config->resume, SNAPSHOT_SUSPENDED) == 0;
}

static bool
check_suspended (const VmConfig *config, bool discard, GError **error)
{
  if (discard || !is_suspended (config))
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
    _ ("“%s” is suspended, and what its guest was doing would be lost: resume it first, or say that "
       "it may go (--discard-suspended)"),
    config->name);
  return false;
}

/* What is the machine's own and no snapshot's. */
static void
keep_identity (VmConfig *config, const VmConfig *now)
{
  vm_config_set (&config->uuid, now->uuid);
  vm_config_set (&config->name, now->name);
  vm_config_copy_labels (config, now);
  vm_config_set (&config->disposable, now->disposable);
  /* The version of a template is the snapshot's. */
  if (config->clone_snapshot == NULL || g_strcmp0 (config->clone_of, now->clone_of) != 0)
    vm_config_set (&config->clone_snapshot, now->clone_snapshot);
  vm_config_set (&config->clone_of, now->clone_of);
  config->template_state = now->template_state;
  config->schedule = now->schedule;
  vm_config_set_policy (config, now->policy);
  config->at_host_shutdown = now->at_host_shutdown;
  config->launcher = now->launcher;
  config->autostart = now->autostart;
  config->autostart_order = now->autostart_order;
}

/* --- begin --- */

/* What is made, and what may become unneeded: layers that began with a snapshot, never the owner's images. */
static bool
announce (SnapshotReturn *back, const SnapshotTree *tree, GPtrArray *made, GError **error)
{
  g_autoptr (LayerGraph) graph = layer_graph_new (tree, back->now);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < made->len; i++)
    g_ptr_array_add (paths, g_strdup (g_ptr_array_index (made, i)));
  for (guint i = 0; i < graph->files->len; i++)
    {
      const LayerFile *file = g_ptr_array_index (graph->files, i);
      g_autofree char *id = snapshot_layer_id (file->path);

      if (file->in_use && file->inside && id != NULL)
        g_ptr_array_add (paths, snapshot_relative (back->bundle, file->path));
    }
  if (back->config->nvram != NULL)
    {
      g_ptr_array_add (paths, g_strdup (back->config->nvram));
      g_ptr_array_add (paths, g_strdup (back->now->nvram != NULL ? back->now->nvram : BUNDLE_NVRAM));
    }
  return snapshot_pending_add (back->bundle, paths, error);
}

static bool
name_layers (SnapshotReturn *back, const SnapshotNode *node, const char *id, GPtrArray *made, GError **error)
{
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *was = g_ptr_array_index (node->disks, i);
      VmDisk *disk = vm_config_find_disk (back->config, was->id);
      g_autofree char *name = snapshot_layer_name (was->id, id);

      if (disk == NULL)
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       "The snapshot “%s” (%s) is broken: its %s lacks the disk “%s”", node->name, node->id,
                       SNAPSHOT_MACHINE_FILE, was->id);
          return false;
        }
      snapshot_name_layer (disk, name);
      g_ptr_array_add (made, g_steal_pointer (&name));
    }
  return true;
}

static bool
make_layers (SnapshotReturn *back, const SnapshotNode *node, GPtrArray *made, GError **error)
{
  g_autofree char *disks = g_build_filename (back->bundle, "disks", NULL);

  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *was = g_ptr_array_index (node->disks, i);

      if (!snapshot_make_layer (back->bundle, g_ptr_array_index (made, i), was->layer, was->format, was->size,
                                error))
        return false;
    }
  return node->disks->len == 0 || bundle_sync_folder (disks, error);
}

/* The firmware's variables get a file of their own: vm.json, which names it, is what switches. */
static bool
make_nvram (SnapshotReturn *back, const SnapshotTree *tree, const SnapshotNode *node, GError **error)
{
  g_autofree char *from = snapshot_tree_path (tree, node, SNAPSHOT_NVRAM_FILE), *to = NULL;

  if (back->config->nvram == NULL || !g_file_test (from, G_FILE_TEST_IS_REGULAR))
    return true;
  to = g_build_filename (back->bundle, back->config->nvram, NULL);
  return snapshot_copy_file (from, to, error) && bundle_sync_folder (back->bundle, error);
}

static bool
prepare (SnapshotReturn *back, const SnapshotTree *tree, const SnapshotNode *node, GError **error)
{
  g_autoptr (SnapshotNode) fresh = snapshot_node_new (node->name, SNAPSHOT_OFF); /* for its id */
  g_autoptr (GPtrArray) made = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *generation = g_uuid_string_random ();

  keep_identity (back->config, back->now);
  vm_config_set (&back->config->generation, generation);
  vm_config_set (&back->config->snapshot, node->id);
  vm_config_set (&back->config->resume, NULL);
  vm_config_set (&back->config->completes, NULL);
  vm_config_set (&back->config->nvram, NULL);
  if (back->config->firmware != FIRMWARE_BIOS)
    back->config->nvram = g_strdup_printf ("nvram-%s.fd", fresh->id);
  return name_layers (back, node, fresh->id, made, error) && announce (back, tree, made, error)
         && make_layers (back, node, made, error) && make_nvram (back, tree, node, error);
}

SnapshotReturn *
snapshot_return_begin (const char *bundle, const char *id, bool discard_suspended, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  const SnapshotNode *node = tree != NULL ? snapshot_tree_find (tree, id, error) : NULL;
  g_autoptr (SnapshotReturn) back = NULL;

  if (node == NULL)
    return NULL;
  back = g_new0 (SnapshotReturn, 1);
  back->bundle = g_strdup (tree->bundle);
  back->node = g_strdup (node->id);
  back->config = snapshot_tree_load_config (tree, node, error);
  back->now = back->config != NULL ? bundle_load (bundle, error) : NULL;
  if (back->now == NULL || !template_check_open (back->now, error)
      || !check_suspended (back->now, discard_suspended, error) || !prepare (back, tree, node, error))
    return NULL;
  back->discards_suspended = is_suspended (back->now);
  if (node->kind == SNAPSHOT_LIVE)
    back->state = g_build_filename (tree->bundle, SNAPSHOT_FOLDER, node->id, NULL);
  return g_steal_pointer (&back);
}

const VmConfig *
snapshot_return_get_config (const SnapshotReturn *back)
{
  return back->config;
}

const char *
snapshot_return_get_state (const SnapshotReturn *back)
{
  return back->state;
}

/* --- commit --- */

void
snapshot_return_take_along (SnapshotReturn *back, SnapshotDraft *draft)
{
  back->along = draft;
}

bool
snapshot_return_commit (SnapshotReturn *back, bool resume, GError **error)
{
  if (back->along != NULL)
    {
      if (!snapshot_draft_seal (back->along, error))
        return false;
      vm_config_set (&back->config->completes, snapshot_draft_get_id (back->along));
    }
  if (resume && back->state != NULL)
    back->config->resume = g_build_filename (SNAPSHOT_FOLDER, back->node, NULL);
  if (!bundle_save (back->bundle, back->config, error))
    {
      vm_config_set (&back->config->resume, NULL);
      vm_config_set (&back->config->completes, NULL);
      return false;
    }
  back->committed = true;
  if (back->along != NULL)
    snapshot_draft_complete (back->along);
  if (back->discards_suspended)
    {
      g_autofree char *suspended = g_build_filename (back->bundle, SNAPSHOT_SUSPENDED, NULL);

      bundle_remove_tree (suspended);
    }
  return true;
}

void
snapshot_return_free (SnapshotReturn *back)
{
  if (back == NULL)
    return;
  if (back->bundle != NULL)
    snapshot_review_pending (back->bundle, NULL);
  vm_config_free (back->now);
  vm_config_free (back->config);
  g_free (back->bundle);
  g_free (back->node);
  g_free (back->state);
  g_free (back);
}

/* --- a machine that is off --- */

static bool
go_back (const char *bundle, const char *node, bool discard_suspended, SnapshotDraft *along, GError **error)
{
  g_autoptr (SnapshotReturn) back = snapshot_return_begin (bundle, node, discard_suspended, error);

  if (back != NULL && along != NULL)
    snapshot_return_take_along (back, along);
  return back != NULL && snapshot_return_commit (back, true, error);
}

bool
snapshot_restore (const char *bundle, const char *key, bool discard_suspended, const SnapshotTake *take_first,
                  char **taken, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  const SnapshotNode *node = tree != NULL ? snapshot_tree_find (tree, key, error) : NULL;
  g_autoptr (SnapshotDraft) along = NULL;

  /* Before one is begun: "." then means another. */
  if (node == NULL)
    return false;
  if (take_first != NULL && (along = snapshot_draft_of_stopped (bundle, take_first, error)) == NULL)
    return false;
  if (!go_back (bundle, node->id, discard_suspended, along, error))
    return false;
  if (taken != NULL)
    *taken = along != NULL ? g_strdup (snapshot_draft_get_id (along)) : NULL;
  return true;
}

bool
snapshot_dispose (const char *bundle, GError **error)
{
  g_autoptr (VmConfig) config = bundle_load (bundle, error);

  if (config == NULL)
    return false;
  if (config->disposable == NULL || is_suspended (config))
    return true;
  return go_back (bundle, config->disposable, false, NULL, error);
}

/* --- resuming --- */

char *
snapshot_resume_folder (const char *bundle, const VmConfig *config)
{
  return config->resume != NULL ? snapshot_resolve (bundle, config->resume) : NULL;
}

bool
snapshot_resume_drop (const char *bundle, bool remove_suspended, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);
  bool suspended = config != NULL && is_suspended (config);

  if (config == NULL)
    return false;
  if (config->resume == NULL)
    return true;
  vm_config_set (&config->resume, NULL);
  if (!bundle_save (bundle, config, error))
    return false;
  if (suspended && remove_suspended)
    {
      g_autofree char *folder = g_build_filename (bundle, SNAPSHOT_SUSPENDED, NULL);

      bundle_remove_tree (folder);
    }
  return true;
}
