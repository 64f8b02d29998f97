/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Linked clones of templates, moved to another version. */
#include "app/snapshot/template.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/snapshot/snapshot-private.h"
#include "app/snapshot/snapshot-take.h"

#include <unistd.h>

typedef struct {
  const TemplateMove *how;
  const char *bundle;
  SnapshotTree *tree, *origin;
  VmConfig *now, *config;
  const SnapshotNode *version;
  GPtrArray *made; /* of char *: the new layers, in the order of the version's disks */
} Move;

static void
move_clear (Move *move)
{
  g_clear_pointer (&move->tree, snapshot_tree_free);
  g_clear_pointer (&move->origin, snapshot_tree_free);
  g_clear_pointer (&move->now, vm_config_free);
  g_clear_pointer (&move->config, vm_config_free);
  g_clear_pointer (&move->made, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Move, move_clear)

/* --- whether --- */

static bool
refuse (const Move *move, const char *why, GError **error)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "“%s” can't be moved: %s", move->now->name, why);
  return false;
}

static bool
check (const Move *move, GError **error)
{
  if (move->now->template_state != VM_TEMPLATE_NONE)
    return refuse (move, "it is a template itself", error);
  if (move->now->resume != NULL)
    return refuse (move, "what its guest was doing would be lost; start it and power it off first", error);
  if (move->now->disposable == NULL && !move->how->discard)
    return refuse (move,
                   "what it has on its disks would be lost, and it isn't disposable; say that this may go "
                   "(--discard)",
                   error);
  for (guint i = 0; i < move->tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (move->tree->nodes, i);

      if (g_strcmp0 (node->id, move->now->disposable) != 0)
        return refuse (move, "it has snapshots of its own; delete them first (bonsai snapshot delete)",
                       error);
    }
  return snapshot_guard_bundle (move->bundle, error);
}

/* --- the description --- */

static void
keep_identity (VmConfig *config, const VmConfig *now)
{
  g_autofree char *generation = g_uuid_string_random ();

  vm_config_set (&config->uuid, now->uuid);
  vm_config_set (&config->generation, generation);
  vm_config_set (&config->name, now->name);
  vm_config_copy_labels (config, now);
  if (config->usb)
    {
      g_ptr_array_unref (config->usb_rules);
      config->usb_rules = vm_usb_rules_copy (now->usb_rules);
    }
  for (guint i = 0; i < MIN (config->nics->len, now->nics->len); i++)
    vm_config_set (&((VmNic *)g_ptr_array_index (config->nics, i))->mac,
                   ((const VmNic *)g_ptr_array_index (now->nics, i))->mac);
}

static bool
check_disks (const Move *move, GError **error)
{
  for (guint i = 0; i < move->now->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (move->now->disks, i);
      g_autofree char *why = NULL;

      if (!snapshot_disk_has_layers (disk) || vm_config_find_disk (move->config, disk->id) != NULL)
        continue;
      why =
        g_strdup_printf ("the version lacks the disk %s, which would be lost; detach it first (bonsai disk "
                         "detach)",
                         disk->id);
      return refuse (move, why, error);
    }
  return true;
}

static bool
describe (Move *move, GError **error)
{
  g_autoptr (SnapshotNode) fresh = snapshot_node_new ("", SNAPSHOT_OFF); /* for its id */

  move->config = clone_describe (move->origin, move->version, move->now->name, error);
  if (move->config == NULL)
    return false;
  keep_identity (move->config, move->now);
  /* Until there is one of the new version: interrupted, the move is finished later. */
  vm_config_set (&move->config->disposable, move->now->disposable);
  vm_config_set (&move->config->clone_of, move->now->clone_of);
  vm_config_set (&move->config->clone_snapshot, move->version->id);
  if (move->config->firmware != FIRMWARE_BIOS)
    move->config->nvram = g_strdup_printf ("nvram-%s.fd", fresh->id);
  for (guint i = 0; i < move->version->disks->len; i++)
    {
      const SnapshotDisk *was = g_ptr_array_index (move->version->disks, i);
      VmDisk *disk = vm_config_find_disk (move->config, was->id);
      g_autofree char *name = snapshot_layer_name (was->id, fresh->id);

      if (disk == NULL)
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       "The version “%s” (%s) is broken: its %s lacks the disk “%s”", move->version->name,
                       move->version->id, SNAPSHOT_MACHINE_FILE, was->id);
          return false;
        }
      snapshot_name_layer (disk, name);
      g_ptr_array_add (move->made, g_steal_pointer (&name));
    }
  return check_disks (move, error) && vm_config_check (move->config, error);
}

/* --- the files --- */

/* Whether it began as a linked clone's disk: what else lies in the bundle is its owner's. */
static bool
lies_on_origin (const Move *move, const LayerFile *file)
{
  while (file->below != NULL && file->inside)
    file = file->below;
  return !file->inside && snapshot_is_layer_of (move->origin, NULL, file->path);
}

/* What is made, and what may become unneeded. */
static bool
announce (const Move *move, GError **error)
{
  g_autoptr (LayerGraph) graph = layer_graph_new (move->tree, move->now);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < move->made->len; i++)
    g_ptr_array_add (paths, g_strdup (g_ptr_array_index (move->made, i)));
  for (guint i = 0; i < graph->files->len; i++)
    {
      const LayerFile *file = g_ptr_array_index (graph->files, i);

      if (file->in_use && file->inside && lies_on_origin (move, file))
        g_ptr_array_add (paths, snapshot_relative (move->bundle, file->path));
    }
  if (move->config->nvram != NULL)
    {
      g_ptr_array_add (paths, g_strdup (move->config->nvram));
      g_ptr_array_add (paths, g_strdup (move->now->nvram != NULL ? move->now->nvram : BUNDLE_NVRAM));
    }
  return snapshot_pending_add (move->bundle, paths, error);
}

static bool
make_files (const Move *move, GError **error)
{
  g_autofree char *disks = g_build_filename (move->bundle, "disks", NULL);
  g_autofree char *variables = snapshot_tree_path (move->origin, move->version, SNAPSHOT_NVRAM_FILE);

  for (guint i = 0; i < move->version->disks->len; i++)
    {
      const SnapshotDisk *was = g_ptr_array_index (move->version->disks, i);
      g_autofree char *below = snapshot_resolve (move->origin->bundle, was->layer);

      if (!snapshot_make_layer (move->bundle, g_ptr_array_index (move->made, i), below, was->format,
                                was->size, error))
        return false;
    }
  if (move->version->disks->len > 0 && !bundle_sync_folder (disks, error))
    return false;
  if (move->config->nvram != NULL && g_file_test (variables, G_FILE_TEST_IS_REGULAR))
    {
      g_autofree char *nvram = g_build_filename (move->bundle, move->config->nvram, NULL);

      return snapshot_copy_file (variables, nvram, error) && bundle_sync_folder (move->bundle, error);
    }
  return true;
}

/* --- the record --- */

/* From now on the version can't be deleted. */
static bool
claim (Move *move, const char *origin, GError **error)
{
  int held = snapshot_hold_nodes (origin, error);
  g_autoptr (GPtrArray) clones = held >= 0 ? snapshot_clones_read (origin, error) : NULL;
  bool done = false;

  move->origin = clones != NULL ? snapshot_tree_read (origin, error) : NULL;
  move->version =
    move->origin != NULL ? template_find_version (move->origin, move->how->version, error) : NULL;
  if (move->version != NULL)
    {
      SnapshotClone *entry = g_new (SnapshotClone, 1);

      *entry =
        (SnapshotClone){ g_strdup (move->now->uuid), g_strdup (move->bundle), g_strdup (move->version->id) };
      g_ptr_array_add (clones, entry);
      done = snapshot_clones_write (origin, clones, error);
    }
  if (held >= 0)
    close (held);
  return done;
}

/* The machine lies on @node alone. */
static void
release_others (const char *origin, const char *uuid, const char *node)
{
  int held = snapshot_hold_nodes (origin, NULL);
  g_autoptr (GPtrArray) clones = held >= 0 ? snapshot_clones_read (origin, NULL) : NULL;
  bool found = false, changed = false;

  for (guint i = clones != NULL ? clones->len : 0; i-- > 0;)
    {
      const SnapshotClone *entry = g_ptr_array_index (clones, i);

      if (g_ascii_strcasecmp (entry->uuid, uuid) != 0)
        continue;
      if (g_str_equal (entry->node, node) && !found)
        {
          found = true;
          continue;
        }
      changed = true;
      g_ptr_array_remove_index (clones, i);
    }
  if (changed && found)
    snapshot_clones_write (origin, clones, NULL);
  if (held >= 0)
    close (held);
}

/* --- moving --- */

SnapshotNode *
template_find_outdated (SnapshotTree *tree, const VmConfig *config)
{
  for (guint i = 0; config->clone_snapshot != NULL && i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      g_autoptr (VmConfig) then = node->trouble == NULL ? snapshot_tree_load_config (tree, node, NULL) : NULL;

      if (then != NULL && then->clone_snapshot != NULL && g_strcmp0 (then->clone_of, config->clone_of) == 0
          && !g_str_equal (then->clone_snapshot, config->clone_snapshot))
        return node;
    }
  return NULL;
}

/* The machine went back to @old, which is of another version: from now on to a snapshot of the version on
 * which it lies, perhaps one that was made already. */
static bool
renew_disposable (const char *bundle, SnapshotTree *tree, const SnapshotNode *old, GError **error)
{
  const SnapshotTake what = { .name = old->name, .note = old->note };
  g_autofree char *id = NULL;

  for (guint i = 0; i < tree->nodes->len && id == NULL; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      if (node != old && node->trouble == NULL)
        id = g_strdup (node->id);
    }
  if (id == NULL)
    id = snapshot_take (bundle, &what, error);
  return id != NULL && snapshot_set_disposable (bundle, id, error);
}

bool
template_finish_move (const char *bundle, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, error) : NULL;
  SnapshotNode *old;

  if (config == NULL)
    return false;
  old = template_find_outdated (tree, config);
  return old == NULL
         || ((g_strcmp0 (old->id, config->disposable) != 0 || renew_disposable (bundle, tree, old, error))
             && snapshot_delete (bundle, old->id, SNAPSHOT_DELETE_ONE, NULL, error));
}

static bool
commit (Move *move, GError **error)
{
  return describe (move, error) && announce (move, error) && make_files (move, error)
         && bundle_save (move->bundle, move->config, error);
}

bool
template_move (const char *bundle, const char *origin, const TemplateMove *how, GError **error)
{
  g_auto (Move) move = { .how = how, .bundle = bundle };

  move.made = g_ptr_array_new_with_free_func (g_free);
  move.tree = template_finish_move (bundle, error) ? snapshot_tree_read (bundle, error) : NULL;
  move.now = move.tree != NULL ? bundle_load (bundle, error) : NULL;
  if (move.now == NULL || !check (&move, error) || !claim (&move, origin, error))
    return false;
  if (move.now->disposable != NULL && g_strcmp0 (move.now->clone_snapshot, move.version->id) == 0)
    {
      release_others (origin, move.now->uuid, move.version->id);
      return true;
    }
  if (!commit (&move, error))
    {
      snapshot_review_pending (bundle, NULL);
      if (move.now->clone_snapshot != NULL)
        release_others (origin, move.now->uuid, move.now->clone_snapshot);
      return false;
    }
  /* As long as something of the old version may be needed, its record stays. */
  if (!template_finish_move (bundle, error) || !snapshot_collect (bundle, false, how->job, error))
    {
      g_prefix_error (error, "“%s” is on version %u by now, and “bonsai doctor --repair” does the rest: ",
                      move.now->name, move.version->template_version);
      return false;
    }
  release_others (origin, move.now->uuid, move.version->id);
  return true;
}
