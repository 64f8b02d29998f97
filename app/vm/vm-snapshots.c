/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is done with a machine's snapshots. */
#include "app/vm/vm-snapshots.h"

#include "app/base/error.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/snapshot/snapshot-take.h"
#include "app/snapshot/template.h"
#include "app/vm/vm-change.h"

#include <glib/gi18n.h>

/* --- read --- */

static bool
read_tree (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;

  change->tree = snapshot_tree_read (change->bundle, error);
  if (change->tree != NULL && change->measure)
    snapshot_tree_measure (change->tree);
  return change->tree != NULL;
}

void
bonsai_vm_read_snapshots_async (BonsaiVm *self, gboolean measure, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_read_snapshots_async, &change, cancellable, callback, data);

  change->measure = measure;
  change->run = read_tree;
  g_task_set_check_cancellable (task, TRUE);
  vm_change_run (task);
}

SnapshotTree *
bonsai_vm_read_snapshots_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error) ? g_steal_pointer (&vm_change_of (result)->tree)
                                                           : NULL;
}

/* --- take --- */

static bool
take (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  const SnapshotTake what = { .name = change->name, .note = change->note };

  if (!template_check_change (change->bundle, NULL, error) || !snapshot_settle (change->bundle, error))
    return false;
  change->id = snapshot_take (change->bundle, &what, error);
  return change->id != NULL;
}

void
bonsai_vm_take_snapshot_async (BonsaiVm *self, const char *name, const char *note, DiskProgressFunc progress,
                               gpointer progress_data, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_take_snapshot_async, &change, cancellable, callback, data);

  change->operation = "take";
  change->run = take;
  change->name = g_strdup (name);
  change->note = g_strdup (note);
  change->progress = progress;
  change->progress_data = progress_data;
  vm_change_ask_or_run (task, N_ ("A snapshot of it is being taken"));
}

char *
bonsai_vm_take_snapshot_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error) ? g_steal_pointer (&vm_change_of (result)->id)
                                                           : NULL;
}

/* --- go back --- */

static bool
restore (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  const SnapshotTake what = { .name = change->name };

  return snapshot_settle (change->bundle, error)
         && snapshot_restore (change->bundle, change->node, change->discard_suspended,
                              change->take_first ? &what : NULL, &change->id, error);
}

void
bonsai_vm_restore_snapshot_async (BonsaiVm *self, const BonsaiRestore *how, DiskProgressFunc progress,
                                  gpointer progress_data, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task =
    vm_change_begin (self, bonsai_vm_restore_snapshot_async, &change, cancellable, callback, data);

  change->operation = "restore";
  change->run = restore;
  change->node = g_strdup (how->node);
  change->take_first = how->take_first;
  change->name = g_strdup (how->take_first ? how->first_name : NULL);
  change->paused = how->paused;
  change->discard_suspended = how->discard_suspended;
  change->progress = progress;
  change->progress_data = progress_data;
  vm_change_ask_or_run (task, N_ ("It is going back to a snapshot"));
}

gboolean
bonsai_vm_restore_snapshot_finish (BonsaiVm *self, GAsyncResult *result, char **taken, GError **error)
{
  bool done = g_task_propagate_boolean (G_TASK (result), error);

  if (done && taken != NULL)
    *taken = g_steal_pointer (&vm_change_of (result)->id);
  return done;
}

/* --- delete --- */

/* That giving back failed or was ended is no failure: the nodes are gone, and the next change goes on. */
static bool delete (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  g_autoptr (GError) rest = NULL;

  if (!snapshot_settle (change->bundle, error)
      || !snapshot_delete (change->bundle, change->node, change->how, &change->n, error))
    return false;
  if (!snapshot_collect (change->bundle, false, job, &rest))
    g_info ("%s: %s", change->bundle, rest->message);
  return true;
}

void
bonsai_vm_delete_snapshot_async (BonsaiVm *self, const char *node, SnapshotDeleteHow how,
                                 DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_delete_snapshot_async, &change, cancellable, callback, data);

  change->operation = "delete";
  change->run = delete;
  change->node = g_strdup (node);
  change->how = how;
  change->progress = progress;
  change->progress_data = progress_data;
  vm_change_ask_or_run (task, N_ ("A snapshot of it is being deleted"));
}

gboolean
bonsai_vm_delete_snapshot_finish (BonsaiVm *self, GAsyncResult *result, guint *n, GError **error)
{
  if (n != NULL)
    *n = vm_change_of (result)->n;
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- rename, disposable --- */

static bool
rename_node (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;

  return snapshot_rename (change->bundle, change->node, change->name, change->note, error);
}

void
bonsai_vm_rename_snapshot_async (BonsaiVm *self, const char *node, const char *name, const char *note,
                                 GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_rename_snapshot_async, &change, NULL, callback, data);

  change->operation = "rename";
  change->run = rename_node;
  change->node = g_strdup (node);
  change->name = g_strdup (name);
  change->note = g_strdup (note);
  vm_change_ask_or_run (task, N_ ("A snapshot of it is being changed"));
}

static bool
set_disposable (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;

  return snapshot_set_disposable (change->bundle, change->node[0] != '\0' ? change->node : NULL, error);
}

void
bonsai_vm_set_disposable_async (BonsaiVm *self, const char *node, GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_set_disposable_async, &change, NULL, callback, data);

  change->operation = "set-disposable";
  change->run = set_disposable;
  change->node = g_strdup (node != NULL ? node : "");
  vm_change_ask_or_run (task, N_ ("A snapshot of it is being changed"));
}

gboolean
bonsai_vm_edit_snapshot_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- suspend --- */

void
bonsai_vm_suspend_async (BonsaiVm *self, DiskProgressFunc progress, gpointer progress_data,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_suspend_async, &change, cancellable, callback, data);

  change->operation = "suspend";
  change->progress = progress;
  change->progress_data = progress_data;
  if (bonsai_vm_get_session (self) != NULL)
    {
      vm_change_ask (task);
      return;
    }
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, _ ("“%s” is not running"),
                           bonsai_vm_get_name (self));
  g_object_unref (task);
}

gboolean
bonsai_vm_suspend_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* --- clone --- */

static bool
make_clone (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  const CloneHow how = { .name = change->name, .node = change->node, .linked = change->linked, .job = job };
  g_autofree char *folder = g_path_get_dirname (change->bundle);

  if (change->lock != NULL && !snapshot_settle (change->bundle, error))
    return false;
  change->id = clone_make (change->bundle, folder, &how, error);
  return change->id != NULL;
}

static void
base_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  Change *change = vm_change_of (task);
  GError *error = NULL;

  change->node = bonsai_vm_take_snapshot_finish (BONSAI_VM (source), result, &error);
  if (change->node != NULL)
    {
      vm_change_run (task);
      return;
    }
  vm_change_end (task, error);
  g_object_unref (task);
}

/* A sealed template's clones begin as its newest version. (nullable) (transfer full) */
static char *
newest_version (BonsaiVm *self)
{
  g_autoptr (SnapshotTree) tree = NULL;
  const SnapshotNode *node;

  if (self->config == NULL || self->config->template_state != VM_TEMPLATE_SEALED)
    return NULL;
  tree = snapshot_tree_read (self->path, NULL);
  node = tree != NULL ? template_find_version (tree, 0, NULL) : NULL;
  return node != NULL ? g_strdup (node->id) : NULL;
}

void
bonsai_vm_clone_async (BonsaiVm *self, const char *name, const char *node, gboolean linked,
                       DiskProgressFunc progress, gpointer progress_data, GCancellable *cancellable,
                       GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_clone_async, &change, cancellable, callback, data);
  g_autofree char *base = g_strdup_printf ("For %s", name);

  change->operation = "clone";
  change->run = make_clone;
  change->name = g_strdup (name);
  change->node = node != NULL ? g_strdup (node) : newest_version (self);
  change->linked = linked;
  change->progress = progress;
  change->progress_data = progress_data;
  if (change->node != NULL)
    vm_change_run (task); /* what exists already needs no lock */
  else if (linked || bonsai_vm_get_session (self) != NULL)
    bonsai_vm_take_snapshot_async (self, base, NULL, progress, progress_data, cancellable, base_taken, task);
  else
    vm_change_run_locked (task, N_ ("It is being cloned"));
}

char *
bonsai_vm_clone_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error) ? g_steal_pointer (&vm_change_of (result)->id)
                                                           : NULL;
}

/* --- compare --- */

static bool
compare (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (change->bundle, error);
  const SnapshotNode *from = tree != NULL ? snapshot_tree_find (tree, change->node, error) : NULL;
  const SnapshotNode *to =
    from != NULL && change->other != NULL ? snapshot_tree_find (tree, change->other, error) : NULL;

  if (from == NULL || (change->other != NULL && to == NULL))
    return false;
  change->diff = snapshot_diff (tree, from, to, NULL, job, error);
  return change->diff != NULL;
}

void
bonsai_vm_diff_snapshots_async (BonsaiVm *self, const char *from, const char *to, DiskProgressFunc progress,
                                gpointer progress_data, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_diff_snapshots_async, &change, cancellable, callback, data);

  change->operation = "diff";
  change->run = compare;
  change->node = g_strdup (from);
  change->other = g_strdup (to);
  change->progress = progress;
  change->progress_data = progress_data;
  if (bonsai_vm_get_session (self) != NULL)
    vm_change_ask (task);
  else
    vm_change_run (task);
}

SnapshotDiff *
bonsai_vm_diff_snapshots_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error) ? g_steal_pointer (&vm_change_of (result)->diff)
                                                           : NULL;
}

/* --- health --- */

static bool
examine (const ImageJob *job, gpointer data, GError **error)
{
  Change *change = data;
  const DoctorHow how = { .repair = change->repair, .job = job };

  change->findings = doctor_examine (change->bundle, &how, error);
  return change->findings != NULL;
}

void
bonsai_vm_examine_async (BonsaiVm *self, gboolean repair, DiskProgressFunc progress, gpointer progress_data,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  Change *change;
  GTask *task = vm_change_begin (self, bonsai_vm_examine_async, &change, cancellable, callback, data);

  change->run = examine;
  change->repair = repair;
  change->progress = progress;
  change->progress_data = progress_data;
  if (repair)
    vm_change_run_locked (task, N_ ("It is being repaired"));
  else
    vm_change_run (task);
}

GPtrArray *
bonsai_vm_examine_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error)
           ? g_steal_pointer (&vm_change_of (result)->findings)
           : NULL;
}
