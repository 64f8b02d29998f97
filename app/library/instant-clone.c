/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/instant-clone.h"

#include "app/base/error.h"
#include "app/snapshot/clone.h"
#include "vmm/loan/loan-client.h"

#include <glib/gi18n.h>
#include <unistd.h>

typedef struct {
  char *bundle, *folder; /* the other machine's, the library's */
  char *node, *name, *hook;
  InstantClone how;
  int lender; /* of memory; -1: it is the snapshot's */
  char *next; /* the name of the one that is being made */
  GPtrArray *made;
  unsigned n_starting;
  bool all_made;
  GError *failure;
} Clones;

static void
clones_free (gpointer data)
{
  Clones *clones = data;

  g_clear_pointer (&clones->made, g_ptr_array_unref);
  g_clear_error (&clones->failure);
  if (clones->lender >= 0)
    close (clones->lender);
  g_free (clones->bundle);
  g_free (clones->folder);
  g_free (clones->node);
  g_free (clones->name);
  g_free (clones->hook);
  g_free (clones->next);
  g_free (clones);
}

static void
made_free (gpointer data)
{
  g_object_unref (((InstantCloneMade *)data)->vm);
  g_free (data);
}

static void
finish_if_done (GTask *task)
{
  Clones *clones = g_task_get_task_data (task);

  if (!clones->all_made || clones->n_starting > 0)
    return;
  if (clones->failure != NULL)
    g_task_return_error (task, g_steal_pointer (&clones->failure));
  else
    g_task_return_pointer (task, g_steal_pointer (&clones->made), (GDestroyNotify)g_ptr_array_unref);
}

/* @error: (transfer full): only the first is told. */
static void
keep_failure (Clones *clones, GError *error)
{
  if (clones->failure == NULL)
    clones->failure = error;
  else
    g_clear_error (&error);
}

/* --- starting --- */

static void
started (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Clones *clones = g_task_get_task_data (task);
  GError *error = NULL;
  gint64 now = g_get_monotonic_time ();

  if (!bonsai_vm_start_finish (BONSAI_VM (source), result, &error))
    keep_failure (clones, error);
  for (guint i = 0; i < clones->made->len; i++)
    {
      InstantCloneMade *made = g_ptr_array_index (clones->made, i);

      if (made->vm == BONSAI_VM (source))
        made->time = now;
    }
  clones->n_starting--;
  finish_if_done (task);
}

/* --- making --- */

static void
make_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Clones *clones = data;
  const CloneHow how = { .name = clones->next,
                         .node = clones->node,
                         .linked = true,
                         .instant = true,
                         .borrows = clones->lender >= 0,
                         .hook = clones->hook };
  GError *error = NULL;
  char *path = clone_make (clones->bundle, clones->folder, &how, &error);

  if (path != NULL)
    g_task_return_pointer (task, path, g_free);
  else
    g_task_return_error (task, error);
}

static void make_next (GTask *task);

/* @path: of its bundle. (transfer none) */
static BonsaiVm *
find (BonsaiLibrary *library, const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_basename (path);
  BonsaiVm *vm;

  bonsai_library_refresh (library);
  vm = bonsai_library_find (library, folder);
  if (vm == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("%s has gone as soon as it was made"), path);
  return vm;
}

static void
made (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Clones *clones = g_task_get_task_data (task);
  GError *error = NULL;
  g_autofree char *path = g_task_propagate_pointer (G_TASK (result), &error);
  BonsaiVm *vm = path != NULL ? find (BONSAI_LIBRARY (source), path, &error) : NULL;
  InstantCloneMade *clone;

  if (vm == NULL)
    {
      keep_failure (clones, error);
      clones->all_made = true;
      finish_if_done (task);
      return;
    }
  clone = g_new0 (InstantCloneMade, 1);
  clone->vm = g_object_ref (vm);
  g_ptr_array_add (clones->made, clone);
  if (clones->how.start)
    {
      clones->n_starting++;
      if (clones->lender >= 0)
        bonsai_vm_borrow (vm, clones->lender, clones->made->len == clones->how.count);
      bonsai_vm_start_async (vm, clones->how.flags | BONSAI_START_OWN_PROCESS, NULL, started,
                             g_object_ref (task));
    }
  make_next (task);
}

static void
make_next (GTask *task)
{
  Clones *clones = g_task_get_task_data (task);
  BonsaiLibrary *library = g_task_get_source_object (task);
  g_autoptr (GTask) step = NULL;
  GError *error = NULL;

  if (clones->made->len == clones->how.count
      || g_cancellable_set_error_if_cancelled (g_task_get_cancellable (task), &error))
    {
      if (error != NULL)
        keep_failure (clones, error);
      clones->all_made = true;
      finish_if_done (task);
      return;
    }
  g_free (clones->next);
  clones->next = bonsai_library_unused_name (library, clones->name);
  step = g_task_new (library, NULL, made, g_object_ref (task));
  g_task_set_task_data (step, clones, NULL);
  g_task_run_in_thread (step, make_in_thread);
}

/* --- what is asked --- */

void
bonsai_library_clone_instantly_async (BonsaiLibrary *library, BonsaiVm *origin, const InstantClone *how,
                                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (library, cancellable, callback, data);
  Clones *clones = g_new0 (Clones, 1);
  GError *error = NULL;

  clones->how = *how;
  clones->bundle = g_strdup (bonsai_vm_get_path (origin));
  clones->folder = g_strdup (bonsai_library_get_folder (library));
  clones->node = g_strdup (how->node);
  clones->name = g_strdup (how->name);
  clones->hook = g_strdup (how->hook);
  clones->made = g_ptr_array_new_with_free_func (made_free);
  clones->lender = -1;
  g_task_set_task_data (task, clones, clones_free);
  g_task_set_check_cancellable (task, FALSE);
  if (how->loan != NULL && (clones->lender = loan_connect (how->loan, &error)) < 0)
    {
      g_task_return_error (task, error);
      return;
    }
  make_next (task);
}

GPtrArray *
bonsai_library_clone_instantly_finish (BonsaiLibrary *library, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
