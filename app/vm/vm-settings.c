/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes of a machine's description, and of its disks. */
#include "app/vm/vm-settings.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/vm/vm-change.h"
#include "vmm/loop/loop.h"

#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define SECTOR 512

/* --- disks --- */

/* What is done with one disk; the data of its GTask. */
typedef struct {
  char *bundle;
  char *disk;   /* its id */
  char *path;   /* absolute, or a URI */
  char *format; /* (nullable) */
  uint64_t size;
  ImageLimits limits;
  BundleLock *lock; /* (nullable) */
  DiskLook *look;
} DiskChange;

static void
look_free (DiskLook *look)
{
  disk_look_clear (look);
  g_free (look);
}

static void
disk_change_free (gpointer data)
{
  DiskChange *change = data;

  g_clear_pointer (&change->lock, bundle_unlock);
  g_clear_pointer (&change->look, look_free);
  g_free (change->bundle);
  g_free (change->disk);
  g_free (change->path);
  g_free (change->format);
  g_free (change);
}

static GTask *
begin (BonsaiVm *self, gpointer tag, const char *disk, GCancellable *cancellable,
       GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  DiskChange *change = g_new0 (DiskChange, 1);

  change->bundle = g_strdup (self->path);
  change->disk = g_strdup (disk);
  g_task_set_source_tag (task, tag);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, change, disk_change_free);
  return task;
}

/* Drops @task, with @error (transfer full). */
static void
fail (GTask *task, GError *error)
{
  g_task_return_error (task, error);
  g_object_unref (task);
}

/* Where its image is. False with @error set. */
static bool
locate (BonsaiVm *self, DiskChange *change, GError **error)
{
  const VmDisk *disk = self->config != NULL ? vm_config_find_disk (self->config, change->disk) : NULL;

  if (disk == NULL || disk->path == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("“%s” has no disk “%s”"),
                   bonsai_vm_get_name (self), change->disk);
      return false;
    }
  change->path = g_path_is_absolute (disk->path) || vm_path_is_uri (disk->path)
                   ? g_strdup (disk->path)
                   : g_build_filename (self->path, disk->path, NULL);
  change->format = g_strdup (disk->options.format != NULL ? disk->options.format : "raw");
  return true;
}

/* --- a new one --- */

/* Names that are taken belong to images that somebody may want again. */
static void
make_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DiskChange *change = data;
  g_autofree char *folder = g_build_filename (change->bundle, "disks", NULL);
  const ImageCreateOptions options = { .format = "qcow2", .size = change->size / SECTOR * SECTOR };
  GError *error = NULL;

  g_mkdir_with_parents (folder, 0755);
  for (unsigned n = 0; change->path == NULL; n++)
    {
      g_autofree char *path = g_strdup_printf ("%s/disk%u.qcow2", folder, n);
      g_autofree char *raw = g_strdup_printf ("%s/disk%u.img", folder, n);

      if (!g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (raw, G_FILE_TEST_EXISTS))
        change->path = g_steal_pointer (&path);
    }
  if (image_create (change->path, &options, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
put_in (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  DiskChange *change = g_task_get_task_data (task);
  GError *error = NULL;
  DiskSpec *disk = bonsai_vm_attach_disk_finish (BONSAI_VM (source), result, &error);

  if (disk == NULL)
    {
      unlink (change->path);
      g_task_return_error (task, error);
      return;
    }
  g_task_return_pointer (task, g_strdup (disk->id), g_free);
  disk_spec_free (disk);
}

static void
made (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  DiskChange *change = g_task_get_task_data (task);
  g_autofree char *path = g_strdup (change->path);
  const DiskSpec disk = { .kind = DISK_KIND_DISK, .path = path, .options = { .format = (char *)"qcow2" } };
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    bonsai_vm_attach_disk_async (BONSAI_VM (source), &disk, TRUE, g_task_get_cancellable (task), put_in,
                                 task);
  else
    fail (task, error);
}

void
bonsai_vm_add_disk_async (BonsaiVm *self, guint64 size, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = begin (self, bonsai_vm_add_disk_async, NULL, cancellable, callback, data);
  g_autoptr (GTask) make = g_task_new (self, NULL, made, task);
  DiskChange *change = g_task_get_task_data (task);

  change->size = size;
  g_task_set_task_data (make, change, NULL);
  g_task_run_in_thread (make, make_in_thread);
}

char *
bonsai_vm_add_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- a larger one --- */

static bool
grow (DiskChange *change, GError **error)
{
  const ImageOptions options = { .exclusive_lock = true, .format = change->format };
  g_autoptr (EventLoop) loop = loop_new ("image-resize", error);
  g_autoptr (Image) image = loop != NULL ? image_open (loop, change->path, &options, error) : NULL;

  if (image == NULL)
    return false;
  if (change->size >= image_size (image))
    return change->size == image_size (image) || image_resize (image, change->size, error);
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    _ ("The disk has more than that already, and what lies beyond would be lost; “bonsai disk resize "
       "--shrink” does it"));
  return false;
}

static void
grow_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (grow (data, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (bonsai_session_change_disk_finish (BONSAI_SESSION (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_grow_disk_async (BonsaiVm *self, const char *disk, guint64 size, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = begin (self, bonsai_vm_grow_disk_async, disk, cancellable, callback, data);
  DiskChange *change = g_task_get_task_data (task);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  change->size = size / SECTOR * SECTOR;
  if (session != NULL)
    {
      bonsai_session_change_disk_async (session, disk, change->size, NULL, cancellable, changed, task);
      return;
    }
  if (bonsai_vm_check_idle (self, &error))
    change->lock = bundle_lock (self->path, &error);
  if (change->lock == NULL || !locate (self, change, &error)
      || !snapshot_guard_change (change->path, 0, 0, &error))
    {
      fail (task, error);
      return;
    }
  g_task_run_in_thread (task, grow_in_thread);
  g_object_unref (task);
}

gboolean
bonsai_vm_grow_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  DiskChange *change = g_task_get_task_data (G_TASK (result));

  g_clear_pointer (&change->lock, bundle_unlock);
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- a slower one --- */

static void
kept_limits (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  GTask *task = data;
  const DiskChange *change = g_task_get_task_data (task);
  BonsaiSession *session = bonsai_vm_get_session (self);
  GError *error = NULL;

  if (!bonsai_vm_save_finish (self, result, &error))
    fail (task, error);
  else if (session != NULL)
    bonsai_session_change_disk_async (session, change->disk, 0, &change->limits,
                                      g_task_get_cancellable (task), changed, task);
  else
    {
      g_task_return_boolean (task, TRUE);
      g_object_unref (task);
    }
}

void
bonsai_vm_limit_disk_async (BonsaiVm *self, const char *disk, const ImageLimits *limits,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = begin (self, bonsai_vm_limit_disk_async, disk, cancellable, callback, data);
  DiskChange *change = g_task_get_task_data (task);
  const VmConfig *wanted = bonsai_vm_get_wanted_config (self);
  g_autoptr (VmConfig) config = wanted != NULL ? vm_config_copy (wanted) : NULL;
  VmDisk *limited = config != NULL ? vm_config_find_disk (config, disk) : NULL;

  change->limits = *limits;
  if (limited == NULL)
    {
      fail (task, g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("“%s” has no disk “%s”"),
                               bonsai_vm_get_name (self), disk));
      return;
    }
  limited->options.limits = *limits;
  bonsai_vm_save_config_async (self, config, kept_limits, task);
}

gboolean
bonsai_vm_limit_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- what it is --- */

static void
look_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  DiskChange *change = data;
  GError *error = NULL;

  change->look = g_new0 (DiskLook, 1);
  if (disk_look (change->look, change->path, change->format, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_vm_look_at_disk_async (BonsaiVm *self, const char *disk, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = begin (self, bonsai_vm_look_at_disk_async, disk, cancellable, callback, data);
  DiskChange *change = g_task_get_task_data (task);
  GError *error = NULL;

  g_task_set_check_cancellable (task, TRUE);
  if (locate (self, change, &error))
    g_task_run_in_thread (task, look_in_thread);
  else
    g_task_return_error (task, error);
}

DiskLook *
bonsai_vm_look_at_disk_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  DiskChange *change = g_task_get_task_data (G_TASK (result));

  return g_task_propagate_boolean (G_TASK (result), error) ? g_steal_pointer (&change->look) : NULL;
}
