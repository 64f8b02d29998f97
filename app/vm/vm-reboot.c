/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/vm/vm-private.h"

/* What is to be after it was off. */
typedef struct {
  GTask *task;
  BonsaiStartFlags flags;
  gulong state_id;
} Reboot;

static void
reboot_free (Reboot *reboot)
{
  g_object_unref (reboot->task);
  g_free (reboot);
}

static void
end (Reboot *reboot, GError *error)
{
  if (error != NULL)
    g_task_return_error (reboot->task, error);
  else
    g_task_return_boolean (reboot->task, TRUE);
  reboot_free (reboot);
}

static void
started (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;

  bonsai_vm_start_finish (BONSAI_VM (source), result, &error);
  end (data, error);
}

/* Whoever ran it must have let go of it. */
static void
start_when_free (BonsaiVm *self, GParamSpec *pspec, gpointer data)
{
  Reboot *reboot = data;

  if (bonsai_state_is_alive (bonsai_vm_get_state (self)))
    return;
  g_clear_signal_handler (&reboot->state_id, self);
  bonsai_vm_start_async (self, reboot->flags, g_task_get_cancellable (reboot->task), started, reboot);
}

static void
shut_down (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  Reboot *reboot = data;
  GError *error = NULL;

  if (!bonsai_vm_control_finish (self, result, &error))
    {
      end (reboot, error);
      return;
    }
  reboot->state_id = g_signal_connect (self, "notify::state", G_CALLBACK (start_when_free), reboot);
  start_when_free (self, NULL, reboot);
}

void
bonsai_vm_reboot_async (BonsaiVm *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data)
{
  Reboot *reboot = g_new0 (Reboot, 1);

  reboot->task = g_task_new (self, cancellable, callback, data);
  g_task_set_source_tag (reboot->task, bonsai_vm_reboot_async);
  if (!bonsai_vm_is_hosted_here (self))
    reboot->flags |= BONSAI_START_OWN_PROCESS;
  if (!bonsai_vm_get_console_open (self))
    reboot->flags |= BONSAI_START_HEADLESS;
  bonsai_vm_control_async (self, BONSAI_CONTROL_SHUTDOWN, 0, cancellable, shut_down, reboot);
}

gboolean
bonsai_vm_reboot_finish (BonsaiVm *self, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
