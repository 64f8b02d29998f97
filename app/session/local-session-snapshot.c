/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of the tree of snapshots of a machine that runs, and the operations that only change files.
 */
#include "app/session/snapshot-work.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-edit.h"
#include "devices/image/jobs/jobs.h"

/* --- steps --- */

typedef struct {
  SnapshotWork *work;
  void (*done) (SnapshotWork *work, GError *error);
} Step;

static void
step_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Step *step = data;
  GError *error = NULL;

  g_task_propagate_boolean (G_TASK (result), &error);
  step->done (step->work, error);
  g_free (step);
}

void
snapshot_work_end_step (GTask *task, GError *error)
{
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

void
snapshot_work_run (SnapshotWork *work, GTaskThreadFunc thread,
                   void (*done) (SnapshotWork *work, GError *error))
{
  Step *step = g_new (Step, 1);
  g_autoptr (GTask) task = NULL;

  *step = (Step){ work, done };
  task = g_task_new (work->session, NULL, step_done, step);
  g_task_set_task_data (task, work, NULL);
  g_task_run_in_thread (task, thread);
}

static void
work_free (SnapshotWork *work)
{
  g_clear_pointer (&work->draft, snapshot_draft_free);
  g_clear_pointer (&work->back, snapshot_return_free);
  g_clear_pointer (&work->spec, machine_spec_unref);
  g_clear_object (&work->asked);
  g_object_unref (work->cancellable);
  g_variant_dict_clear (&work->arguments);
  g_variant_dict_clear (&work->result);
  g_mutex_clear (&work->picture_lock);
  g_free (work->name);
  g_free (work->note);
  g_free (work->bundle);
  g_free (work->folder);
  g_free (work->node);
  g_object_unref (work->session);
  g_free (work);
}

static void begin_next (LocalSession *self);
static void begin_to_merge (LocalSession *self);

void
snapshot_work_done (SnapshotWork *work, GError *error)
{
  g_autoptr (LocalSession) self = g_object_ref (work->session);

  self->snapshot = NULL;
  if (self->keeper != NULL)
    self->keeper->description_changed (self->keeper_data);
  local_session_update_menu (self);
  if (work->asked == NULL)
    {
      if (error != NULL && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        g_warning ("%s: %s", self->name, error->message);
      g_clear_error (&error);
    }
  else if (error != NULL)
    g_task_return_error (work->asked, error);
  else
    g_task_return_pointer (work->asked, g_variant_ref_sink (g_variant_dict_end (&work->result)),
                           (GDestroyNotify)g_variant_unref);
  work_free (work);
  begin_next (self);
  begin_to_merge (self);
  while (self->snapshot == NULL && !g_queue_is_empty (&self->settling))
    {
      g_autoptr (GTask) settled = g_queue_pop_head (&self->settling);

      g_task_return_boolean (settled, TRUE);
    }
}

void
local_session_settle_async (LocalSession *self, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, NULL, callback, data);

  g_task_set_source_tag (task, local_session_settle_async);
  if (self->snapshot != NULL)
    {
      g_queue_push_tail (&self->settling, task);
      return;
    }
  g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

void
local_session_settle_finish (LocalSession *self, GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

/* --- layers that become one, in the background --- */

static bool
merge_layers (LocalSession *self, const SnapshotMerge *merge, GCancellable *cancellable, GError **error)
{
  const ImageJob job = { .cancellable = cancellable };
  bool done = false;
  ImageWork work = { .kind = IMAGE_WORK_MERGE, .layer_path = merge->upper };
  Image *image = self->pc != NULL ? pc_disk_image (self->pc, merge->disk, error) : NULL;
  unsigned n = image != NULL ? image_n_layers (image) : 0;

  for (work.layer = 1; work.layer < n; work.layer++)
    {
      g_autoptr (ImageInfo) info = image_info (image, work.layer);

      if (g_strcmp0 (info->path, merge->upper) != 0)
        continue;
      done = image_work_run (image, &work, &job, error);
      if (!done)
        image_work_forget (image_path (image));
      return done;
    }
  if (image != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "%s is no layer of %s", merge->upper,
                 merge->disk);
  return false;
}

static void
merge_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  const char *bundle = data;
  GError *error = NULL;

  g_rw_lock_reader_lock (&self->pc_lock);
  while (error == NULL && !g_cancellable_is_cancelled (cancellable))
    {
      g_auto (SnapshotMerge) merge = { 0 };
      bool found;

      g_mutex_lock (&self->description_lock);
      found = snapshot_merge_find (bundle, &merge);
      g_mutex_unlock (&self->description_lock);
      if (!found)
        break;
      if (merge_layers (self, &merge, cancellable, &error))
        {
          g_mutex_lock (&self->description_lock);
          snapshot_merge_finish (bundle, &merge, &error);
          g_mutex_unlock (&self->description_lock);
        }
    }
  g_rw_lock_reader_unlock (&self->pc_lock);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

#define MERGING "snapshots" /* in disk_work, whose keys are disks: no disk has that id while it is there */

static void
merged (GObject *source, GAsyncResult *result, gpointer data)
{
  LocalSession *self = LOCAL_SESSION (source);
  g_autoptr (GError) error = NULL;

  g_hash_table_remove (self->disk_work, MERGING);
  if (!g_task_propagate_boolean (G_TASK (result), &error)
      && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_info ("%s: %s", self->name, error->message);
  begin_next (self);
}

static void
begin_to_merge (LocalSession *self)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = NULL;

  if (local_session_live_pc (self) == NULL || self->snapshot != NULL || self->keeper == NULL
      || g_hash_table_size (self->disk_work) > 0)
    return;
  g_hash_table_insert (self->disk_work, g_strdup (MERGING), g_object_ref (cancellable));
  task = g_task_new (self, cancellable, merged, NULL);
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, g_strdup (self->keeper->get_bundle (self->keeper_data)), g_free);
  g_task_run_in_thread (task, merge_in_thread);
}

/* --- files alone --- */

static const char *
argument (SnapshotWork *work, const char *name)
{
  const char *text = NULL;

  return g_variant_dict_lookup (&work->arguments, name, "&s", &text) ? text : NULL;
}

static bool
delete_node (SnapshotWork *work, GError **error)
{
  const char *name = argument (work, "how");
  SnapshotDeleteHow how = SNAPSHOT_DELETE_ONE;
  unsigned n = 0;

  if ((name != NULL && !snapshot_parse_delete_how (name, &how, error))
      || !snapshot_delete (work->bundle, work->node, how, &n, error))
    return false;
  g_variant_dict_insert (&work->result, "count", "u", n);
  return snapshot_collect (work->bundle, true, NULL, error);
}

static bool
rename_node (SnapshotWork *work, GError **error)
{
  return snapshot_rename (work->bundle, work->node, argument (work, "name"), argument (work, "note"), error);
}

static bool
set_disposable (SnapshotWork *work, GError **error)
{
  return snapshot_set_disposable (work->bundle, work->node[0] != '\0' ? work->node : NULL, error);
}

static const struct {
  const char *operation;
  bool (*run) (SnapshotWork *work, GError **error);
} edits[] = {
  { "delete", delete_node },
  { "rename", rename_node },
  { "set-disposable", set_disposable },
  { "set-schedule", snapshot_work_set_schedule },
};

static void
edit_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;

  if (local_session_move (self, &error))
    {
      g_mutex_lock (&self->description_lock);
      for (unsigned i = 0; i < G_N_ELEMENTS (edits); i++)
        if (edits[i].operation == work->operation)
          edits[i].run (work, &error);
      g_mutex_unlock (&self->description_lock);
    }
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

static void
edited (SnapshotWork *work, GError *error)
{
  snapshot_work_done (work, error);
}

static void
edit (SnapshotWork *work)
{
  snapshot_work_run (work, edit_in_thread, edited);
}

static void
take (SnapshotWork *work)
{
  gboolean disks_only = FALSE;

  g_variant_dict_lookup (&work->arguments, "disks-only", "b", &disks_only);
  work->disks_only = disks_only;
  snapshot_work_take (work, argument (work, "name"), argument (work, "note"), snapshot_work_done);
}

static void
lend (SnapshotWork *work)
{
  work->disks_only = work->lends = true;
  snapshot_work_take (work, argument (work, "name"), NULL, snapshot_work_done);
}

/* --- what is asked --- */

typedef struct {
  const char *name, *type;
  bool needed;
} Argument;

static const struct Operation {
  const char *name;
  void (*begin) (SnapshotWork *work);
  Argument arguments[5];
  bool uses_layers; /* work on disks' layers must have ended */
} operations[] = {
  { "take", take, { { "name", "s", false }, { "note", "s", false }, { "disks-only", "b", false } }, true },
  { "lend", lend, { { "name", "s", false } }, true },
  { "restore",
    snapshot_work_restore,
    { { "node", "s", true }, { "paused", "b", false }, { "take-first", "s", false } },
    false },
  { "delete", edit, { { "node", "s", true }, { "how", "s", false } }, false },
  { "rename", edit, { { "node", "s", true }, { "name", "s", false }, { "note", "s", false } }, false },
  { "set-disposable", edit, { { "node", "s", true } }, false },
  { "set-schedule",
    edit,
    { { "every", "s", true }, { "keep", "s", false }, { "disks-only", "b", false } },
    false },
  { "diff", snapshot_work_diff, { { "node", "s", true }, { "other", "s", false } }, true },
  { "suspend", snapshot_work_suspend, { { "urgent", "b", false } }, true },
};

static const Argument *
find_argument (const struct Operation *operation, const char *name)
{
  for (const Argument *known = operation->arguments; known->name != NULL; known++)
    if (g_str_equal (known->name, name))
      return known;
  return NULL;
}

static bool
check_arguments (const struct Operation *operation, GVariant *arguments, GError **error)
{
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_iter_init (&iter, arguments);
  while (g_variant_iter_next (&iter, "{&sv}", &name, &value))
    {
      const Argument *known = find_argument (operation, name);
      bool good = known != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE (known->type));

      g_variant_unref (value);
      if (good)
        continue;
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” has no argument “%s” of that type",
                   operation->name, name);
      return false;
    }
  for (const Argument *known = operation->arguments; known->name != NULL; known++)
    if (known->needed && !g_variant_lookup (arguments, known->name, known->type, NULL))
      {
        g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” needs “%s”", operation->name,
                     known->name);
        return false;
      }
  return true;
}

static bool
check_machine (LocalSession *self, const struct Operation *operation, GError **error)
{
  if (self->changing || self->snapshot != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 "%s is busy with a snapshot; wait until that is done, or cancel it", self->name);
  else if (local_session_live_pc (self) == NULL || !bonsai_state_is_alive (self->state)
           || self->state == BONSAI_STATE_STARTING)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  else if (self->keeper == NULL || self->keeper->get_bundle == NULL)
    g_set_error (
      error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
      "%s is a machine without a bundle, which can't have snapshots; create one with “bonsai create”",
      self->name);
  else if (operation->uses_layers && g_hash_table_size (self->disk_work) > 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 "A disk of %s is being worked on; wait until that is done, or cancel it", self->name);
  else
    return true;
  return false;
}

static SnapshotWork *
work_new (LocalSession *self, const struct Operation *operation, GVariant *arguments, GTask *task)
{
  SnapshotWork *work = g_new0 (SnapshotWork, 1);
  const char *node;

  work->session = g_object_ref (self);
  work->operation = operation->name;
  work->asked = task;
  work->cancellable = g_cancellable_new ();
  work->bundle = g_strdup (self->keeper->get_bundle (self->keeper_data));
  work->begun = g_get_monotonic_time ();
  g_variant_dict_init (&work->arguments, arguments);
  g_variant_dict_init (&work->result, NULL);
  g_mutex_init (&work->picture_lock);
  node = argument (work, "node");
  work->node = g_strdup (node != NULL ? node : "");
  return work;
}

static bool
is_merging (LocalSession *self)
{
  return g_hash_table_contains (self->disk_work, MERGING);
}

/* It goes on after what is asked now. */
static void
cancel_merging (LocalSession *self)
{
  GCancellable *cancellable = g_hash_table_lookup (self->disk_work, MERGING);

  if (cancellable != NULL)
    g_cancellable_cancel (cancellable);
}

/* What is asked while layers are merged, or while an operation that was answered already is being tidied up
 * after. */
typedef struct {
  const struct Operation *operation;
  GVariant *arguments;
  GTask *task; /* NULL: the clock asks */
  bool urgent; /* whatever else is being done ends for it */
} Request;

static void
request_free (gpointer data)
{
  Request *request = data;

  g_variant_unref (request->arguments);
  g_clear_object (&request->task);
  g_free (request);
}

static void
begin_request (LocalSession *self, Request *request)
{
  GError *error = NULL;

  if (check_machine (self, request->operation, &error))
    {
      self->snapshot =
        work_new (self, request->operation, request->arguments, g_steal_pointer (&request->task));
      request->operation->begin (self->snapshot);
    }
  else if (request->task != NULL)
    g_task_return_error (request->task, error);
  else
    {
      snapshot_clock_failed (self->clock);
      g_info ("no snapshot is taken by the clock for now: %s", error->message);
      g_error_free (error);
    }
  request_free (request);
}

static bool
can_begin (LocalSession *self)
{
  const Request *next = g_queue_peek_head (&self->snapshot_requests);

  return next != NULL && self->snapshot == NULL && !is_merging (self)
         && (!next->urgent || g_hash_table_size (self->disk_work) == 0);
}

static void
begin_next (LocalSession *self)
{
  while (can_begin (self))
    begin_request (self, g_queue_pop_head (&self->snapshot_requests));
}

void
local_session_begin_snapshot_requests (LocalSession *self)
{
  begin_next (self);
}

/* The machine is to be saved before the host ends it. */
static void
hurry (LocalSession *self, Request *request)
{
  request->urgent = true;
  if (self->snapshot != NULL && !local_session_is_suspending (self))
    snapshot_work_cancel (self->snapshot);
  local_session_suspend_disk_work (self);
  g_queue_push_head (&self->snapshot_requests, request);
  begin_next (self);
}

void
local_session_take_scheduled (LocalSession *self)
{
  static const struct Operation operation = {
    "take", snapshot_work_take_scheduled, { { NULL, NULL, false } }, true
  };
  Request *request = g_new (Request, 1);

  *request = (Request){ &operation, g_variant_ref_sink (g_variant_new ("a{sv}", NULL)), NULL, false };
  cancel_merging (self);
  g_queue_push_tail (&self->snapshot_requests, request);
  begin_next (self);
}

void
local_session_drop_snapshot_requests (LocalSession *self)
{
  g_queue_clear_full (&self->snapshot_requests, request_free);
}

void
local_session_change_snapshots (BonsaiSession *session, const char *name, GVariant *arguments, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  g_autoptr (GVariant) taken = g_variant_ref_sink (arguments);
  const struct Operation *operation = NULL;
  gboolean urgent = FALSE;
  GError *error = NULL;

  /* At once, whatever is being done. */
  if (g_str_equal (name, "get-schedule"))
    {
      g_task_return_pointer (task, local_session_describe_schedule (self), (GDestroyNotify)g_variant_unref);
      g_object_unref (task);
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].name, name))
      operation = &operations[i];
  if (operation == NULL)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "“%s” is nothing that can be done with snapshots", name);
  else if (check_arguments (operation, taken, &error))
    {
      Request *request = g_new (Request, 1);

      *request = (Request){ operation, g_steal_pointer (&taken), task, false };
      cancel_merging (self);
      if (g_variant_lookup (request->arguments, "urgent", "b", &urgent) && urgent)
        hurry (self, request);
      else if (is_merging (self) || (self->snapshot != NULL && self->snapshot->asked == NULL))
        g_queue_push_tail (&self->snapshot_requests, request);
      else
        begin_request (self, request);
      return;
    }
  g_task_return_error (task, error);
  g_object_unref (task);
}

/* What waits for its turn is given up as well. */
void
local_session_cancel_snapshot (BonsaiSession *session)
{
  LocalSession *self = LOCAL_SESSION (session);
  Request *request;

  while ((request = g_queue_pop_head (&self->snapshot_requests)) != NULL)
    {
      if (request->task != NULL)
        g_task_return_new_error (request->task, G_IO_ERROR, G_IO_ERROR_CANCELLED, "It was cancelled");
      else
        snapshot_clock_failed (self->clock);
      request_free (request);
    }
  if (self->snapshot != NULL)
    snapshot_work_cancel (self->snapshot);
}

bool
local_session_check_no_snapshot (LocalSession *self, GError **error)
{
  if (self->snapshot == NULL && !is_merging (self))
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
    "%s is busy with a snapshot, for which its disks must stay as they are; wait until that is done",
    self->name);
  return false;
}

bool
local_session_is_suspending (LocalSession *self)
{
  return self->snapshot != NULL && g_str_equal (self->snapshot->operation, "suspend");
}

void
local_session_tell_snapshot (LocalSession *self, MachineState state)
{
  if (self->snapshot != NULL)
    snapshot_work_tell_restored (self->snapshot, state);
}
