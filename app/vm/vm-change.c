/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How something is done with a machine's bundle: by its session if it runs, else by a worker that holds its
 * lock. */
#include "app/vm/vm-change.h"

#include "app/base/error.h"

#include <glib/gi18n.h>
#include <string.h>

static void
change_free (gpointer data)
{
  Change *change = data;

  g_clear_pointer (&change->lock, bundle_unlock);
  g_clear_object (&change->session);
  g_clear_pointer (&change->tree, snapshot_tree_free);
  g_clear_pointer (&change->diff, snapshot_diff_free);
  g_clear_pointer (&change->findings, g_ptr_array_unref);
  g_free (change->bundle);
  g_free (change->node);
  g_free (change->other);
  g_free (change->name);
  g_free (change->note);
  g_free (change->id);
  g_free (change);
}

GTask *
vm_change_begin (BonsaiVm *self, gpointer tag, Change **change, GCancellable *cancellable,
                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  *change = g_new0 (Change, 1);
  (*change)->bundle = g_strdup (bonsai_vm_get_path (self));
  g_task_set_source_tag (task, tag);
  /* What was done before the wish to cancel arrived, is done. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, *change, change_free);
  return task;
}

Change *
vm_change_of (gpointer result)
{
  return g_task_get_task_data (G_TASK (result));
}

/* What only looks, and what its machine's end tells, is no event. */
static void
note (BonsaiVm *vm, const Change *change, const GError *error)
{
  static const struct {
    const char *operation, *kind;
  } kinds[] = {
    { "take", "snapshot-take" },     { "restore", "snapshot-restore" },      { "delete", "snapshot-delete" },
    { "rename", "snapshot-rename" }, { "set-disposable", "set-disposable" }, { "clone", "clone" },
  };
  bool by_name = change->node == NULL || g_strcmp0 (change->operation, "clone") == 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_strcmp0 (change->operation, kinds[i].operation) == 0)
      bonsai_vm_note (vm, kinds[i].kind, by_name ? change->name : change->node, NULL, error);
}

/* @error: (transfer full) or NULL. */
void
vm_change_end (GTask *task, GError *error)
{
  note (g_task_get_source_object (task), vm_change_of (task), error);
  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_boolean (task, TRUE);
}

/* --- by a worker --- */

static void
ran (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  Change *change = vm_change_of (task);
  GError *error = NULL;

  disk_task_run_finish (result, &error);
  if (change->lock != NULL)
    {
      g_clear_pointer (&change->lock, bundle_unlock);
      self->changing = NULL;
      bonsai_vm_reload (self);
      bonsai_vm_tell_snapshots (self);
    }
  vm_change_end (task, error);
}

/* Takes @task. */
void
vm_change_run (GTask *task)
{
  Change *change = vm_change_of (task);

  disk_task_run_async (change->run, change, change->progress, change->progress_data,
                       g_task_get_cancellable (task), ran, task);
}

bool
bonsai_vm_check_idle (BonsaiVm *self, GError **error)
{
  if (self->changing != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("“%s” is busy: %s; wait until that is done, or cancel it"), bonsai_vm_get_name (self),
                 _ (self->changing));
  else if (self->starting || self->lock != NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                 _ ("“%s” is starting or ending; try again in a moment"), bonsai_vm_get_name (self));
  else
    return true;
  return false;
}

/* @what: what the machine's state says meanwhile. Takes @task. */
void
vm_change_run_locked (GTask *task, const char *what)
{
  BonsaiVm *self = g_task_get_source_object (task);
  Change *change = vm_change_of (task);
  GError *error = NULL;

  if (bonsai_vm_check_idle (self, &error))
    change->lock = bundle_lock (self->path, &error);
  if (change->lock == NULL)
    {
      vm_change_end (task, error);
      g_object_unref (task);
      return;
    }
  self->changing = what;
  bonsai_vm_update_state (self);
  vm_change_run (task);
}

/* --- by the session --- */

static void
on_progress (BonsaiSession *session, const char *operation, guint64 done, guint64 total, gpointer data)
{
  Change *change = data;

  if (g_str_equal (operation, change->operation))
    change->progress (done, total, change->progress_data);
}

static void
keep_answer (Change *change, GVariant *answer, GError **error)
{
  if (g_str_equal (change->operation, "diff"))
    change->diff = snapshot_diff_unpack (answer, error);
  if (!g_variant_lookup (answer, "id", "s", &change->id))
    g_variant_lookup (answer, "taken", "s", &change->id);
  g_variant_lookup (answer, "count", "u", &change->n);
}

static void
answered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  BonsaiVm *self = g_task_get_source_object (task);
  Change *change = vm_change_of (task);
  GError *error = NULL;
  g_autoptr (GVariant) answer =
    bonsai_session_change_snapshots_finish (BONSAI_SESSION (source), result, &error);

  g_signal_handlers_disconnect_by_data (source, change);
  if (answer != NULL)
    keep_answer (change, answer, &error);
  bonsai_vm_reload (self);
  bonsai_vm_tell_snapshots (self);
  vm_change_end (task, error);
}

static void
add_text (GVariantDict *arguments, const char *name, const char *value)
{
  if (value != NULL)
    g_variant_dict_insert (arguments, name, "s", value);
}

static GVariant *
arguments_of (const Change *change)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  add_text (&arguments, "node", change->node);
  add_text (&arguments, "other", change->other);
  if (change->take_first)
    add_text (&arguments, "take-first", change->name != NULL ? change->name : "");
  else
    add_text (&arguments, "name", change->name);
  add_text (&arguments, "note", change->note);
  if (change->paused)
    g_variant_dict_insert (&arguments, "paused", "b", TRUE);
  if (change->how != SNAPSHOT_DELETE_ONE)
    add_text (&arguments, "how", snapshot_delete_how_names[change->how]);
  return g_variant_dict_end (&arguments);
}

/* Takes @task. */
void
vm_change_ask (GTask *task)
{
  BonsaiVm *self = g_task_get_source_object (task);
  Change *change = vm_change_of (task);

  change->session = g_object_ref (bonsai_vm_get_session (self));
  if (change->progress != NULL)
    g_signal_connect (change->session, "snapshot-progress", G_CALLBACK (on_progress), change);
  bonsai_session_change_snapshots_async (change->session, change->operation, arguments_of (change),
                                         g_task_get_cancellable (task), answered, task);
}

/* Takes @task. */
void
vm_change_ask_or_run (GTask *task, const char *what)
{
  if (bonsai_vm_get_session (g_task_get_source_object (task)) != NULL)
    vm_change_ask (task);
  else
    vm_change_run_locked (task, what);
}
