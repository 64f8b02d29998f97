/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two layers become one where nothing needs the lower but the upper. What the smaller holds goes to the
 * larger.
 *
 * Down: the upper's content is committed to the lower, which then reads as the upper does. Whatever names the
 * upper is made to name the lower, one by one, and the upper goes. An upper that the machine writes to has
 * one name only, in vm.json: that changes at once, or the merge begins anew.
 *
 * Up: the upper is put on what the lower lies on, and gets what it lacks then; the lower goes.
 */
#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/bundle/json-section.h"
#include "app/disk/disk-look.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/snapshot-private.h"
#include "vmm/base/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
snapshot_merge_clear (SnapshotMerge *merge)
{
  g_clear_pointer (&merge->disk, g_free);
  g_clear_pointer (&merge->upper, g_free);
  g_clear_pointer (&merge->lower, g_free);
}

/* Only where a layer of ours is the upper: chains that the owner has made stay, and so do detached disks,
 * under the name that their owner knows, and what linked clones elsewhere lie on. */
static bool
can_merge (const LayerFile *lower)
{
  const LayerFile *upper = lower->above;
  g_autofree char *id = upper != NULL ? snapshot_layer_id (upper->path) : NULL;

  return id != NULL && upper->n_users > 0 && !upper->pinned && lower->inside && upper->inside
         && lower->n_named == 0 && lower->n_above == 1;
}

/* The passphrase is the machine's that runs: its disks' layers are merged by it (snapshot_merge_find). */
static bool
is_locked (const LayerFile *lower)
{
  return layer_is_encrypted (lower->path) || layer_is_encrypted (lower->above->path);
}

LayerFile *
snapshot_merge_candidate (LayerGraph *graph, bool running)
{
  for (guint i = 0; graph->complete && i < graph->files->len; i++)
    {
      LayerFile *lower = g_ptr_array_index (graph->files, i);

      if (can_merge (lower) && !(running && (lower->in_use || lower->above->in_use)) && !is_locked (lower))
        return lower;
    }
  return NULL;
}

/* --- what remains after the content has gone down --- */

/* snapshots/merge.json: { "upper", "lower", "format" }, as long as anything may name the upper. */
static char *
record_path (const char *bundle)
{
  return g_build_filename (bundle, SNAPSHOT_FOLDER, "merge.json", NULL);
}

static bool
write_record (const char *bundle, const char *upper, const char *lower, const char *format, GError **error)
{
  g_autofree char *file = record_path (bundle), *text = NULL;
  g_autofree char *above = snapshot_relative (bundle, upper), *below = snapshot_relative (bundle, lower);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;

  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "upper");
  json_builder_add_string_value (builder, above);
  json_builder_set_member_name (builder, "lower");
  json_builder_add_string_value (builder, below);
  json_builder_set_member_name (builder, "format");
  json_builder_add_string_value (builder, format);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  return bundle_replace_file (file, text, strlen (text), error);
}

static bool
read_record (const char *bundle, char **upper, char **lower, char **format)
{
  g_autofree char *file = record_path (bundle), *content = NULL;
  g_autoptr (JsonText) text = NULL;
  JsonSection section = { 0 };
  gsize length;

  *upper = *lower = *format = NULL;
  if (!g_file_get_contents (file, &content, &length, NULL))
    return false;
  text = json_text_parse (content, length, "merge.json", NULL);
  if (text == NULL || !JSON_NODE_HOLDS_OBJECT (json_text_root (text)))
    return false;
  section = (JsonSection){ text, json_node_get_object (json_text_root (text)), "", NULL };
  return json_read_string (&section, "upper", upper) && json_read_string (&section, "lower", lower)
         && json_read_string (&section, "format", format) && *upper != NULL && *lower != NULL
         && *format != NULL;
}

static bool
rename_in_headers (LayerGraph *graph, const char *bundle, const LayerFile *upper, const char *lower,
                   const char *format, GError **error)
{
  for (guint i = 0; i < graph->files->len; i++)
    {
      const LayerFile *file = g_ptr_array_index (graph->files, i);
      g_autofree char *folder = g_path_get_dirname (file->path);
      g_autofree char *name = snapshot_backing_name (bundle, folder, lower);
      const ImageSource source = { .path = file->path, .format = file->format };
      const ImageRebase how = { .backing_path = name, .backing_format = format, .unsafe = true };

      if (file->below == upper && file->inside && !image_rebase (&source, &how, NULL, error))
        return false;
    }
  return true;
}

static bool
rename_in_nodes (const SnapshotTree *tree, const char *upper, const char *lower, const char *format,
                 GError **error)
{
  g_autofree char *name = snapshot_relative (tree->bundle, lower);

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);
      bool changed = false;

      for (guint j = 0; j < node->disks->len; j++)
        {
          SnapshotDisk *disk = g_ptr_array_index (node->disks, j);
          g_autofree char *path = snapshot_resolve (tree->bundle, disk->layer);

          if (!g_str_equal (path, upper))
            continue;
          vm_config_set (&disk->layer, name);
          vm_config_set (&disk->format, format);
          changed = true;
        }
      if (changed && !snapshot_write_node (tree->bundle, node, error))
        return false;
    }
  return true;
}

static bool
forget_record (const char *bundle, GError **error)
{
  g_autofree char *file = record_path (bundle);

  return unlink (file) == 0 || errno == ENOENT
         || bonsai_set_errno_error (error, errno, "Can't remove %s", file);
}

/* Nobody makes a linked clone meanwhile. */
static bool
finish_held (const char *bundle, GError **error)
{
  g_autofree char *upper_name = NULL, *lower_name = NULL, *format = NULL, *upper = NULL, *lower = NULL;
  g_autoptr (SnapshotTree) tree = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (LayerGraph) graph = NULL;
  g_autoptr (GPtrArray) gone = NULL;
  const LayerFile *file;

  if (!read_record (bundle, &upper_name, &lower_name, &format))
    return true;
  tree = snapshot_tree_read (bundle, error);
  config = tree != NULL ? bundle_load (bundle, error) : NULL;
  if (config == NULL)
    return false;
  upper = snapshot_resolve (tree->bundle, upper_name);
  lower = snapshot_resolve (tree->bundle, lower_name);
  graph = layer_graph_new (tree, config);
  file = layer_graph_find (graph, upper);
  gone = g_ptr_array_new ();
  g_ptr_array_add (gone, upper_name);
  /* A linked clone was made since the merge began: both stay, as they read the same. */
  if (file != NULL && !file->pinned
      && (!snapshot_pending_add (bundle, gone, error)
          || !rename_in_headers (graph, tree->bundle, file, lower, format, error)
          || !rename_in_nodes (tree, upper, lower, format, error)))
    return false;
  return snapshot_review_pending (bundle, error) && forget_record (bundle, error);
}

/* What the record says is still to be done; nothing if there is none. */
static bool
finish_down (const char *bundle, GError **error)
{
  g_autofree char *record = record_path (bundle);
  bool done;
  int held;

  if (!g_file_test (record, G_FILE_TEST_EXISTS))
    return true;
  held = snapshot_hold_nodes (bundle, error);
  done = held >= 0 && finish_held (bundle, error);
  if (held >= 0)
    close (held);
  return done;
}

/* --- the content --- */

static bool
measure (const LayerFile *file, uint64_t *size, GError **error)
{
  g_auto (DiskLook) look = { 0 };

  if (!disk_look (&look, file->path, file->format, error))
    return false;
  *size = look.size;
  return true;
}

/* The machine's disk at @upper is at @lower from now on. *@found: whether it has one. */
static bool
rename_in_config (const char *bundle, const LayerFile *upper, const LayerFile *lower, bool *found,
                  GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);
  g_autofree char *name = snapshot_relative (bundle, lower->path);

  *found = false;
  for (guint i = 0; config != NULL && i < config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path = disk->path != NULL ? snapshot_resolve (bundle, disk->path) : NULL;

      if (g_strcmp0 (path, upper->path) != 0)
        continue;
      vm_config_set (&disk->path, name);
      vm_config_set (&disk->options.format, lower->format);
      *found = true;
    }
  return config != NULL && (!*found || bundle_save (bundle, config, error));
}

static bool
merge_down (const char *bundle, const LayerFile *lower, const ImageJob *job, GError **error)
{
  const LayerFile *upper = lower->above;
  const ImageSource source = { .path = upper->path, .format = upper->format };
  g_autofree char *gone = snapshot_relative (bundle, upper->path);
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  bool is_top;

  g_ptr_array_add (paths, gone);
  if (!snapshot_pending_add (bundle, paths, error) || !image_commit (&source, true, job, error)
      || !rename_in_config (bundle, upper, lower, &is_top, error))
    return false;
  if (is_top)
    return snapshot_review_pending (bundle, error);
  return write_record (bundle, upper->path, lower->path, lower->format, error) && finish_down (bundle, error);
}

static bool
merge_up (const char *bundle, const LayerFile *lower, const ImageJob *job, GError **error)
{
  const LayerFile *upper = lower->above, *below = lower->below;
  const ImageSource source = { .path = upper->path, .format = upper->format };
  g_autofree char *folder = g_path_get_dirname (upper->path);
  g_autofree char *name = below != NULL ? snapshot_backing_name (bundle, folder, below->path) : NULL;
  const ImageRebase how = { .backing_path = name, .backing_format = below != NULL ? below->format : NULL };
  g_autofree char *gone = snapshot_relative (bundle, lower->path);
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();

  g_ptr_array_add (paths, gone);
  return snapshot_pending_add (bundle, paths, error) && image_rebase (&source, &how, job, error)
         && snapshot_review_pending (bundle, error);
}

static bool
merge (const char *bundle, const LayerFile *lower, const ImageJob *job, GError **error)
{
  g_autoptr (GError) failure = NULL;
  uint64_t lower_size, upper_size;

  if (!measure (lower, &lower_size, error) || !measure (lower->above, &upper_size, error))
    return false;
  /* A lower that is larger than the disk would make the disk larger. */
  if (lower->room < lower->above->room || lower_size > upper_size)
    return merge_up (bundle, lower, job, error);
  if (merge_down (bundle, lower, job, &failure))
    return true;
  if (g_error_matches (failure, VMM_ERROR, VMM_ERROR_UNSUPPORTED))
    return merge_up (bundle, lower, job, error);
  g_propagate_error (error, g_steal_pointer (&failure));
  return false;
}

bool
snapshot_merge_layers (const char *bundle, bool running, const ImageJob *job, GError **error)
{
  if (!running && !finish_down (bundle, error))
    return false;
  for (;;)
    {
      g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
      g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, error) : NULL;
      g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;
      const LayerFile *lower = graph != NULL ? snapshot_merge_candidate (graph, running) : NULL;

      if (graph == NULL)
        return false;
      if (lower == NULL)
        return true;
      if ((job != NULL && g_cancellable_set_error_if_cancelled (job->cancellable, error))
          || !merge (tree->bundle, lower, job, error))
        return false;
    }
}

/* --- a machine that runs --- */

/* Whose disk's chain has @file in it, and isn't topped by it. */
static const VmDisk *
find_disk (LayerGraph *graph, const char *bundle, const VmConfig *config, const LayerFile *file)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      g_autofree char *path = disk->path != NULL ? snapshot_resolve (bundle, disk->path) : NULL;
      const LayerFile *top = path != NULL ? layer_graph_find (graph, path) : NULL;

      for (const LayerFile *at = top != NULL ? top->below : NULL; at != NULL; at = at->below)
        if (at == file)
          return disk;
    }
  return NULL;
}

bool
snapshot_merge_find (const char *bundle, SnapshotMerge *merge)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, NULL);
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, NULL) : NULL;
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;

  for (guint i = 0; graph != NULL && graph->complete && i < graph->files->len; i++)
    {
      const LayerFile *lower = g_ptr_array_index (graph->files, i);
      const VmDisk *disk = can_merge (lower) ? find_disk (graph, tree->bundle, config, lower->above) : NULL;

      if (disk == NULL)
        continue;
      *merge = (SnapshotMerge){ g_strdup (disk->id), g_strdup (lower->above->path), g_strdup (lower->path) };
      return true;
    }
  return false;
}

bool
snapshot_merge_finish (const char *bundle, const SnapshotMerge *merge, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  g_autoptr (VmConfig) config = tree != NULL ? bundle_load (bundle, error) : NULL;
  g_autoptr (LayerGraph) graph = config != NULL ? layer_graph_new (tree, config) : NULL;
  const LayerFile *lower = graph != NULL ? layer_graph_find (graph, merge->lower) : NULL;

  if (graph == NULL)
    return false;
  if (lower == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "%s is no layer of the machine",
                   merge->lower);
      return false;
    }
  return write_record (bundle, merge->upper, merge->lower, lower->format, error)
         && finish_down (bundle, error);
}
