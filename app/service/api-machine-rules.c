/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a machine used, the rules that it is under, and whose it is: org.bonsaivm.Stats1, Policy1, Workspace1.
 */
#include "app/service/api-machine.h"

#include "app/base/error.h"
#include "app/history/history-export.h"
#include "app/history/history-store.h"
#include "app/library/library-workspace.h"
#include "app/policy/try-out.h"
#include "app/service/api-answer.h"
#include "app/vm/vm-settings.h"
#include "app/workspace/workspace-json.h"

#define POLICY_NAME "policy" /* how errors call what came */

/* --- Stats1 --- */

static void
counters_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  g_autofree Counters *counters =
    bonsai_session_get_counters_finish (BONSAI_SESSION (source), result, &error);

  if (counters != NULL)
    g_dbus_method_invocation_return_value (invocation,
                                           g_variant_new ("(@a{st})", counters_to_variant (counters)));
  else
    api_answer_error (invocation, error);
}

static gboolean
on_get_counters (BonsaiApiStats1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  ApiMachine *machine = data;
  BonsaiSession *session = bonsai_vm_get_session (machine->vm);

  if (session != NULL)
    bonsai_session_get_counters_async (session, NULL, counters_done, invocation);
  else
    g_dbus_method_invocation_return_error (invocation, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING,
                                           "“%s” is not running", bonsai_vm_get_name (machine->vm));
  return TRUE;
}

typedef struct {
  char *path;
  gint64 from, to;
  guint step;
  bool csv;
} History;

static void
history_free (gpointer data)
{
  g_free (((History *)data)->path);
  g_free (data);
}

static char *
make_history (gpointer data, GError **error)
{
  History *history = data;
  g_autoptr (HistorySeries) series =
    history_file_read (history->path, history->from, history->to, history->step, error);
  g_autoptr (JsonNode) node = NULL;

  if (series == NULL)
    return NULL;
  if (history->csv)
    return history_series_to_csv (series);
  node = history_series_to_json (series);
  return json_to_string (node, false);
}

void
api_answer_history (GDBusMethodInvocation *invocation, char *path, gint64 from, gint64 to, guint step,
                    const char *format)
{
  History *history = g_new (History, 1);

  *history = (History){ path, from, to, step, g_str_equal (format, "csv") };
  if (from >= 0 && from < to && (history->csv || g_str_equal (format, "json")))
    {
      api_answer_from_thread (invocation, make_history, history, history_free);
      return;
    }
  g_dbus_method_invocation_return_error (
    invocation, BONSAI_ERROR, BONSAI_ERROR_INVALID,
    "A history is “json” or “csv”, and its beginning comes before its end");
  history_free (history);
}

static gboolean
on_get_history (BonsaiApiStats1 *skeleton, GDBusMethodInvocation *invocation, gint64 from, gint64 to,
                guint step, const char *format, gpointer data)
{
  api_answer_history (invocation, history_store_path (bonsai_vm_get_uuid (((ApiMachine *)data)->vm)), from,
                      to, step, format);
  return TRUE;
}

static const ApiMethod stats_methods[] = {
  { "handle-get-counters", G_CALLBACK (on_get_counters) },
  { "handle-get-history", G_CALLBACK (on_get_history) },
};

BonsaiApiStats1 *
api_machine_make_stats (ApiMachine *machine)
{
  BonsaiApiStats1 *skeleton = bonsai_api_stats1_skeleton_new ();

  api_connect (skeleton, stats_methods, G_N_ELEMENTS (stats_methods), machine);
  return skeleton;
}

/* --- Policy1 --- */

static VmConfig *
copy_config (ApiMachine *machine, GError **error)
{
  const VmConfig *config = bonsai_vm_get_wanted_config (machine->vm);

  if (config == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is broken: %s",
                 bonsai_vm_get_name (machine->vm), bonsai_vm_get_state_text (machine->vm));
  return config != NULL ? vm_config_copy (config) : NULL;
}

static void
set_done (GObject *source, GAsyncResult *result, gpointer invocation)
{
  GError *error = NULL;
  gboolean done = bonsai_vm_save_finish (BONSAI_VM (source), result, &error);

  api_answer_empty (invocation, done, error);
}

static gboolean
on_set (BonsaiApiPolicy1 *skeleton, GDBusMethodInvocation *invocation, const char *text, gpointer data)
{
  ApiMachine *machine = data;
  GError *error = NULL;
  g_autoptr (VmPolicy) policy = vm_policy_parse (text, strlen (text), POLICY_NAME, &error);
  g_autoptr (VmConfig) config = policy != NULL ? copy_config (machine, &error) : NULL;

  if (config == NULL)
    {
      api_answer_error (invocation, error);
      return TRUE;
    }
  vm_config_set_policy (config, policy);
  bonsai_vm_apply_config_async (machine->vm, config, set_done, invocation);
  return TRUE;
}

typedef struct {
  VmPolicy *policy;
  VmConfig *config;
  gint64 from, to;
} Trial;

static void
trial_free (gpointer data)
{
  Trial *trial = data;

  vm_policy_unref (trial->policy);
  vm_config_free (trial->config);
  g_free (trial);
}

static char *
make_trial (gpointer data, GError **error)
{
  Trial *trial = data;
  g_autoptr (GArray) found = policy_try_out (trial->policy, trial->config, trial->from, trial->to, error);

  return found != NULL ? would_fire_to_json (found) : NULL;
}

static gboolean
on_test (BonsaiApiPolicy1 *skeleton, GDBusMethodInvocation *invocation, const char *text, gint64 from,
         gint64 to, gpointer data)
{
  GError *error = NULL;
  g_autoptr (VmConfig) config = copy_config (data, &error);
  VmPolicy *policy = NULL;
  Trial *trial;

  if (config != NULL && (from < 0 || from >= to))
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The beginning comes before the end");
  else if (config != NULL)
    policy = text[0] == '\0' ? vm_policy_ref (config->policy)
                             : vm_policy_parse (text, strlen (text), POLICY_NAME, &error);
  if (policy == NULL)
    {
      api_answer_error (invocation, error);
      return TRUE;
    }
  trial = g_new (Trial, 1);
  *trial = (Trial){ policy, g_steal_pointer (&config), from, to };
  api_answer_from_thread (invocation, make_trial, trial, trial_free);
  return TRUE;
}

static const ApiMethod policy_methods[] = {
  { "handle-set", G_CALLBACK (on_set) },
  { "handle-test", G_CALLBACK (on_test) },
};

void
api_machine_connect_policy (ApiMachine *machine)
{
  api_connect (machine->policy, policy_methods, G_N_ELEMENTS (policy_methods), machine);
}

/* --- Workspace1 --- */

static gboolean
on_get (BonsaiApiWorkspace1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  ApiMachine *machine = data;
  GError *error = NULL;
  g_autoptr (Workspace) workspace = library_read_workspace (machine->vm, &error);

  api_answer_text (invocation,
                   workspace != NULL ? workspace_to_json (bonsai_vm_get_name (machine->vm), workspace) : NULL,
                   error);
  return TRUE;
}

static bool
read_expiry (const char *kind, gint64 at, Expiry *expiry, GError **error)
{
  for (guint i = 0; expiry_kind_names[i] != NULL; i++)
    if (g_str_equal (kind, expiry_kind_names[i]))
      {
        *expiry = (Expiry){ (ExpiryKind)i, at };
        return true;
      }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
               "“%s” is no expiry: “never”, “date”, “start” or “use”", kind);
  return false;
}

static gboolean
on_issue (BonsaiApiWorkspace1 *skeleton, GDBusMethodInvocation *invocation, const char *subject,
          const char *profile, const char *kind, gint64 at, gpointer data)
{
  ApiMachine *machine = data;
  g_autoptr (Terms) terms = NULL;
  GError *error = NULL;
  Expiry expiry;

  if (read_expiry (kind, at, &expiry, &error))
    terms = library_issue_workspace (machine->library, machine->vm, subject[0] != '\0' ? subject : NULL,
                                     profile, &expiry, &error);
  api_answer_text (invocation, terms != NULL ? g_strdup (terms->id) : NULL, error);
  return TRUE;
}

static gboolean
on_renew (BonsaiApiWorkspace1 *skeleton, GDBusMethodInvocation *invocation, const char *kind, gint64 at,
          gboolean mend, gpointer data)
{
  GError *error = NULL;
  Expiry expiry;
  gboolean done = read_expiry (kind, at, &expiry, &error)
                  && library_renew_workspace (((ApiMachine *)data)->vm, &expiry, mend, &error);

  api_answer_empty (invocation, done, error);
  return TRUE;
}

static gboolean
on_revoke (BonsaiApiWorkspace1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  const Expiry over = { EXPIRY_DATE, g_get_real_time () / G_USEC_PER_SEC };
  GError *error = NULL;
  gboolean done = library_renew_workspace (((ApiMachine *)data)->vm, &over, false, &error);

  api_answer_empty (invocation, done, error);
  return TRUE;
}

static const ApiMethod workspace_methods[] = {
  { "handle-get", G_CALLBACK (on_get) },
  { "handle-issue", G_CALLBACK (on_issue) },
  { "handle-renew", G_CALLBACK (on_renew) },
  { "handle-revoke", G_CALLBACK (on_revoke) },
};

BonsaiApiWorkspace1 *
api_machine_make_workspace (ApiMachine *machine)
{
  BonsaiApiWorkspace1 *skeleton = bonsai_api_workspace1_skeleton_new ();

  api_connect (skeleton, workspace_methods, G_N_ELEMENTS (workspace_methods), machine);
  return skeleton;
}
