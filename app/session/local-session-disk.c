/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-guard.h"
#include "devices/image/jobs/jobs.h"

/* --- the work itself, in a thread of its own --- */

typedef struct {
  char *disk;
  ImageWork work;

  Relay *relay; /* the session's, which the task keeps */
  GCancellable *cancellable;
  char *path; /* of the image */
} Work;

static void
work_free (gpointer data)
{
  Work *work = data;

  image_work_clear (&work->work);
  g_object_unref (work->cancellable);
  g_free (work->disk);
  g_free (work->path);
  g_free (work);
}

typedef struct {
  char *disk;
  guint64 done, total;
} Step;

static void
step_free (gpointer data)
{
  Step *step = data;

  g_free (step->disk);
  g_free (step);
}

static void
tell_step (gpointer object, gconstpointer content)
{
  const Step *step = content;

  g_signal_emit_by_name (object, "disk-progress", step->disk, step->done, step->total);
}

/* A worker thread. */
static void
on_progress (uint64_t done, uint64_t total, void *data)
{
  const Work *work = data;
  Step *step = g_new (Step, 1);

  *step = (Step){ g_strdup (work->disk), done, total };
  relay_post (work->relay, tell_step, step, step_free);
}

/* Whether no snapshot needs what would be written to or leave the chain. The merges of what deleted snapshots
 * left don't come by here. */
static bool
is_allowed (const Work *work, GError **error)
{
  const ImageWork *what = &work->work;

  switch (what->kind)
    {
    case IMAGE_WORK_COMMIT:
      return snapshot_guard_change (work->path, 1, 1, error) && snapshot_guard_commit (work->path, 0, error);
    case IMAGE_WORK_MERGE:
      return snapshot_guard_change (work->path, what->layer, what->layer + 1, error)
             && snapshot_guard_commit (work->path, what->layer, error);
    case IMAGE_WORK_FLATTEN:
    case IMAGE_WORK_REBASE:
    default:
      return snapshot_guard_change (work->path, 0, 0, error);
    }
}

static bool
run_work (LocalSession *self, Work *work, GError **error)
{
  const ImageJob job = { work->cancellable, on_progress, work };
  Image *image;

  if (self->pc == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
      return false;
    }
  image = pc_disk_image (self->pc, work->disk, error);
  if (image == NULL)
    return false;
  work->path = g_strdup (image_path (image));
  return is_allowed (work, error) && image_work_run (image, &work->work, &job, error);
}

static void
work_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  GError *error = NULL;
  bool done;

  g_rw_lock_reader_lock (&self->pc_lock);
  done = run_work (self, data, &error);
  g_rw_lock_reader_unlock (&self->pc_lock);
  if (done)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* --- asking for it --- */

/* @data: the caller's task, or NULL. */
static void
work_done (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  g_autoptr (GTask) asked = data;
  const Work *work = g_task_get_task_data (G_TASK (result));
  GError *error = NULL;
  bool done = g_task_propagate_boolean (G_TASK (result), &error);

  /* What its owner gave up doesn't come back with the next start. */
  if (work->path != NULL && g_object_get_data (G_OBJECT (work->cancellable), "given-up") != NULL)
    image_work_forget (work->path);
  g_hash_table_remove (self->disk_work, work->disk);
  if (asked != NULL && done)
    g_task_return_boolean (asked, TRUE);
  else if (asked != NULL)
    g_task_return_error (asked, error);
  else if (!done)
    {
      g_warning ("%s: disk %s: %s", self->name, work->disk, error->message);
      g_error_free (error);
    }
  local_session_begin_snapshot_requests (self);
}

/* Takes @work and @asked (nullable). */
static void
begin (LocalSession *self, Work *work, GTask *asked)
{
  g_autoptr (GTask) task = NULL;

  work->relay = self->relay;
  work->cancellable = g_cancellable_new ();
  if (g_hash_table_contains (self->disk_work, work->disk))
    {
      if (asked != NULL)
        g_task_return_new_error (asked, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                                 "Disk %s of %s is being worked on; wait until that is done, or cancel it",
                                 work->disk, self->name);
      g_clear_object (&asked);
      work_free (work);
      return;
    }
  g_hash_table_insert (self->disk_work, g_strdup (work->disk), g_object_ref (work->cancellable));
  task = g_task_new (self, NULL, work_done, asked);
  g_task_set_task_data (task, work, work_free);
  g_task_run_in_thread (task, work_in_thread);
}

static bool
describe (const BonsaiDiskWork *asked, Work *work, GError **error)
{
  work->disk = g_strdup (asked->disk);
  work->work.layer = asked->layer;
  work->work.backing_path = g_strdup (asked->backing_path);
  work->work.backing_format = g_strdup (asked->backing_format);
  if (!image_work_find (asked->work, &work->work.kind))
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is nothing that can be done with a disk",
                 asked->work);
  else if (work->work.kind == IMAGE_WORK_REBASE
           && (asked->backing_path == NULL || asked->backing_format == NULL))
    g_set_error_literal (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                         "A rebase needs the new backing file and its format");
  else
    return true;
  return false;
}

void
local_session_work_on_disk (BonsaiSession *session, const BonsaiDiskWork *asked, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Work *work = g_new0 (Work, 1);
  GError *error = NULL;

  if (local_session_live_pc (self) == NULL)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  else if (local_session_check_no_snapshot (self, &error) && describe (asked, work, &error))
    {
      begin (self, work, task);
      return;
    }
  image_work_clear (&work->work);
  g_free (work->disk);
  g_free (work);
  g_task_return_error (task, error);
  g_object_unref (task);
}

void
local_session_cancel_disk_work (BonsaiSession *session, const char *disk)
{
  LocalSession *self = LOCAL_SESSION (session);
  GCancellable *cancellable = g_hash_table_lookup (self->disk_work, disk);

  if (cancellable != NULL)
    {
      g_object_set_data (G_OBJECT (cancellable), "given-up", GINT_TO_POINTER (true));
      g_cancellable_cancel (cancellable);
    }
}

void
local_session_suspend_disk_work (LocalSession *self)
{
  GHashTableIter iter;
  gpointer cancellable;

  g_hash_table_iter_init (&iter, self->disk_work);
  while (g_hash_table_iter_next (&iter, NULL, &cancellable))
    g_cancellable_cancel (cancellable);
}

void
local_session_resume_work_on (LocalSession *self, const DiskSpec *disk)
{
  ImageWork left;
  Work *work;

  if (disk->kind != DISK_KIND_DISK || disk->path == NULL || disk->read_only
      || !image_work_pending (disk->path, &left))
    return;
  work = g_new0 (Work, 1);
  work->disk = g_strdup (disk->id);
  work->work = left;
  begin (self, work, NULL);
}

void
local_session_resume_disk_work (LocalSession *self)
{
  for (unsigned i = 0; i < self->spec->disks->len; i++)
    local_session_resume_work_on (self, g_ptr_array_index (self->spec->disks, i));
}
