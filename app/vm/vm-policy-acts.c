/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/vm/vm-policy.h"

#include "app/base/error.h"
#include "app/policy/notice.h"
#include "app/session/remote-session.h"
#include "app/session/runtime-dir.h"
#include "app/vm/vm-snapshots.h"

#include <glib/gi18n.h>
#include <string.h>

struct PolicyActs {
  BonsaiVm *vm;
  VmPolicy *policy;
  GHashTable *curbs; /* VmAction → Curb: caps on other machines that are in force */
};

/* The cap holds for as long as the session is there. A machine that starts later, or again, is met when its socket
 * appears. */
typedef struct {
  BonsaiVm *vm;
  char *uuid;
  double share;
  GFileMonitor *socket;
  GCancellable *meeting;  /* (nullable) */
  RemoteSession *session; /* NULL: it is still being met, or doesn't run */
} Curb;

/* --- what is said --- */

static void
note (BonsaiVm *vm, const char *rule, const char *what, const GError *error)
{
  g_autofree char *detail = g_strdup_printf ("%s: %s", rule, what);

  bonsai_vm_note (vm, "rule", detail, NULL, error);
}

static void
notify (PolicyActs *acts, const VmRule *rule, const VmAction *action, bool back)
{
  g_autofree char *title = g_strdup_printf (back ? _ ("“%s”: “%s” is over") : _ ("“%s”: “%s”"),
                                            bonsai_vm_get_name (acts->vm), rule->name);

  notice_show (title, back ? NULL : action->text);
}

/* --- caps --- */

static void
curb_free (gpointer data)
{
  Curb *curb = data;

  g_cancellable_cancel (curb->meeting);
  g_clear_object (&curb->meeting);
  g_clear_object (&curb->session);
  g_clear_object (&curb->socket);
  g_free (curb->uuid);
  g_free (curb);
}

static void
met (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  RemoteSession *session = remote_session_connect_finish (result, &error);
  Curb *curb = data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* and @data is gone */
  if (session == NULL)
    {
      if (!g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING))
        bonsai_vm_note (curb->vm, "rule", "cpu-cap", NULL, error);
      return;
    }
  curb->session = session;
  bonsai_session_set_cap (BONSAI_SESSION (session), curb->share);
}

static void
meet (Curb *curb)
{
  g_cancellable_cancel (curb->meeting);
  g_clear_object (&curb->meeting);
  g_clear_object (&curb->session);
  curb->meeting = g_cancellable_new ();
  remote_session_connect_async (curb->uuid, curb->meeting, met, curb);
}

static void
on_socket (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer curb)
{
  if (event == G_FILE_MONITOR_EVENT_CREATED)
    meet (curb);
}

/* UUID of the machine @key of the same library. (transfer full); NULL: there is none */
static char *
find_sibling (PolicyActs *acts, const char *key)
{
  g_autofree char *library = g_path_get_dirname (acts->vm->path);
  g_autoptr (GDir) folder = g_dir_open (library, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name (folder)) != NULL)
    {
      g_autofree char *path = g_build_filename (library, name, NULL);
      g_autoptr (VmConfig) config = g_str_has_suffix (name, ".bonsai") ? bundle_load (path, NULL) : NULL;

      if (config != NULL && (g_str_equal (config->name, key) || g_str_equal (config->uuid, key)))
        return g_strdup (config->uuid);
    }
  return NULL;
}

static void
curb_other (PolicyActs *acts, const VmRule *rule, const VmAction *action)
{
  g_autofree char *uuid = find_sibling (acts, action->machine), *path = NULL;
  g_autoptr (GFile) file = NULL;
  g_autoptr (GError) error = NULL;
  Curb *curb;

  if (uuid == NULL)
    {
      g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "There is no machine “%s”", action->machine);
      note (acts->vm, rule->name, "cpu-cap", error);
      return;
    }
  path = runtime_dir_socket (uuid);
  file = g_file_new_for_path (path);
  curb = g_new0 (Curb, 1);
  curb->vm = acts->vm;
  curb->uuid = g_steal_pointer (&uuid);
  curb->share = action->share;
  curb->socket = g_file_monitor_file (file, G_FILE_MONITOR_NONE, NULL, NULL);
  if (curb->socket != NULL)
    g_signal_connect (curb->socket, "changed", G_CALLBACK (on_socket), curb);
  g_hash_table_insert (acts->curbs, (gpointer)action, curb);
  meet (curb);
}

static void
set_cap (PolicyActs *acts, const VmRule *rule, const VmAction *action, bool back)
{
  if (action->machine == NULL)
    local_session_set_own_cap (LOCAL_SESSION (acts->vm->session),
                               back ? acts->policy->cpu_cap : action->share);
  else if (back)
    g_hash_table_remove (acts->curbs, action);
  else
    curb_other (acts, rule, action);
}

/* --- what takes its time; it outlives the rule --- */

static void
suspended (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *rule = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_suspend_finish (BONSAI_VM (source), result, &error))
    note (BONSAI_VM (source), rule, "suspend", error);
}

typedef struct {
  BonsaiVm *vm;
  char *rule;
} Errand;

static Errand *
errand_new (PolicyActs *acts, const VmRule *rule)
{
  Errand *errand = g_new (Errand, 1);

  *errand = (Errand){ g_object_ref (acts->vm), g_strdup (rule->name) };
  return errand;
}

static void
errand_free (Errand *errand)
{
  g_object_unref (errand->vm);
  g_free (errand->rule);
  g_free (errand);
}

static void
snapshot_taken (GObject *source, GAsyncResult *result, gpointer data)
{
  Errand *errand = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer =
    bonsai_session_change_snapshots_finish (BONSAI_SESSION (source), result, &error);

  if (answer == NULL)
    note (errand->vm, errand->rule, "snapshot", error);
  errand_free (errand);
}

static void
take_snapshot (PolicyActs *acts, const VmRule *rule, const VmAction *action)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "name", "s", rule->name);
  g_variant_dict_insert (&arguments, "disks-only", "b", action->disks_only);
  bonsai_session_change_snapshots_async (acts->vm->session, "take", g_variant_dict_end (&arguments), NULL,
                                         snapshot_taken, errand_new (acts, rule));
}

static void
run_over (GObject *source, GAsyncResult *result, gpointer data)
{
  Errand *errand = data;
  g_autoptr (GError) error = NULL;

  if (!g_subprocess_wait_check_finish (G_SUBPROCESS (source), result, &error))
    note (errand->vm, errand->rule, "run", error);
  errand_free (errand);
}

static void
run_program (PolicyActs *acts, const VmRule *rule, const VmAction *action, bool back)
{
  g_auto (GStrv) command = g_strdupv (action->command);
  g_autoptr (GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_NONE);
  g_autoptr (GSubprocess) process = NULL;
  g_autoptr (GError) error = NULL;

  g_subprocess_launcher_set_stdin_file_path (launcher, "/dev/null");
  g_subprocess_launcher_setenv (launcher, "BONSAI_MACHINE", bonsai_vm_get_name (acts->vm), TRUE);
  g_subprocess_launcher_setenv (launcher, "BONSAI_MACHINE_UUID", bonsai_vm_get_uuid (acts->vm), TRUE);
  g_subprocess_launcher_setenv (launcher, "BONSAI_RULE", rule->name, TRUE);
  g_subprocess_launcher_setenv (launcher, "BONSAI_EVENT", back ? "over" : "fired", TRUE);
  g_free (command[0]);
  command[0] = g_build_filename (g_get_user_config_dir (), "bonsai", "programs", action->command[0], NULL);
  process = g_subprocess_launcher_spawnv (launcher, (const char *const *)command, &error);
  if (process == NULL)
    note (acts->vm, rule->name, "run", error);
  else
    g_subprocess_wait_check_async (process, NULL, run_over, errand_new (acts, rule));
}

/* --- all of them --- */

static void
act (PolicyActs *acts, const VmRule *rule, const VmAction *action, bool back)
{
  switch (action->kind)
    {
    case VM_ACTION_NOTIFY:
      notify (acts, rule, action, back);
      break;
    case VM_ACTION_CPU_CAP:
      set_cap (acts, rule, action, back);
      break;
    case VM_ACTION_SNAPSHOT:
      if (!back)
        take_snapshot (acts, rule, action);
      break;
    case VM_ACTION_SUSPEND:
      if (!back)
        bonsai_vm_suspend_async (acts->vm, NULL, NULL, NULL, suspended, g_strdup (rule->name));
      break;
    case VM_ACTION_RUN:
      run_program (acts, rule, action, back);
      break;
    }
}

void
policy_acts_do (PolicyActs *acts, const PolicyFiring *firing)
{
  note (acts->vm, firing->rule->name, firing->back ? "over" : "fired", NULL);
  for (guint i = 0; i < firing->rule->actions->len; i++)
    act (acts, firing->rule, g_ptr_array_index (firing->rule->actions, i), firing->back);
}

PolicyActs *
policy_acts_new (BonsaiVm *vm, VmPolicy *policy)
{
  PolicyActs *acts = g_new (PolicyActs, 1);

  *acts = (PolicyActs){ vm, vm_policy_ref (policy), g_hash_table_new_full (NULL, NULL, NULL, curb_free) };
  return acts;
}

void
policy_acts_free (PolicyActs *acts)
{
  g_hash_table_unref (acts->curbs);
  vm_policy_unref (acts->policy);
  g_free (acts);
}
