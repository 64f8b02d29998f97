/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drives of a machine that runs: they come and go, their discs and sizes change. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "app/disk/disk-look.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/workspace/workspace.h"

#include <string.h>

/* What is asked, what came of it, and who waits: first a worker thread does it, then whoever keeps the
 * machine's description is told, on the session's thread. */
typedef struct {
  GTask *asked;
  DiskSpec *disk; /* attach: what is asked, then what it became */
  bool any_bus;
  char *id, *path; /* of the drive; of its new disc */
  char *bundle;    /* (nullable): of the machine */
  bool force;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_object_unref (change->asked);
  disk_spec_free (change->disk);
  g_free (change->id);
  g_free (change->path);
  g_free (change->bundle);
  g_free (change);
}

typedef bool (*ChangeFunc) (Pc *pc, Change *change, GError **error);

/* A worker thread. */
static bool
change_live (LocalSession *self, ChangeFunc func, Change *change, GError **error)
{
  bool done = false;

  g_rw_lock_reader_lock (&self->pc_lock);
  if (self->pc != NULL)
    done = func (self->pc, change, error);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  g_rw_lock_reader_unlock (&self->pc_lock);
  return done;
}

static void
return_outcome (GTask *task, bool done, GError *error)
{
  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static char *
copy_bundle (LocalSession *self)
{
  return self->keeper != NULL && self->keeper->get_bundle != NULL
           ? g_strdup (self->keeper->get_bundle (self->keeper_data))
           : NULL;
}

/* Runs @thread with @change (transfer full), then @done on the session's thread. */
static void
run_change (LocalSession *self, Change *change, GTaskThreadFunc thread, GAsyncReadyCallback done)
{
  g_autoptr (GTask) task = g_task_new (self, NULL, done, NULL);

  change->bundle = copy_bundle (self);
  g_task_set_task_data (task, change, change_free);
  g_task_run_in_thread (task, thread);
}

/* What terms allow to be read by the machine, and to be written. A worker thread. */
static bool
is_allowed (const Change *change, const char *path, bool writes, GError **error)
{
  g_autofree char *to = change->bundle != NULL ? g_build_filename (change->bundle, "vm.json", NULL) : NULL;
  g_autofree char *inside = change->bundle != NULL ? g_strconcat (change->bundle, "/", NULL) : NULL;

  if (path == NULL)
    return true;
  if (writes && inside != NULL && (!g_str_has_prefix (path, inside) || strstr (path, "/../") != NULL)
      && !workspace_check_use (change->bundle, WORKSPACE_HOST_FILES, error))
    return false;
  return vm_path_is_uri (path) || snapshot_guard_copy (path, to, error);
}

/* What is done stays done though the next start won't know of it. */
static GError *
unrecorded (GError *cause, const char *what, const char *id)
{
  GError *error = g_error_new (
    BONSAI_ERROR, BONSAI_ERROR_FAILED,
    "%s %s until the machine's end, but its description could not be changed for the next start: %s", id,
    what, cause->message);

  g_error_free (cause);
  return error;
}

/* --- discs --- */

static bool
change_medium (Pc *pc, Change *change, GError **error)
{
  if (change->id == NULL)
    change->id = pc_first_cdrom (pc);
  if (change->id != NULL)
    return pc_change_medium (pc, change->id, change->path, change->force, error);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "%s has no CD-ROM drive", pc_spec (pc)->name);
  return false;
}

static void
change_medium_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  const Change *change = data;
  bool done =
    is_allowed (change, change->path, false, &error) && change_live (source, change_medium, data, &error);

  return_outcome (task, done, error);
}

static void
medium_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  const Change *change = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  bool done = g_task_propagate_boolean (G_TASK (result), &error);

  if (done && local_session_begin_keeping (self))
    {
      done = self->keeper->medium_changed (change->id, change->path, self->keeper_data, &error);
      local_session_end_keeping (self);
      if (!done)
        error = unrecorded (error, change->path != NULL ? "has its disc" : "is empty", change->id);
    }
  return_outcome (change->asked, done, error);
}

void
local_session_change_medium (BonsaiSession *session, const char *drive, const char *path, bool force,
                             GTask *task)
{
  Change *change = g_new0 (Change, 1);

  *change = (Change){ .asked = task, .id = g_strdup (drive), .path = g_strdup (path), .force = force };
  run_change (LOCAL_SESSION (session), change, change_medium_in_thread, medium_changed);
}

/* --- coming and going --- */

static bool
may_change (LocalSession *self, GTask *task)
{
  GError *error = NULL;

  if (local_session_check_no_snapshot (self, &error))
    return true;
  g_task_return_error (task, error);
  g_object_unref (task);
  return false;
}

/* Its owner's order: what the image is by the look of it now is recorded, so that no guest can change it. */
static bool
take_format (DiskSpec *disk, GError **error)
{
  g_auto (DiskLook) look = { 0 };

  if (disk->kind != DISK_KIND_DISK || disk->path == NULL || disk->options.format != NULL)
    return true;
  if (!disk_look (&look, disk->path, NULL, error))
    return false;
  disk->options.format = g_steal_pointer (&look.format);
  return true;
}

/* As vm.json wants it (SCHEMA.md). */
static bool
check_id (const char *id, GError **error)
{
  if (id == NULL
      || (id[0] != '\0' && strlen (id) <= 32
          && strspn (id, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (id)))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               "“%s” is no disk's id: write 1 to 32 of a-z, 0-9 and “-”", id);
  return false;
}

static bool
attach (Pc *pc, Change *change, GError **error)
{
  return check_id (change->disk->id, error) && take_format (change->disk, error)
         && pc_attach_disk (pc, change->disk, change->any_bus, error);
}

static void
attach_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Change *change = data;
  GError *error = NULL;
  bool writes = change->disk->kind != DISK_KIND_CDROM && !change->disk->read_only;
  bool done =
    is_allowed (change, change->disk->path, writes, &error) && change_live (source, attach, change, &error);

  g_clear_pointer (&change->disk->options.secret, g_bytes_unref);
  return_outcome (task, done, error);
}

static void
attached (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  const Change *change = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  bool done = g_task_propagate_boolean (G_TASK (result), &error);

  if (done && !self->ended)
    local_session_resume_work_on (self, change->disk);
  if (done && local_session_begin_keeping (self))
    {
      done = self->keeper->attached (change->disk, self->keeper_data, &error);
      local_session_end_keeping (self);
      if (!done)
        error = unrecorded (error, "is attached", change->disk->id);
    }
  if (done)
    g_task_return_pointer (change->asked, disk_spec_copy (change->disk), (GDestroyNotify)disk_spec_free);
  else
    g_task_return_error (change->asked, error);
}

void
local_session_attach_disk (BonsaiSession *session, const DiskSpec *disk, bool any_bus, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Change *change;

  if (!may_change (self, task))
    return;
  change = g_new0 (Change, 1);
  *change = (Change){ .asked = task, .disk = disk_spec_copy (disk), .any_bus = any_bus };
  run_change (self, change, attach_in_thread, attached);
}

static bool
detach (Pc *pc, Change *change, GError **error)
{
  return pc_detach_disk (pc, change->id, change->force, error);
}

static void
detach_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;
  bool done = change_live (source, detach, data, &error);

  return_outcome (task, done, error);
}

static void
detached (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  const Change *change = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  bool done = g_task_propagate_boolean (G_TASK (result), &error);

  g_hash_table_remove (self->disk_work, change->id);
  if (done && local_session_begin_keeping (self))
    {
      done = self->keeper->detached (change->id, self->keeper_data, &error);
      local_session_end_keeping (self);
      if (!done)
        error = unrecorded (error, "is detached", change->id);
    }
  return_outcome (change->asked, done, error);
}

/* Work on a disk's layers holds its image: none may be under way, nor begin meanwhile. */
void
local_session_detach_disk (BonsaiSession *session, const char *disk, bool force, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Change *change;

  if (!may_change (self, task))
    return;
  if (g_hash_table_contains (self->disk_work, disk))
    {
      g_task_return_new_error (
        task, BONSAI_ERROR, BONSAI_ERROR_BUSY,
        "Disk %s of %s is being worked on in the background; wait until that is done, or "
        "cancel it, and detach the disk then",
        disk, self->name);
      g_object_unref (task);
      return;
    }
  g_hash_table_insert (self->disk_work, g_strdup (disk), g_cancellable_new ());
  change = g_new0 (Change, 1);
  *change = (Change){ .asked = task, .id = g_strdup (disk), .force = force };
  run_change (self, change, detach_in_thread, detached);
}

/* --- changing them --- */

typedef struct {
  char *disk;
  uint64_t size; /* 0: stays */
  bool limited;
  ImageLimits limits;
} DiskChange;

static void
disk_change_free (gpointer data)
{
  DiskChange *change = data;

  g_free (change->disk);
  g_free (change);
}

static void
change_disk_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  const DiskChange *change = data;
  GError *error = NULL;
  bool done = false;

  g_rw_lock_reader_lock (&self->pc_lock);
  if (self->pc != NULL)
    done =
      (change->size == 0
       || (local_session_move (self, &error) && pc_grow_disk (self->pc, change->disk, change->size, &error)))
      && (!change->limited || pc_limit_disk (self->pc, change->disk, &change->limits, &error));
  else
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  g_rw_lock_reader_unlock (&self->pc_lock);

  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
local_session_change_disk (BonsaiSession *session, const char *disk, uint64_t size, const ImageLimits *limits,
                           GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  DiskChange *change;

  if (size > 0 && !may_change (self, task))
    return;
  if (size > 0 && g_hash_table_contains (self->disk_work, disk))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                               "Disk %s of %s is being worked on; wait until that is done", disk, self->name);
      g_object_unref (task);
      return;
    }
  change = g_new0 (DiskChange, 1);
  change->disk = g_strdup (disk);
  change->size = size;
  change->limited = limits != NULL;
  if (limits != NULL)
    change->limits = *limits;
  g_task_set_task_data (task, change, disk_change_free);
  g_task_run_in_thread (task, change_disk_in_thread);
  g_object_unref (task);
}
