/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/host/host-session.h"

#include "app/base/error.h"
#include "app/host/logind.h"
#include "app/host/login-session.h"

#include <glib/gi18n.h>

/* Of logind's patience: time for it to be told that all is done. */
#define MARGIN_MS 250
/* A guest that is asked to shut down gets what is left after this share of the time. */
#define SUSPEND_SHARE 2
/* For a guest to shut down, when nobody says how long that may take. */
#define SHUTDOWN_MS 30000

struct HostSession {
  BonsaiLibrary *library;
  Logind *logind;
  LoginSession *login;
  bool ending;         /* the host, or the desktop's session */
  bool asked;          /* the process is to end */
  bool answers;        /* the desktop's session waits */
  int64_t deadline;    /* monotonic µs; 0: none */
  GHashTable *leaving; /* of BonsaiVm: what is to be done with it is being done */
  GPtrArray *waiting;  /* of GTask */
  GSource *limit;      /* or NULL */
};

/* --- one machine --- */

static void
powered_off (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_control_finish (BONSAI_VM (source), result, &error))
    g_warning ("%s", error->message);
}

static void
power_off (BonsaiVm *vm)
{
  bonsai_vm_control_async (vm, BONSAI_CONTROL_POWER_OFF, 0, NULL, powered_off, NULL);
}

static void
suspended (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVm) vm = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer =
    bonsai_session_change_snapshots_finish (BONSAI_SESSION (source), result, &error);

  if (answer != NULL || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING))
    return;
  g_warning ("“%s” can't be suspended and is switched off: %s", bonsai_vm_get_name (vm), error->message);
  power_off (vm);
}

static void
suspend (BonsaiVm *vm)
{
  BonsaiSession *session = bonsai_vm_get_session (vm);

  if (session != NULL)
    bonsai_session_change_snapshots_async (session, "suspend", g_variant_new_parsed ("{'urgent': <true>}"),
                                           NULL, suspended, g_object_ref (vm));
}

/* What the guest has begun goes on when the machine does. */
static void
shut_down (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_control_finish (BONSAI_VM (source), result, &error))
    {
      g_info ("%s", error->message);
      suspend (BONSAI_VM (source));
    }
}

static unsigned
time_to_shut_down (HostSession *self)
{
  int64_t left = (self->deadline - g_get_monotonic_time ()) / 1000;

  if (self->deadline == 0)
    return SHUTDOWN_MS;
  return (unsigned)MAX (left - left / SUSPEND_SHARE, 1);
}

static void
begin_to_leave (HostSession *self, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  if (bonsai_vm_get_session (vm) == NULL || !g_hash_table_add (self->leaving, vm))
    return;
  switch (config != NULL ? config->at_host_shutdown : VM_AT_SHUTDOWN_SUSPEND)
    {
    case VM_AT_SHUTDOWN_SUSPEND:
      suspend (vm);
      break;
    case VM_AT_SHUTDOWN_SHUTDOWN:
      bonsai_vm_control_async (vm, BONSAI_CONTROL_SHUTDOWN, time_to_shut_down (self), NULL, shut_down, NULL);
      break;
    case VM_AT_SHUTDOWN_POWER_OFF:
      power_off (vm);
      break;
    }
}

/* --- all of them --- */

static void
for_hosted (HostSession *self, void (*func) (HostSession *self, BonsaiVm *vm))
{
  GListModel *list = G_LIST_MODEL (self->library);

  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (list, i);

      if (bonsai_vm_is_hosted_here (vm))
        func (self, vm);
    }
}

/* Whether the end of the desktop's session would be the end of this process: it is the app, or has a window.
 */
static bool
has_windows (HostSession *self)
{
  GListModel *list = G_LIST_MODEL (self->library);
  bool any = g_application_get_default () != NULL;

  for (guint i = 0; i < g_list_model_get_n_items (list) && !any; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (list, i);

      any = bonsai_vm_is_hosted_here (vm) && bonsai_vm_get_console_open (vm);
    }
  return any;
}

static void
answer_waiting (HostSession *self)
{
  while (self->waiting->len > 0)
    {
      g_autoptr (GTask) task = g_ptr_array_steal_index (self->waiting, 0);

      g_task_return_boolean (task, TRUE);
    }
}

/* A machine has come, gone, or got into another state. */
static void
update (HostSession *self)
{
  bool hosting = bonsai_library_count_hosted (self->library) > 0;
  bool patient = self->deadline == 0 || g_get_monotonic_time () < self->deadline;

  if (self->ending || self->asked)
    for_hosted (self, begin_to_leave);
  if (!hosting && self->answers)
    {
      self->answers = false;
      login_session_answer (self->login);
    }
  logind_delay_shutdown (self->logind, hosting && patient, "Virtual machines are being suspended");
  login_session_take_part (self->login, hosting && has_windows (self));
  if (!hosting)
    answer_waiting (self);
}

static void
on_vm_state (BonsaiVm *vm, GParamSpec *pspec, gpointer data)
{
  HostSession *self = data;

  /* Started anew, it has to be left anew. */
  if (!bonsai_vm_is_hosted_here (vm))
    g_hash_table_remove (self->leaving, vm);
  update (self);
}

static void
on_library_changed (GListModel *list, guint position, guint removed, guint added, gpointer data)
{
  HostSession *self = data;

  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (list, i);

      g_signal_handlers_disconnect_by_func (vm, on_vm_state, self);
      g_signal_connect (vm, "notify::state", G_CALLBACK (on_vm_state), self);
      g_signal_connect (vm, "notify::console-open", G_CALLBACK (on_vm_state), self);
    }
  update (self);
}

/* --- what the host does --- */

static gboolean
on_limit (gpointer data)
{
  HostSession *self = data;

  g_warning (
    "the host waits no longer for its machines (logind.conf: InhibitDelayMaxSec=); what they do goes "
    "on for as long as it is let");
  g_clear_pointer (&self->limit, g_source_unref);
  update (self);
  return G_SOURCE_REMOVE;
}

static void
on_shutting_down (void *data)
{
  HostSession *self = data;
  unsigned patience = logind_get_patience (self->logind);
  unsigned limit = patience > 2 * MARGIN_MS ? patience - MARGIN_MS : patience;

  self->ending = true;
  self->deadline = g_get_monotonic_time () + (int64_t)limit * 1000;
  if (self->limit == NULL)
    {
      self->limit = g_timeout_source_new (limit);
      g_source_set_callback (self->limit, on_limit, self, NULL);
      g_source_attach (self->limit, g_main_context_get_thread_default ());
    }
  update (self);
}

/* What has been done stays so; machines can be started again. */
static void
on_staying (void *data)
{
  HostSession *self = data;

  self->ending = self->answers = false;
  self->deadline = 0;
  if (self->limit != NULL)
    g_source_destroy (self->limit);
  g_clear_pointer (&self->limit, g_source_unref);
  update (self);
}

static void
on_session_ending (void *data)
{
  HostSession *self = data;

  self->ending = self->answers = true;
  update (self);
}

static void
time_set (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = bonsai_session_ask_guest_finish (BONSAI_SESSION (source), result, &error);

  if (answer == NULL)
    g_info ("%s", error->message);
}

static void
tell_time (HostSession *self, BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  BonsaiSession *session = bonsai_vm_get_session (vm);

  if (session != NULL && config != NULL && config->agents.guest && config->agents.set_time
      && bonsai_vm_get_state (vm) == BONSAI_STATE_RUNNING)
    bonsai_session_ask_guest_async (session, "set-time", g_variant_new ("a{sv}", NULL), NULL, time_set, NULL);
}

static void
on_woken (void *data)
{
  for_hosted (data, tell_time);
}

static const LogindListener logind_listener = { .shutting_down = on_shutting_down,
                                                .staying = on_staying,
                                                .woken = on_woken };
static const LoginListener login_listener = { .ending = on_session_ending, .staying = on_staying };

/* --- the object --- */

HostSession *
host_session_new (BonsaiLibrary *library, GDBusConnection *bus)
{
  HostSession *self = g_new0 (HostSession, 1);

  self->library = g_object_ref (library);
  self->leaving = g_hash_table_new (NULL, NULL);
  self->waiting = g_ptr_array_new ();
  self->logind = logind_new (bus, &logind_listener, self);
  self->login = login_session_new (bus, &login_listener, self);
  g_signal_connect (library, "items-changed", G_CALLBACK (on_library_changed), self);
  on_library_changed (G_LIST_MODEL (library), 0, 0, g_list_model_get_n_items (G_LIST_MODEL (library)), self);
  return self;
}

void
host_session_free (HostSession *self)
{
  GListModel *list;

  if (self == NULL)
    return;
  list = G_LIST_MODEL (self->library);
  for (guint i = 0; i < g_list_model_get_n_items (list); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (list, i);

      g_signal_handlers_disconnect_by_data (vm, self);
    }
  g_signal_handlers_disconnect_by_data (self->library, self);
  if (self->limit != NULL)
    {
      g_source_destroy (self->limit);
      g_source_unref (self->limit);
    }
  answer_waiting (self);
  g_ptr_array_unref (self->waiting);
  g_hash_table_unref (self->leaving);
  logind_free (self->logind);
  login_session_free (self->login);
  g_object_unref (self->library);
  g_free (self);
}

void
host_session_end_async (HostSession *self, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (NULL, NULL, callback, data);

  g_task_set_source_tag (task, host_session_end_async);
  g_ptr_array_add (self->waiting, task);
  self->asked = true;
  update (self);
}

void
host_session_end_finish (GAsyncResult *result)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
}

void
host_session_check (HostReport *report)
{
  HostFinding *finding;

  if (logind_is_there ())
    return;
  finding = g_new0 (HostFinding, 1);
  finding->level = HOST_FINDING_NOTE;
  finding->id = g_strdup ("logind-missing");
  finding->text =
    g_strdup (_ ("systemd-logind doesn't answer: machines aren't suspended before the host shuts down, "
                 "and guests aren't told the time when it has slept."));
  g_ptr_array_add (report->findings, finding);
}
