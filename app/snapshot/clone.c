/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/clone.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/install/install-end.h"
#include "app/snapshot/snapshot-private.h"
#include "app/workspace/workspace.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

/* A clone that is being made. */
typedef struct {
  const CloneHow *how;
  SnapshotTree *tree;
  const SnapshotNode *node; /* (nullable) */
  VmConfig *from, *config;  /* the machine as it was then, and the new one */
  char *nvram;              /* (nullable): of the firmware's variables, to be copied */
} Clone;

static void
clone_clear (Clone *clone)
{
  g_clear_pointer (&clone->tree, snapshot_tree_free);
  g_clear_pointer (&clone->from, vm_config_free);
  g_clear_pointer (&clone->config, vm_config_free);
  g_clear_pointer (&clone->nvram, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Clone, clone_clear)

/* --- the description --- */

/* What isn't copied is found where it is. */
static void
name_absolutely (const Clone *clone, char **path)
{
  if (*path != NULL && !g_path_is_absolute (*path) && !vm_path_is_uri (*path))
    {
      g_autofree char *full = snapshot_resolve (clone->tree->bundle, *path);

      vm_config_set (path, full);
    }
}

static void
give_new_macs (const Clone *clone, VmConfig *config)
{
  g_autoptr (VmConfig) fresh = vm_config_new ("");

  for (guint i = 0; i < config->nics->len; i++)
    {
      VmNic *nic = g_ptr_array_index (config->nics, i);

      if (nic->guest_mac == NULL || !clone->how->instant)
        vm_config_set (&nic->guest_mac, clone->how->instant ? nic->mac : NULL);
      vm_config_set (&nic->mac, vm_config_add_nic (fresh, "nat")->mac);
      /* The ports are the other machine's. */
      for (guint j = 0; j < nic->forwards->len; j++)
        g_array_index (nic->forwards, NetForward, j).host_port = 0;
    }
}

/* What the other machine, which runs on, writes to. */
static void
keep_apart (char **path)
{
  if (*path != NULL && g_path_is_absolute (*path))
    {
      g_autofree char *name = g_path_get_basename (*path);

      vm_config_set (path, name);
    }
}

/* It goes on from the snapshot, and then is told that it is another. */
static void
let_go_on (const Clone *clone, VmConfig *config)
{
  g_autofree char *state = g_build_filename (clone->tree->bundle, SNAPSHOT_FOLDER, clone->node->id, NULL);

  if (!clone->how->borrows)
    vm_config_set (&config->resume, state);
  vm_config_set (&config->clone_hook, clone->how->hook != NULL ? clone->how->hook : "");
  keep_apart (&config->sound_record);
  for (guint i = 0; i < config->serials->len; i++)
    keep_apart (&((VmSerial *)g_ptr_array_index (config->serials, i))->path);
}

/* Raw disks stay raw in copies. */
static bool
is_raw (const VmDisk *disk)
{
  return disk->options.format == NULL || g_str_equal (disk->options.format, "raw");
}

/* Its clone would have to be, too, with a key of its own, so that either can be destroyed without the other.
 */
static bool
is_encrypted (const Clone *clone, const VmDisk *disk)
{
  g_autofree char *path = disk->path != NULL ? snapshot_resolve (clone->tree->bundle, disk->path) : NULL;

  return path != NULL && layer_is_encrypted (path);
}

static bool
describe_disk (const Clone *clone, VmDisk *disk, GError **error)
{
  bool raw = is_raw (disk) && !clone->how->linked;
  g_autofree char *path = g_strdup_printf ("disks/%s.%s", disk->id, raw ? "img" : "qcow2");

  name_absolutely (clone, &disk->options.secret_file);
  if (disk->kind == DISK_KIND_SCSI_HOST)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   _ ("No clone is possible: %s is a device of the host; detach it first"), disk->id);
      return false;
    }
  if (!snapshot_disk_has_layers (disk))
    {
      name_absolutely (clone, &disk->path);
      return true;
    }
  if (is_encrypted (clone, disk))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
                   _ ("No clone is possible: %s is encrypted. Copy that disk (bonsai disk convert "
                      "--target-secret-file), and "
                      "create a machine with it (--existing-disk)"),
                   disk->id);
      return false;
    }
  vm_config_set (&disk->path, path);
  vm_config_set (&disk->options.format, raw ? "raw" : "qcow2");
  return true;
}

static bool
describe (Clone *clone, GError **error)
{
  VmConfig *config = vm_config_copy (clone->from);
  g_autofree char *uuid = clone->how->uuid != NULL ? g_strdup (clone->how->uuid) : g_uuid_string_random ();

  clone->config = config;
  vm_config_set (&config->uuid, uuid);
  vm_config_set (&config->name, clone->how->name);
  vm_config_set (&config->generation, NULL);
  vm_config_set (&config->nvram, NULL);
  vm_config_set (&config->snapshot, NULL);
  vm_config_set (&config->resume, NULL);
  vm_config_set (&config->disposable, NULL);
  vm_config_set (&config->clone_of, NULL);
  if (config->install.system != NULL)
    install_advance (config, false); /* the installer stays with the machine */
  config->template_state = VM_TEMPLATE_NONE;
  config->autostart = false;
  g_ptr_array_set_size (config->usb_rules, 0); /* a device is one machine's: this one's owner says what it gets */
  vm_config_set (&config->clone_snapshot, clone->how->linked ? clone->node->id : NULL);
  name_absolutely (clone, &config->kernel);
  name_absolutely (clone, &config->initrd);
  name_absolutely (clone, &config->sound_microphone);
  give_new_macs (clone, config);
  vm_config_set (&config->clone_hook, NULL);
  if (clone->how->instant)
    let_go_on (clone, config);
  for (guint i = 0; i < config->disks->len; i++)
    if (!describe_disk (clone, g_ptr_array_index (config->disks, i), error))
      return false;
  return vm_config_check (config, error);
}

VmConfig *
clone_describe (SnapshotTree *tree, const SnapshotNode *node, const char *name, GError **error)
{
  const CloneHow how = { .name = name, .node = node->id, .linked = true };
  Clone clone = { .how = &how, .tree = tree, .node = node };
  bool done;

  clone.from = snapshot_tree_load_config (tree, node, error);
  done = clone.from != NULL && describe (&clone, error);
  g_clear_pointer (&clone.from, vm_config_free);
  if (!done)
    g_clear_pointer (&clone.config, vm_config_free);
  return clone.config;
}

/* --- the content --- */

static bool
link_disk (const Clone *clone, const char *target, const SnapshotDisk *then, GError **error)
{
  g_autofree char *layer = snapshot_resolve (clone->tree->bundle, then->layer);
  const ImageCreateOptions options = {
    .format = "qcow2", .size = then->size, .backing_path = layer, .backing_format = then->format
  };

  return image_create (target, &options, error);
}

static bool
copy_disk (const Clone *clone, const char *target, const char *layer, const char *layer_format,
           const VmDisk *disk, GError **error)
{
  g_autofree char *path = snapshot_resolve (clone->tree->bundle, layer);
  const ImageSource source = { .path = path, .format = layer_format };
  const ImageConvert how = { .create = { .format = disk->options.format } };

  return image_convert (&source, target, &how, clone->how->job, NULL, error);
}

static bool
fill_disk (const Clone *clone, const char *folder, const VmDisk *disk, GError **error)
{
  g_autofree char *target = g_build_filename (folder, disk->path, NULL);
  const VmDisk *was = vm_config_find_disk (clone->from, disk->id);
  const SnapshotDisk *then = clone->node != NULL ? snapshot_node_find_disk (clone->node, disk->id) : NULL;

  if (clone->node != NULL && then == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("The snapshot “%s” lacks the disk “%s”"),
                   clone->node->name, disk->id);
      return false;
    }
  if (clone->how->linked)
    return link_disk (clone, target, then, error);
  return copy_disk (clone, target, then != NULL ? then->layer : was->path,
                    then != NULL   ? then->format
                    : is_raw (was) ? "raw"
                                   : was->options.format,
                    disk, error);
}

/* Until it runs; its next start, should it never come to that, boots. */
static bool
say_lost (const char *folder, GError **error)
{
  const BundleRun run = {
    .state = BONSAI_STATE_STOPPED,
    .reason = BONSAI_REASON_ENGINE_ERROR,
    .exit_status = 4,
    .message =
      (char *)N_ ("The memory with which this clone was to go on is lost; it boots from its disks")
  };

  return bundle_write_run (folder, &run, error);
}

static bool
fill (const char *folder, void *data, GError **error)
{
  const Clone *clone = data;
  g_autofree char *nvram = g_build_filename (folder, BUNDLE_NVRAM, NULL);

  for (guint i = 0; i < clone->config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (clone->config->disks, i);

      if (snapshot_disk_has_layers (disk) && !fill_disk (clone, folder, disk, error))
        return false;
    }
  if (clone->how->borrows && !say_lost (folder, error))
    return false;
  if (clone->nvram != NULL && !snapshot_copy_file (clone->nvram, nvram, error))
    return false;
  return clone->how->complete == NULL
         || clone->how->complete (folder, clone->config, clone->how->complete_data, error);
}

/* --- the record --- */

/* Before the clone is there: should it never be, doctor finds that. */
static bool
record (const char *bundle, const VmConfig *config, const char *parent, GError **error)
{
  g_autoptr (GPtrArray) clones = snapshot_clones_read (bundle, error);
  g_autofree char *slug = bundle_slug (config->name);
  SnapshotClone *entry;

  if (clones == NULL)
    return false;
  entry = g_new0 (SnapshotClone, 1);
  *entry = (SnapshotClone){ g_strdup (config->uuid), g_strdup_printf ("%s/%s" BUNDLE_SUFFIX, parent, slug),
                            g_strdup (config->clone_snapshot) };
  g_ptr_array_add (clones, entry);
  return snapshot_clones_write (bundle, clones, error);
}

/* @path: where it is; NULL: it is gone. */
static bool
change_record (const char *bundle, const char *uuid, const char *path, GError **error)
{
  int held = snapshot_hold_nodes (bundle, error);
  g_autoptr (GPtrArray) clones = held >= 0 ? snapshot_clones_read (bundle, error) : NULL;
  bool done = clones != NULL;

  for (guint i = clones != NULL ? clones->len : 0; i-- > 0;)
    {
      SnapshotClone *entry = g_ptr_array_index (clones, i);

      if (!g_str_equal (entry->uuid, uuid) || g_strcmp0 (entry->path, path) == 0)
        continue;
      if (path != NULL)
        vm_config_set (&entry->path, path);
      else
        g_ptr_array_remove_index (clones, i);
      done = snapshot_clones_write (bundle, clones, error);
    }
  if (held >= 0)
    close (held);
  return done;
}

static void
clone_record_free (gpointer data)
{
  CloneRecord *record = data;

  g_free (record->uuid);
  g_free (record->path);
  g_free (record);
}

GPtrArray *
clone_list (const char *bundle, GError **error)
{
  g_autoptr (GPtrArray) clones = snapshot_clones_read (bundle, error);
  GPtrArray *records = clones != NULL ? g_ptr_array_new_with_free_func (clone_record_free) : NULL;

  for (guint i = 0; clones != NULL && i < clones->len; i++)
    {
      const SnapshotClone *clone = g_ptr_array_index (clones, i);
      CloneRecord *record = g_new (CloneRecord, 1);

      *record = (CloneRecord){ g_strdup (clone->uuid), g_strdup (clone->path) };
      g_ptr_array_add (records, record);
    }
  return records;
}

bool
clone_forget (const char *bundle, const char *uuid, GError **error)
{
  return change_record (bundle, uuid, NULL, error);
}

/* --- making one --- */

static bool
read_origin (Clone *clone, const char *bundle, GError **error)
{
  g_autoptr (VmConfig) now = NULL;
  const char *nvram;

  clone->tree = snapshot_tree_read (bundle, error);
  now = clone->tree != NULL ? bundle_load (bundle, error) : NULL;
  if (now == NULL)
    return false;
  if (clone->how->node == NULL)
    {
      nvram = now->nvram != NULL ? now->nvram : BUNDLE_NVRAM;
      clone->nvram = g_build_filename (bundle, nvram, NULL);
      clone->from = g_steal_pointer (&now);
    }
  else
    {
      clone->node = snapshot_tree_find (clone->tree, clone->how->node, error);
      clone->from = clone->node != NULL ? snapshot_tree_load_config (clone->tree, clone->node, error) : NULL;
      if (clone->from == NULL)
        return false;
      clone->nvram = snapshot_tree_path (clone->tree, clone->node, SNAPSHOT_NVRAM_FILE);
    }
  if (clone->how->instant && !clone->how->borrows && clone->node->kind != SNAPSHOT_LIVE)
    {
      g_set_error (
        error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
        _ ("The snapshot “%s” has no memory from which a clone could go on; it can be one that boots "
           "(bonsai clone --linked)"),
        clone->node->name);
      return false;
    }
  if (!g_file_test (clone->nvram, G_FILE_TEST_IS_REGULAR))
    g_clear_pointer (&clone->nvram, g_free);
  return true;
}

/* From now on the snapshot can't be deleted. */
static bool
claim (Clone *clone, const char *bundle, const char *parent, GError **error)
{
  int held = snapshot_hold_nodes (bundle, error);
  g_autoptr (VmConfig) origin = held >= 0 ? bundle_load (bundle, error) : NULL;
  bool done = origin != NULL && read_origin (clone, bundle, error) && describe (clone, error);

  if (done)
    {
      vm_config_set (&clone->config->clone_of, origin->uuid);
      done = record (bundle, clone->config, parent, error);
    }
  if (held >= 0)
    close (held);
  return done;
}

char *
clone_make (const char *bundle, const char *parent, const CloneHow *how, GError **error)
{
  g_auto (Clone) clone = { .how = how };
  char *path;

  g_return_val_if_fail (!how->linked || how->node != NULL, NULL);
  g_return_val_if_fail (!how->instant || how->linked, NULL);
  if (!workspace_check_use (bundle, WORKSPACE_EXPORT, error))
    return NULL;
  if (how->linked ? !claim (&clone, bundle, parent, error)
                  : !read_origin (&clone, bundle, error) || !describe (&clone, error))
    return NULL;
  path = bundle_create_with (parent, clone.config, fill, &clone, error);
  if (how->linked)
    change_record (bundle, clone.config->uuid, path, NULL);
  return path;
}
