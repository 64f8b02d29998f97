/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods of org.bonsaivm.Machine1 about a machine's life, and about its description. */
#include "app/service/api-machine.h"

#include "app/service/api-answer.h"
#include "app/vm/vm-settings.h"
#include "app/vm/vm-snapshots.h"

/* --- starts --- */

static const struct {
  const char *name;
  BonsaiStartFlags flag;
} start_options[] = {
  { "boot-menu", BONSAI_START_BOOT_MENU },
  { "discard-state", BONSAI_START_DISCARD_STATE },
  { "overcommit", BONSAI_START_OVERCOMMIT },
};

static bool
read_start_options (GVariant *options, BonsaiStartFlags *flags, GError **error)
{
  static const char *const names[] = { "boot-menu", "discard-state", "overcommit", "window", NULL };
  gboolean on = FALSE;

  if (!api_check_options (options, names, "bbbb", error))
    return false;
  *flags = BONSAI_START_OWN_PROCESS;
  if (!g_variant_lookup (options, "window", "b", &on) || !on)
    *flags |= BONSAI_START_HEADLESS;
  for (guint i = 0; i < G_N_ELEMENTS (start_options); i++)
    if (g_variant_lookup (options, start_options[i].name, "b", &on) && on)
      *flags |= start_options[i].flag;
  return true;
}

static void
start_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_start_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_start (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, GVariant *options, gpointer data)
{
  ApiMachine *machine = data;
  BonsaiStartFlags flags;
  GError *error = NULL;

  if (read_start_options (options, &flags, &error))
    bonsai_vm_start_async (machine->vm, flags, NULL, start_done, invocation);
  else
    api_answer_error (invocation, error);
  return TRUE;
}

/* --- one that runs --- */

static void
control_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_control_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
control (gpointer data, BonsaiControl what, guint timeout_ms, GDBusMethodInvocation *invocation)
{
  bonsai_vm_control_async (((ApiMachine *)data)->vm, what, timeout_ms, NULL, control_done, invocation);
  return TRUE;
}

static gboolean
on_pause (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  return control (data, BONSAI_CONTROL_PAUSE, 0, invocation);
}

static gboolean
on_resume (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  return control (data, BONSAI_CONTROL_RESUME, 0, invocation);
}

static gboolean
on_reset (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  return control (data, BONSAI_CONTROL_RESET, 0, invocation);
}

static gboolean
on_power_off (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  return control (data, BONSAI_CONTROL_POWER_OFF, 0, invocation);
}

static gboolean
on_shutdown (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, guint timeout, gpointer data)
{
  return control (data, BONSAI_CONTROL_SHUTDOWN, timeout, invocation);
}

static void
reboot_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_reboot_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_reboot (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  bonsai_vm_reboot_async (((ApiMachine *)data)->vm, NULL, reboot_done, invocation);
  return TRUE;
}

static void
suspend_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_suspend_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_suspend (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  bonsai_vm_suspend_async (((ApiMachine *)data)->vm, NULL, NULL, NULL, suspend_done, invocation);
  return TRUE;
}

static void
show_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_show_console_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_show_console (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gboolean show, gpointer data)
{
  bonsai_vm_show_console_async (((ApiMachine *)data)->vm, show, NULL, show_done, invocation);
  return TRUE;
}

/* --- what it is --- */

static void
describe_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_save_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_describe (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *text, gpointer data)
{
  bonsai_vm_apply_text_async (((ApiMachine *)data)->vm, bonsai_api_machine1_get_description (skeleton), text,
                              describe_done, invocation);
  return TRUE;
}

static gboolean
on_rename (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *name, gpointer data)
{
  ApiMachine *machine = data;
  GError *error = NULL;
  gboolean done = bonsai_library_rename (machine->library, machine->vm, name, &error);

  api_answer_empty (invocation, done, error);
  return TRUE;
}

static void
labels_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_change_labels_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_set_group (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *group,
              gpointer data)
{
  bonsai_vm_set_group_async (((ApiMachine *)data)->vm, group[0] != '\0' ? group : NULL, labels_done,
                             invocation);
  return TRUE;
}

static gboolean
on_change_tags (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, const char *const *added,
                const char *const *removed, gpointer data)
{
  bonsai_vm_change_tags_async (((ApiMachine *)data)->vm, added, removed, labels_done, invocation);
  return TRUE;
}

static gboolean
on_delete (BonsaiApiMachine1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  ApiMachine *machine = data;
  GError *error = NULL;
  char *item = bonsai_library_delete (machine->library, machine->vm, &error);

  api_answer_text (invocation, item, error);
  return TRUE;
}

static const ApiMethod methods[] = {
  { "handle-start", G_CALLBACK (on_start) },
  { "handle-pause", G_CALLBACK (on_pause) },
  { "handle-resume", G_CALLBACK (on_resume) },
  { "handle-reset", G_CALLBACK (on_reset) },
  { "handle-power-off", G_CALLBACK (on_power_off) },
  { "handle-shutdown", G_CALLBACK (on_shutdown) },
  { "handle-reboot", G_CALLBACK (on_reboot) },
  { "handle-suspend", G_CALLBACK (on_suspend) },
  { "handle-show-console", G_CALLBACK (on_show_console) },
  { "handle-describe", G_CALLBACK (on_describe) },
  { "handle-rename", G_CALLBACK (on_rename) },
  { "handle-set-group", G_CALLBACK (on_set_group) },
  { "handle-change-tags", G_CALLBACK (on_change_tags) },
  { "handle-delete", G_CALLBACK (on_delete) },
};

void
api_machine_connect_life (ApiMachine *machine)
{
  api_connect (machine->machine, methods, G_N_ELEMENTS (methods), machine);
}
