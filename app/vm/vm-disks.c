/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drives that come and go: those of a machine that runs here are kept in its description, those of one that
 * doesn't run are only there. */
#include "app/base/error.h"
#include "app/disk/disk-look.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/vm/vm-private.h"

#include <glib/gi18n.h>
#include <string.h>

/* --- the description --- */

/* What lies in the bundle is named from there: the bundle may be moved. (transfer full) */
static char *
path_in_bundle (BonsaiVm *self, const char *path)
{
  g_autofree char *folder = g_strconcat (self->path, "/", NULL);

  if (path != NULL && g_str_has_prefix (path, folder) && strstr (path, "/../") == NULL)
    return g_strdup (path + strlen (folder));
  return g_strdup (path);
}

static void
add_disk (BonsaiVm *self, VmConfig *config, const DiskSpec *disk)
{
  g_autofree char *path = path_in_bundle (self, disk->path);
  VmDisk *added =
    disk->kind == DISK_KIND_CDROM ? vm_config_add_cdrom (config, path) : vm_config_add_disk (config, path, 0);

  if (disk->id != NULL)
    vm_config_set (&added->id, disk->id);
  added->bus = disk->bus;
  added->read_only = disk->read_only || disk->kind == DISK_KIND_CDROM;
  disk_options_copy (&added->options, &disk->options);
  g_clear_pointer (&added->options.secret, g_bytes_unref);
}

VmConfig *
bonsai_vm_description (BonsaiVm *self, GError **error)
{
  VmConfig *config = bundle_load (self->path, error);

  /* By what was known before, its changes are told apart from those of others. */
  if (config != NULL)
    bonsai_vm_take_config (self, vm_config_copy (config));
  return config;
}

/* --- while it runs here --- */

static bool
keep_attached (const DiskSpec *disk, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);

  if (config == NULL)
    return false;
  add_disk (self, config, disk);
  return bonsai_vm_save_config (self, config, error);
}

static bool
keep_detached (const char *id, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);
  VmDisk *disk = config != NULL ? vm_config_find_disk (config, id) : NULL;

  if (config == NULL)
    return false;
  if (disk == NULL)
    return true;
  g_ptr_array_remove (config->disks, disk);
  return bonsai_vm_save_config (self, config, error);
}

static bool
set_medium (BonsaiVm *self, VmConfig *config, VmDisk *drive, const char *path, GError **error)
{
  g_autofree char *kept = path_in_bundle (self, path);

  if (g_strcmp0 (drive->path, kept) == 0)
    return true;
  vm_config_set (&drive->path, kept);
  g_clear_pointer (&drive->options.format, g_free); /* the old disc's */
  return bonsai_vm_save_config (self, config, error);
}

static bool
keep_medium (const char *drive, const char *path, void *data, GError **error)
{
  BonsaiVm *self = data;
  g_autoptr (VmConfig) config = bonsai_vm_description (self, error);
  VmDisk *disk = config != NULL ? vm_config_find_disk (config, drive) : NULL;

  if (config == NULL)
    return false;
  return disk == NULL || disk->kind != DISK_KIND_CDROM || set_medium (self, config, disk, path, error);
}

static const char *
get_bundle (void *data)
{
  return ((BonsaiVm *)data)->path;
}

static void
description_changed (void *data)
{
  bonsai_vm_reload (data);
}

const LocalSessionKeeper bonsai_vm_keeper = {
  .attached = keep_attached,
  .detached = keep_detached,
  .medium_changed = keep_medium,
  .link_changed = bonsai_vm_keep_link,
  .forwards_changed = bonsai_vm_keep_forwards,
  .usb_attaching = bonsai_vm_check_usb,
  .usb_changed = bonsai_vm_note_usb,
  .get_bundle = get_bundle,
  .description_changed = description_changed,
};

/* --- while it doesn't run --- */

VmConfig *
bonsai_vm_open_stopped (BonsaiVm *self, BundleLock **lock, GError **error)
{
  *lock = NULL;
  if (!bonsai_vm_check_idle (self, error))
    return NULL;
  *lock = bundle_lock (self->path, error);
  if (*lock == NULL || !snapshot_settle (self->path, error))
    return NULL;
  return bonsai_vm_description (self, error);
}

static bool
check_unused (BonsaiVm *self, const VmConfig *config, const DiskSpec *disk, GError **error)
{
  g_autofree char *path = path_in_bundle (self, disk->path);

  for (unsigned i = 0; path != NULL && i < config->disks->len; i++)
    {
      const VmDisk *other = g_ptr_array_index (config->disks, i);

      if (g_strcmp0 (other->path, path) != 0 || (other->read_only && disk->read_only))
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS, _ ("%s is %s of “%s” already"), disk->path,
                   other->id, bonsai_vm_get_name (self));
      return false;
    }
  if (disk->id == NULL || vm_config_find_disk (config, disk->id) == NULL)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS,
               _ ("“%s” has a drive “%s” already: give the new one another id"), bonsai_vm_get_name (self),
               disk->id);
  return false;
}

/* Whether the machine can be built like that. */
static bool
check_fits (BonsaiVm *self, const VmConfig *config, GError **error)
{
  g_autoptr (MachineSpec) spec =
    vm_config_check (config, error) ? vm_config_to_spec (config, self->path) : NULL;

  return spec != NULL && machine_spec_check (spec, error);
}

/* @disk: its id is filled in. */
static bool
attach_stopped (BonsaiVm *self, DiskSpec *disk, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = bonsai_vm_open_stopped (self, &lock, error);
  const VmDisk *added;

  if (config == NULL || !check_unused (self, config, disk, error))
    return false;
  add_disk (self, config, disk);
  if (!check_fits (self, config, error) || !bonsai_vm_save_config (self, config, error))
    return false;
  added = g_ptr_array_index (config->disks, config->disks->len - 1);
  g_free (disk->id);
  disk->id = g_strdup (added->id);
  return true;
}

static bool
detach_stopped (BonsaiVm *self, const char *id, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = bonsai_vm_open_stopped (self, &lock, error);
  VmDisk *disk = config != NULL ? vm_config_find_disk (config, id) : NULL;

  if (config == NULL)
    return false;
  if (disk == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                   _ ("“%s” has no drive “%s”; see “bonsai show”"), bonsai_vm_get_name (self), id);
      return false;
    }
  g_ptr_array_remove (config->disks, disk);
  return bonsai_vm_save_config (self, config, error);
}

static VmDisk *
find_cdrom (const VmConfig *config, const char *id)
{
  for (unsigned i = 0; i < config->disks->len; i++)
    {
      VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (disk->kind == DISK_KIND_CDROM && (id == NULL || g_strcmp0 (disk->id, id) == 0))
        return disk;
    }
  return NULL;
}

static bool
change_medium_stopped (BonsaiVm *self, const char *id, const char *path, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = bonsai_vm_open_stopped (self, &lock, error);
  VmDisk *drive = config != NULL ? find_cdrom (config, id) : NULL;

  if (config == NULL)
    return false;
  if (drive == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("“%s” has no CD-ROM drive%s%s"),
                 bonsai_vm_get_name (self), id != NULL ? " " : "", id != NULL ? id : "");
  else if (path != NULL && !g_file_test (path, G_FILE_TEST_EXISTS))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("There is no file %s"), path);
  else
    return set_medium (self, config, drive, path, error);
  return false;
}

/* A worker thread: the format is recorded. */
static void
look_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DiskSpec *disk = data;
  g_auto (DiskLook) look = { 0 };
  GError *error = NULL;

  if (disk->kind == DISK_KIND_DISK && disk->options.format == NULL)
    {
      if (!disk_look (&look, disk->path, NULL, &error))
        {
          g_task_return_error (task, error);
          return;
        }
      disk->options.format = g_steal_pointer (&look.format);
    }
  g_task_return_boolean (task, TRUE);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) asked = data;
  DiskSpec *disk = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error) && attach_stopped (BONSAI_VM (source), disk, &error))
    g_task_return_pointer (asked, disk_spec_copy (disk), (GDestroyNotify)disk_spec_free);
  else
    g_task_return_error (asked, error);
}

/* --- either --- */

static void
attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  DiskSpec *disk = bonsai_session_attach_disk_finish (BONSAI_SESSION (source), result, &error);

  if (disk != NULL)
    g_task_return_pointer (task, disk, (GDestroyNotify)disk_spec_free);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_attach_disk_async (BonsaiVm *self, const DiskSpec *disk, gboolean any_bus,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *asked = g_task_new (self, cancellable, callback, data);
  BonsaiSession *session = bonsai_vm_get_session (self);
  g_autoptr (GTask) look = NULL;
  DiskSpec *copy;

  g_task_set_source_tag (asked, bonsai_vm_attach_disk_async);
  if (session != NULL)
    {
      bonsai_session_attach_disk_async (session, disk, any_bus, cancellable, attached, asked);
      return;
    }
  copy = disk_spec_copy (disk);
  g_clear_pointer (&copy->options.secret, g_bytes_unref); /* asked for when it starts */
  if (any_bus)
    copy->bus = copy->kind == DISK_KIND_CDROM ? DISK_BUS_AHCI : DISK_BUS_VIRTIO;
  look = g_task_new (self, NULL, looked, asked);
  g_task_set_task_data (look, copy, (GDestroyNotify)disk_spec_free);
  g_task_run_in_thread (look, look_in_thread);
}

DiskSpec *
bonsai_vm_attach_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
detached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_detach_disk_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_detach_disk_async (BonsaiVm *self, const char *disk, gboolean force, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  g_task_set_source_tag (task, bonsai_vm_detach_disk_async);
  if (session != NULL)
    bonsai_session_detach_disk_async (session, disk, force, cancellable, detached, g_steal_pointer (&task));
  else if (detach_stopped (self, disk, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

gboolean
bonsai_vm_detach_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
medium_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_change_medium_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_change_medium_async (BonsaiVm *self, const char *drive, const char *path, gboolean force,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  g_task_set_source_tag (task, bonsai_vm_change_medium_async);
  if (session != NULL)
    bonsai_session_change_medium_async (session, drive, path, force, cancellable, medium_changed,
                                        g_steal_pointer (&task));
  else if (change_medium_stopped (self, drive, path, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

gboolean
bonsai_vm_change_medium_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
