/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/desktop/errand.h"

#include "app/base/error.h"
#include "app/vm/vm-snapshots.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/desktop/desktop.h"
#include "ui/desktop/notices.h"
#include "ui/machine/machine-actions.h"

const char *const errand_actions[N_ERRANDS] = {
  [ERRAND_START] = "start-vm",   [ERRAND_SUSPEND] = "suspend-vm", [ERRAND_SNAPSHOT] = "snapshot-vm",
  [ERRAND_RESUME] = "resume-vm", [ERRAND_SHOW] = "show-vm",
};

typedef struct {
  BonsaiApplication *application; /* held */
  BonsaiVm *vm;
  Errand what;
  gulong waiting;
  guint look_id;
} Task;

static void
task_end (Task *task)
{
  g_application_release (G_APPLICATION (task->application));
  g_object_unref (task->application);
  g_object_unref (task->vm);
  g_free (task);
}

static void
show_error (Task *task, const char *format, const GError *error)
{
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (task->application));
  g_autoptr (GString) heading = g_string_new (format);

  g_string_replace (heading, "%s", bonsai_vm_get_name (task->vm), 1);
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    error_dialog_show (window, heading->str, error);
}

/* --- start and show --- */

static void
on_shown (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_show_console_finish (BONSAI_VM (source), result, &error))
    show_error (data, _ ("Can’t Show “%s”"), error);
  task_end (data);
}

static void
show_console (Task *task)
{
  bonsai_vm_show_console_async (task->vm, true, NULL, on_shown, task);
}

/* Once it runs, the machine itself keeps the app; if it doesn't, a dialog says why. */
static gboolean
look_at_start (gpointer data)
{
  Task *task = data;
  BonsaiState state = bonsai_vm_get_state (task->vm);
  bool runs = bonsai_state_is_alive (state) && state != BONSAI_STATE_STARTING;

  task->look_id = 0;
  if (runs || bonsai_machine_actions_can (task->vm, "start"))
    {
      g_signal_handlers_disconnect_by_data (bonsai_machine_actions_get (task->vm), task);
      g_signal_handlers_disconnect_by_data (task->vm, task);
      task_end (task);
    }
  return G_SOURCE_REMOVE;
}

/* The action is enabled for an instant between the look for locked disks and the start. */
static void
on_start_changed (Task *task)
{
  if (task->look_id == 0)
    task->look_id = g_idle_add (look_at_start, task);
}

static void
start (Task *task)
{
  g_autoptr (GError) error = NULL;

  if (bonsai_state_is_alive (bonsai_vm_get_state (task->vm)))
    {
      show_console (task);
      return;
    }
  if (bonsai_machine_actions_can (task->vm, "start"))
    {
      bonsai_machine_actions_start (task->vm);
      g_signal_connect_swapped (bonsai_machine_actions_get (task->vm), "action-enabled-changed",
                                G_CALLBACK (on_start_changed), task);
      g_signal_connect_swapped (task->vm, "notify::state", G_CALLBACK (on_start_changed), task);
      return;
    }
  error =
    g_error_new (BONSAI_ERROR, BONSAI_ERROR_REFUSED, "%s",
                 bonsai_vm_get_config (task->vm) == NULL ? bonsai_vm_get_state_text (task->vm)
                                                         : _ ("It is being started, or is a template."));
  show_error (task, _ ("Can’t Start “%s”"), error);
  task_end (task);
}

static void
show (Task *task)
{
  if (bonsai_state_is_alive (bonsai_vm_get_state (task->vm)))
    {
      show_console (task);
      return;
    }
  desktop_ask_window (task->application, "win.show-vm", bonsai_vm_get_uuid (task->vm));
  task_end (task);
}

/* --- what changes it --- */

static void
on_resumed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_control_finish (BONSAI_VM (source), result, &error))
    show_error (data, _ ("Can’t Resume “%s”"), error);
  task_end (data);
}

static void
on_suspended (GObject *source, GAsyncResult *result, gpointer data)
{
  Task *task = data;
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_suspend_finish (task->vm, result, &error))
    notices_tell (G_APPLICATION (task->application), task->vm, _ ("“%s” Is Suspended"),
                  _ ("It goes on from there when it is started."));
  else
    show_error (task, _ ("Can’t Suspend “%s”"), error);
  task_end (task);
}

static void
on_snapshot_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  Task *task = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = bonsai_vm_take_snapshot_finish (task->vm, result, &error);

  if (id)
    notices_tell (G_APPLICATION (task->application), task->vm, _ ("Snapshot of “%s” Taken"), NULL);
  else
    show_error (task, _ ("Can’t Take a Snapshot of “%s”"), error);
  task_end (task);
}

static void
perform (Task *task)
{
  switch (task->what)
    {
    case ERRAND_START:
      start (task);
      break;
    case ERRAND_SUSPEND:
      bonsai_vm_suspend_async (task->vm, NULL, NULL, NULL, on_suspended, task);
      break;
    case ERRAND_SNAPSHOT:
      bonsai_vm_take_snapshot_async (task->vm, NULL, NULL, NULL, NULL, NULL, on_snapshot_taken, task);
      break;
    case ERRAND_RESUME:
      bonsai_vm_control_async (task->vm, BONSAI_CONTROL_RESUME, 0, NULL, on_resumed, task);
      break;
    case ERRAND_SHOW:
    default:
      show (task);
      break;
    }
}

/* A machine that another process runs is met first. */
static bool
is_unmet (BonsaiVm *vm)
{
  return bonsai_state_is_alive (bonsai_vm_get_state (vm)) && bonsai_vm_get_session (vm) == NULL
         && !bonsai_vm_is_hosted_here (vm);
}

static void
on_met (Task *task)
{
  if (is_unmet (task->vm))
    return;
  g_signal_handler_disconnect (task->vm, task->waiting);
  perform (task);
}

void
errand_run (BonsaiApplication *application, BonsaiVm *vm, Errand what)
{
  Task *task = g_new0 (Task, 1);

  task->application = g_object_ref (application);
  task->vm = g_object_ref (vm);
  task->what = what;
  g_application_hold (G_APPLICATION (application));
  if (is_unmet (vm))
    task->waiting = g_signal_connect_swapped (vm, "notify", G_CALLBACK (on_met), task);
  else
    perform (task);
}

BonsaiVm *
errand_find (BonsaiApplication *application, const char *key)
{
  BonsaiLibrary *library = bonsai_application_get_library (application);
  BonsaiVm *vm = library ? bonsai_library_find (library, key) : NULL;
  g_autoptr (GError) error = NULL;

  if (library && !vm)
    {
      /* It may be so new that nobody told the library yet. */
      bonsai_library_refresh (library);
      vm = bonsai_library_find (library, key);
    }
  if (!library || vm)
    return vm;
  error = g_error_new (BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                       _ ("No machine has the name or UUID “%s”. It may have been deleted: the Trash of the "
                          "library has what can be brought back."),
                       key);
  error_dialog_show (gtk_application_get_active_window (GTK_APPLICATION (application)), _ ("No Such Machine"),
                     error);
  return NULL;
}
