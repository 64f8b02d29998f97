/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-take.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/disk/disk-look.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-private.h"
#include "app/snapshot/template.h"
#include "app/workspace/workspace.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct SnapshotDraft {
  char *bundle;
  SnapshotNode *node;
  GPtrArray *layers; /* of SnapshotLayer */
  VmConfig *config;  /* as it was found: the node's machine.json */
  char *folder;      /* snapshots/.ID.new */
  int lock;          /* on it; -1: none */
  char *parent_index, *nvram;
  bool named, committed;
};

static void
layer_free (SnapshotLayer *layer)
{
  g_free (layer->disk);
  g_free (layer->below);
  g_free (layer->below_format);
  g_free (layer->path);
  g_free (layer);
}

/* --- what is to be taken --- */

static bool
refuse (const VmDisk *disk, const char *why, GError **error)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, _ ("No snapshot is possible: %s %s"), disk->id,
               why);
  return false;
}

static bool
look_at_disk (SnapshotDraft *draft, const VmDisk *disk, GError **error)
{
  g_autofree char *path = snapshot_resolve (draft->bundle, disk->path);
  const char *format = disk->options.format != NULL ? disk->options.format : "raw";
  g_autofree char *name = NULL;
  g_auto (DiskLook) look = { 0 };
  SnapshotLayer *layer;

  if (!disk_look (&look, path, format, error))
    return false;
  if (look.encrypted && draft->node->kind == SNAPSHOT_LIVE)
    return refuse (
      disk,
      _ ("is encrypted, and the memory of the running machine would not be; take its disks alone "
         "(--disks-only), or shut it down first"),
      error);
  name = snapshot_layer_name (disk->id, draft->node->id);
  layer = g_new0 (SnapshotLayer, 1);
  *layer = (SnapshotLayer){ .disk = g_strdup (disk->id),
                            .below = g_steal_pointer (&path),
                            .below_format = g_strdup (format),
                            .path = g_build_filename (draft->bundle, name, NULL),
                            .size = look.size };
  g_ptr_array_add (draft->layers, layer);
  snapshot_node_add_disk (draft->node, disk->id, disk->path, format, look.size);
  return true;
}

static bool
look_at_disks (SnapshotDraft *draft, GError **error)
{
  for (guint i = 0; i < draft->config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (draft->config->disks, i);

      if (disk->kind == DISK_KIND_SCSI_HOST)
        return refuse (disk, _ ("is a device of the host, which can't go back; detach it first"), error);
      if (snapshot_disk_has_layers (disk) && !look_at_disk (draft, disk, error))
        return false;
    }
  return true;
}

static bool
check_resume (const VmConfig *config, GError **error)
{
  if (config->resume == NULL)
    return true;
  if (g_str_equal (config->resume, SNAPSHOT_SUSPENDED))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("“%s” is suspended: start it and take the snapshot while it runs"), config->name);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("“%s” has just gone back to a snapshot, and hasn't run since: there is nothing to keep"),
                 config->name);
  return false;
}

/* "Snapshot 1", "Snapshot 2", … */
static char *
unused_name (const SnapshotTree *tree)
{
  for (unsigned n = tree->nodes->len + 1;; n++)
    {
      g_autofree char *name = g_strdup_printf ("Snapshot %u", n);
      bool taken = false;

      for (guint i = 0; i < tree->nodes->len && !taken; i++)
        taken = g_str_equal (((SnapshotNode *)g_ptr_array_index (tree->nodes, i))->name, name);
      if (!taken)
        return g_steal_pointer (&name);
    }
}

static bool
describe (SnapshotDraft *draft, const SnapshotTake *what, const SnapshotTree *tree, GError **error)
{
  g_autofree char *name = what->name != NULL ? g_strdup (what->name) : unused_name (tree);
  const char *nvram = draft->config->nvram != NULL ? draft->config->nvram : BUNDLE_NVRAM;

  if (!snapshot_check_name (name, error))
    return false;
  draft->node = snapshot_node_new (name, what->kind);
  draft->node->scheduled = what->scheduled;
  draft->node->template_version = what->template_version;
  draft->node->note = what->note != NULL && what->note[0] != '\0' ? g_strdup (what->note) : NULL;
  if (tree->current != NULL)
    {
      g_autofree char *index = snapshot_tree_path (tree, tree->current, SNAPSHOT_INDEX_FILE);

      draft->node->parent_id = g_strdup (tree->current->id);
      if (g_file_test (index, G_FILE_TEST_IS_REGULAR))
        draft->parent_index = g_steal_pointer (&index);
    }
  draft->nvram = g_build_filename (draft->bundle, nvram, NULL);
  if (!g_file_test (draft->nvram, G_FILE_TEST_IS_REGULAR))
    g_clear_pointer (&draft->nvram, g_free);
  return true;
}

/* --- begin --- */

static bool
announce (SnapshotDraft *draft, GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < draft->layers->len; i++)
    {
      const SnapshotLayer *layer = g_ptr_array_index (draft->layers, i);

      g_ptr_array_add (paths, snapshot_relative (draft->bundle, layer->path));
    }
  return snapshot_pending_add (draft->bundle, paths, error);
}

static bool
make_layers (SnapshotDraft *draft, GError **error)
{
  g_autofree char *disks = g_build_filename (draft->bundle, "disks", NULL);

  for (guint i = 0; i < draft->layers->len; i++)
    {
      const SnapshotLayer *layer = g_ptr_array_index (draft->layers, i);
      g_autofree char *name = snapshot_relative (draft->bundle, layer->path);

      if (!snapshot_make_layer (draft->bundle, name, layer->below, layer->below_format, layer->size, error))
        return false;
    }
  return draft->layers->len == 0 || bundle_sync_folder (disks, error);
}

static bool
make_folder (SnapshotDraft *draft, GError **error)
{
  g_autofree char *root = snapshot_make_root (draft->bundle, error);
  g_autofree char *name = g_strdup_printf (".%s.new", draft->node->id);
  g_autofree char *folder = root != NULL ? g_build_filename (root, name, NULL) : NULL;

  if (root == NULL)
    return false;
  if (mkdir (folder, 0755) < 0)
    return bonsai_set_errno_error (error, errno, "Can't create the folder %s", folder);
  draft->folder = g_steal_pointer (&folder);
  draft->lock = snapshot_lock_folder (draft->folder, error);
  return draft->lock >= 0;
}

SnapshotDraft *
snapshot_draft_begin (const char *bundle, const SnapshotTake *what, GError **error)
{
  g_autoptr (SnapshotTree) tree =
    workspace_check_use (bundle, WORKSPACE_SNAPSHOTS, error) ? snapshot_tree_read (bundle, error) : NULL;
  g_autoptr (SnapshotDraft) draft = g_new0 (SnapshotDraft, 1);

  draft->lock = -1;
  draft->layers = g_ptr_array_new_with_free_func ((GDestroyNotify)layer_free);
  if (tree == NULL)
    return NULL;
  draft->bundle = g_strdup (tree->bundle);
  draft->config = bundle_load (bundle, error);
  if (draft->config == NULL || !template_check_open (draft->config, error)
      || !check_resume (draft->config, error) || !describe (draft, what, tree, error)
      || !look_at_disks (draft, error) || !announce (draft, error) || !make_folder (draft, error)
      || !make_layers (draft, error))
    return NULL;
  return g_steal_pointer (&draft);
}

const char *
snapshot_draft_get_id (const SnapshotDraft *draft)
{
  return draft->node->id;
}

const char *
snapshot_draft_get_folder (const SnapshotDraft *draft)
{
  return draft->folder;
}

GPtrArray *
snapshot_draft_get_layers (const SnapshotDraft *draft)
{
  return draft->layers;
}

const char *
snapshot_draft_get_parent_index (const SnapshotDraft *draft)
{
  return draft->parent_index;
}

const char *
snapshot_draft_get_nvram (const SnapshotDraft *draft)
{
  return draft->nvram;
}

void
snapshot_draft_keep_memory (SnapshotDraft *draft)
{
  draft->node->kind = SNAPSHOT_LIVE;
}

/* --- the layers' names --- */

/* Its owner may have edited vm.json, or detached a disk, since it was read. */
static bool
name_layers (SnapshotDraft *draft, bool back, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (draft->bundle);
  g_autoptr (VmConfig) config = bundle_load (draft->bundle, error);

  if (config == NULL)
    return false;
  for (guint i = 0; i < draft->layers->len; i++)
    {
      const SnapshotLayer *layer = g_ptr_array_index (draft->layers, i);
      const VmDisk *before = vm_config_find_disk (draft->config, layer->disk);
      VmDisk *disk = vm_config_find_disk (config, layer->disk);
      g_autofree char *name = snapshot_relative (draft->bundle, layer->path);

      if (disk == NULL || g_strcmp0 (disk->path, back ? name : before->path) != 0)
        continue;
      if (!back)
        snapshot_name_layer (disk, name);
      else if (!layer->pushed)
        {
          vm_config_set (&disk->path, before->path);
          vm_config_set (&disk->options.format, before->options.format);
        }
    }
  return bundle_save (draft->bundle, config, error);
}

bool
snapshot_draft_name_layers (SnapshotDraft *draft, GError **error)
{
  draft->named = true;
  return draft->layers->len == 0 || name_layers (draft, false, error);
}

void
snapshot_draft_pushed (SnapshotDraft *draft, SnapshotLayer *layer)
{
  layer->pushed = true;
}

/* --- commit --- */

static bool
write_machine_file (SnapshotDraft *draft, GError **error)
{
  g_autofree char *path = g_build_filename (draft->folder, SNAPSHOT_MACHINE_FILE, NULL);
  g_autofree char *text = vm_config_to_json (draft->config);

  return bundle_replace_file (path, text, strlen (text), error);
}

/* Memory is large, and its index has sums of it. */
static bool
add_file (SnapshotDraft *draft, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (draft->folder, name, NULL);
  SnapshotFile *file;
  struct stat st;

  if (lstat (path, &st) < 0)
    return errno == ENOENT || bonsai_set_errno_error (error, errno, "Can't read %s", path);
  file = g_new0 (SnapshotFile, 1);
  file->name = g_strdup (name);
  file->length = (uint64_t)st.st_size;
  g_ptr_array_add (draft->node->files, file);
  if (g_str_equal (name, SNAPSHOT_MEMORY_FILE))
    return true;
  file->sha256 = snapshot_sum_file (path, &file->length, NULL, error);
  return file->sha256 != NULL && snapshot_sync_file (path, error);
}

static bool
write_node (SnapshotDraft *draft, GError **error)
{
  static const char *const names[] = { SNAPSHOT_MACHINE_FILE, SNAPSHOT_NVRAM_FILE,  SNAPSHOT_PICTURE_FILE,
                                       SNAPSHOT_STATE_FILE,   SNAPSHOT_MEMORY_FILE, SNAPSHOT_INDEX_FILE };
  g_autofree char *path = g_build_filename (draft->folder, SNAPSHOT_NODE_FILE, NULL), *text = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    if (!add_file (draft, names[i], error))
      return false;
  text = snapshot_node_to_json (draft->node);
  return bundle_replace_file (path, text, strlen (text), error);
}

bool
snapshot_draft_seal (SnapshotDraft *draft, GError **error)
{
  g_autofree char *root = g_path_get_dirname (draft->folder);

  return write_machine_file (draft, error) && write_node (draft, error) && bundle_sync_folder (root, error);
}

void
snapshot_show_completed (const char *bundle, const VmConfig *config)
{
  g_autofree char *root = g_build_filename (bundle, SNAPSHOT_FOLDER, NULL);
  g_autofree char *folder = NULL, *path = NULL;

  if (config->completes == NULL)
    return;
  folder = g_strdup_printf ("%s/.%s.new", root, config->completes);
  path = g_build_filename (root, config->completes, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS) && rename (folder, path) == 0)
    bundle_sync_folder (root, NULL);
}

static bool
show (SnapshotDraft *draft, GError **error)
{
  g_autofree char *root = g_path_get_dirname (draft->folder);
  g_autofree char *path = g_build_filename (root, draft->node->id, NULL);

  /* A reader may have come first (snapshot_show_completed). */
  if (rename (draft->folder, path) < 0 && !g_file_test (path, G_FILE_TEST_IS_DIR))
    return bonsai_set_errno_error (error, errno, "Can't rename %s", draft->folder);
  draft->committed = true;
  return bundle_sync_folder (root, error);
}

void
snapshot_draft_complete (SnapshotDraft *draft)
{
  g_autoptr (GError) error = NULL;

  draft->committed = true;
  if (!show (draft, &error))
    g_info ("%s", error->message);
}

/* The machine stems from the new node. */
static bool
set_current (SnapshotDraft *draft, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (draft->bundle);
  g_autoptr (VmConfig) config = bundle_load (draft->bundle, error);

  if (config == NULL)
    return false;
  vm_config_set (&config->snapshot, draft->node->id);
  return bundle_save (draft->bundle, config, error);
}

bool
snapshot_draft_commit (SnapshotDraft *draft, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (!snapshot_draft_seal (draft, error) || !show (draft, error))
    return false;
  /* The node is there: layers' names tell from which one the machine stems. */
  if (!set_current (draft, &failure))
    g_info ("%s", failure->message);
  return true;
}

/* --- the end --- */

void
snapshot_draft_abort (SnapshotDraft *draft)
{
  g_autoptr (GError) error = NULL;

  /* Named they may stay: they are empty. */
  if (draft->named && !name_layers (draft, true, &error))
    g_info ("%s", error->message);
  if (draft->folder != NULL)
    bundle_remove_tree (draft->folder);
  draft->committed = true;
  snapshot_draft_free (draft);
}

void
snapshot_draft_free (SnapshotDraft *draft)
{
  if (draft == NULL)
    return;
  if (!draft->committed)
    {
      snapshot_draft_abort (draft);
      return;
    }
  if (draft->bundle != NULL)
    snapshot_review_pending (draft->bundle, NULL);
  if (draft->lock >= 0)
    close (draft->lock);
  snapshot_node_free (draft->node);
  vm_config_free (draft->config);
  g_ptr_array_unref (draft->layers);
  g_free (draft->bundle);
  g_free (draft->folder);
  g_free (draft->parent_index);
  g_free (draft->nvram);
  g_free (draft);
}

/* --- a machine that is off --- */

SnapshotDraft *
snapshot_draft_of_stopped (const char *bundle, const SnapshotTake *what, GError **error)
{
  g_autoptr (SnapshotDraft) draft = snapshot_draft_begin (bundle, what, error);
  g_autofree char *nvram = draft != NULL ? g_build_filename (draft->folder, SNAPSHOT_NVRAM_FILE, NULL) : NULL;

  if (draft == NULL || (draft->nvram != NULL && !snapshot_copy_file (draft->nvram, nvram, error)))
    return NULL;
  return g_steal_pointer (&draft);
}

/* The machine is sealed by the change that makes the node part of the tree: there is no version without a
 * template. */
static bool
commit_version (SnapshotDraft *draft, GError **error)
{
  g_autoptr (BundleEdit) edit = snapshot_draft_seal (draft, error) ? bundle_edit_begin (draft->bundle) : NULL;
  g_autoptr (VmConfig) config = edit != NULL ? bundle_load (draft->bundle, error) : NULL;

  if (config == NULL)
    return false;
  config->template_state = VM_TEMPLATE_SEALED;
  vm_config_set (&config->snapshot, draft->node->id);
  vm_config_set (&config->completes, draft->node->id);
  if (!bundle_save (draft->bundle, config, error))
    return false;
  snapshot_draft_complete (draft);
  return true;
}

char *
snapshot_take (const char *bundle, const SnapshotTake *what, GError **error)
{
  g_autoptr (SnapshotDraft) draft = snapshot_draft_of_stopped (bundle, what, error);
  bool is_version = what->template_version > 0;

  if (draft == NULL || !snapshot_draft_name_layers (draft, error)
      || !(is_version ? commit_version (draft, error) : snapshot_draft_commit (draft, error)))
    return NULL;
  return g_strdup (draft->node->id);
}
