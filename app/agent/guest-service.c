/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service-private.h"

#include "app/base/error.h"

#include <string.h>

#define FREEZE_TIMEOUT_MS   60000u
#define THAW_TIMEOUT_MS     60000u
#define THAW_AGAIN_MS       2000u
#define SHUTDOWN_TIMEOUT_MS 5000u

/* --- jobs --- */

static void
job_free (GuestJob *job)
{
  if (job->timer != NULL)
    g_source_destroy (job->timer);
  g_clear_pointer (&job->timer, g_source_unref);
  g_variant_dict_clear (&job->arguments);
  g_variant_dict_clear (&job->result);
  g_strfreev (job->commands);
  g_clear_pointer (&job->content, g_byte_array_unref);
  g_clear_error (&job->error);
  g_object_unref (job->task);
  guest_service_unref (job->service);
  g_free (job);
}

void
guest_job_done (GuestJob *job)
{
  g_task_return_pointer (job->task, g_variant_ref_sink (g_variant_dict_end (&job->result)),
                         (GDestroyNotify)g_variant_unref);
  job_free (job);
}

void
guest_job_fail (GuestJob *job, GError *error)
{
  g_task_return_error (job->task, error);
  job_free (job);
}

static void
call_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GuestJob *job = data;
  GError *error = NULL;
  g_autoptr (JsonNode) node = guest_agent_call_finish (result, &error);

  if (node != NULL)
    job->next (job, node);
  else
    guest_job_fail (job, error);
}

static void
try_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GuestJob *job = data;
  g_autoptr (JsonNode) node = NULL;

  g_clear_error (&job->error);
  node = guest_agent_call_finish (result, &job->error);
  job->next (job, node);
}

static void
start_call (GuestJob *job, const char *command, JsonObject *arguments, unsigned timeout_ms,
            GuestAgentFlags flags, GuestJobNext next, GAsyncReadyCallback callback)
{
  job->next = next;
  if (job->service->agent == NULL)
    {
      g_clear_pointer (&arguments, json_object_unref);
      guest_job_fail (
        job, job->service->lost != NULL
               ? g_error_copy (job->service->lost)
               : g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "The machine is gone"));
      return;
    }
  guest_agent_call_async (job->service->agent, command, arguments, timeout_ms, flags,
                          g_task_get_cancellable (job->task), callback, job);
}

void
guest_job_call (GuestJob *job, const char *command, JsonObject *arguments, unsigned timeout_ms,
                GuestAgentFlags flags, GuestJobNext next)
{
  start_call (job, command, arguments, timeout_ms, flags, next, call_done);
}

void
guest_job_try (GuestJob *job, const char *command, JsonObject *arguments, unsigned timeout_ms,
               GuestAgentFlags flags, GuestJobNext next)
{
  start_call (job, command, arguments, timeout_ms, flags, next, try_done);
}

/* --- freezing --- */

static void
stop_thaw_timer (GuestService *service)
{
  if (service->thaw != NULL)
    g_source_destroy (service->thaw);
  g_clear_pointer (&service->thaw, g_source_unref);
}

static gboolean
on_thaw_time (gpointer data)
{
  GuestService *service = data;

  stop_thaw_timer (service);
  guest_service_release (service);
  return G_SOURCE_REMOVE;
}

void
guest_service_release_in (GuestService *service, unsigned ms)
{
  stop_thaw_timer (service);
  service->thaw = g_timeout_source_new (ms);
  g_source_set_callback (service->thaw, on_thaw_time, service, NULL);
  g_source_attach (service->thaw, service->context);
}

static void
tell_time (GuestService *service)
{
  service->restored = false;
  if (service->late && service->agent != NULL)
    guest_service_set_clock (service);
}

/* An agent that went is waited for (agent_came), one that failed is asked again. */
static void
released (GObject *source, GAsyncResult *result, gpointer data)
{
  GuestService *service = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonNode) node = guest_agent_call_finish (result, &error);

  service->thawing = false;
  if (node != NULL || (!service->confirmed && g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED)))
    {
      service->frozen = false;
      stop_thaw_timer (service);
      tell_time (service);
    }
  else if (service->agent != NULL && guest_agent_is_there (service->agent))
    guest_service_release_in (service, THAW_AGAIN_MS);
  guest_service_unref (service);
}

void
guest_service_release (GuestService *service)
{
  if ((!service->frozen && !service->restored && !service->late) || service->thawing || service->agent == NULL
      || !guest_agent_is_there (service->agent))
    return;
  service->thawing = true;
  guest_agent_call_async (service->agent, "guest-fsfreeze-thaw", NULL, THAW_TIMEOUT_MS, GUEST_AGENT_URGENT,
                          NULL, released, guest_service_ref (service));
}

void
guest_service_catch_up (GuestService *service, bool set_time)
{
  service->restored = true;
  service->late = set_time;
  guest_service_release (service);
}

static void
agent_came (gpointer data)
{
  GuestService *service = data;

  /* It was killed, maybe, and whoever froze it may still want that; but what it froze it must thaw itself. */
  guest_service_release (service);
}

static void
freeze_answered (GuestJob *job, JsonNode *node)
{
  GError *error = g_steal_pointer (&job->error);
  gint64 count = 0;

  if (node == NULL || !agent_read_count (node, &count, &error)
      || g_cancellable_set_error_if_cancelled (g_task_get_cancellable (job->task), &error))
    {
      guest_service_release (job->service); /* it may have frozen some */
      guest_job_fail (job, error);
      return;
    }
  g_variant_dict_insert (&job->result, "count", "u", (guint32)MIN (count, G_MAXUINT32));
  g_variant_dict_insert (&job->result, "id", "u", (guint32)job->handle);
  job->service->confirmed = true;
  guest_job_done (job);
}

static void
job_freeze (GuestJob *job)
{
  GuestService *service = job->service;
  guint32 seconds = GUEST_FREEZE_DEFAULT_S;

  g_variant_dict_lookup (&job->arguments, "timeout", "u", &seconds);
  if (seconds < 1 || seconds > GUEST_FREEZE_MAX_S)
    {
      guest_job_fail (job, g_error_new (BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                        "A guest can be frozen for 1 to %u seconds", GUEST_FREEZE_MAX_S));
      return;
    }
  if (service->frozen)
    {
      guest_job_fail (job, g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_BUSY,
                                                "The guest's file systems are frozen already"));
      return;
    }
  service->frozen = guest_agent_is_there (service->agent);
  service->confirmed = false;
  if (service->frozen)
    guest_service_release_in (service, seconds * 1000);
  job->handle = ++service->freeze_id;
  guest_job_try (job, "guest-fsfreeze-freeze", NULL, FREEZE_TIMEOUT_MS, GUEST_AGENT_CALL, freeze_answered);
}

static void
thaw_answered (GuestJob *job, JsonNode *node)
{
  GuestService *service = job->service;
  GError *error = g_steal_pointer (&job->error);
  gint64 count;

  if (node == NULL || !agent_read_count (node, &count, &error))
    {
      if (service->frozen && service->agent != NULL)
        guest_service_release_in (service, THAW_AGAIN_MS);
      guest_job_fail (job, error);
      return;
    }
  service->frozen = false;
  stop_thaw_timer (service);
  g_variant_dict_insert (&job->result, "count", "u", (guint32)MIN (count, G_MAXUINT32));
  g_variant_dict_insert (&job->result, "in-force", "b", TRUE);
  guest_job_done (job);
}

static void
job_thaw (GuestJob *job)
{
  guint32 id;

  if (g_variant_dict_lookup (&job->arguments, "id", "u", &id)
      && (id != job->service->freeze_id || !job->service->frozen))
    {
      g_variant_dict_insert (&job->result, "count", "u", 0u);
      g_variant_dict_insert (&job->result, "in-force", "b", FALSE);
      guest_job_done (job);
      return;
    }
  guest_job_try (job, "guest-fsfreeze-thaw", NULL, THAW_TIMEOUT_MS, GUEST_AGENT_URGENT, thaw_answered);
}

static void
freeze_status_answered (GuestJob *job, JsonNode *node)
{
  bool valid = JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;

  g_variant_dict_insert (&job->result, "frozen", "b",
                         valid && g_str_equal (json_node_get_string (node), "frozen"));
  guest_job_done (job);
}

static void
job_freeze_status (GuestJob *job)
{
  guest_job_call (job, "guest-fsfreeze-status", NULL, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                  freeze_status_answered);
}

/* --- shutdown, passwords --- */

static void
answered (GuestJob *job, JsonNode *node)
{
  guest_job_done (job);
}

static void
job_shutdown (GuestJob *job)
{
  static const char *const modes[] = { "powerdown", "halt", "reboot", NULL };
  JsonObject *arguments;
  const char *mode = "powerdown";

  g_variant_dict_lookup (&job->arguments, "mode", "&s", &mode);
  if (!g_strv_contains (modes, mode))
    {
      guest_job_fail (job, g_error_new (BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                        "A guest can do powerdown, halt and reboot, not “%s”", mode));
      return;
    }
  arguments = json_object_new ();
  json_object_set_string_member (arguments, "mode", mode);
  /* It answers only if it can't. */
  guest_job_call (job, "guest-shutdown", arguments, SHUTDOWN_TIMEOUT_MS, GUEST_AGENT_SILENT, answered);
}

static void
job_set_password (GuestJob *job)
{
  JsonObject *arguments;
  const char *user = NULL, *password = NULL;
  g_autofree char *encoded = NULL;

  if (!g_variant_dict_lookup (&job->arguments, "user", "&s", &user)
      || !g_variant_dict_lookup (&job->arguments, "password", "&s", &password))
    {
      guest_job_fail (job, g_error_new_literal (BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                                "A password needs a user and the password"));
      return;
    }
  encoded = g_base64_encode ((const guchar *)password, strlen (password));
  arguments = json_object_new ();
  json_object_set_string_member (arguments, "username", user);
  json_object_set_string_member (arguments, "password", encoded);
  json_object_set_boolean_member (arguments, "crypted", FALSE);
  guest_job_call (job, "guest-set-user-password", arguments, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                  answered);
}

/* --- asking --- */

static const struct {
  const char *name;
  void (*start) (GuestJob *job);
} operations[] = {
  { "info", guest_job_info },
  { "addresses", guest_job_addresses },
  { "exec", guest_job_exec },
  { "read-file", guest_job_read_file },
  { "write-file", guest_job_write_file },
  { "freeze", job_freeze },
  { "thaw", job_thaw },
  { "freeze-status", job_freeze_status },
  { "time", guest_job_time },
  { "set-time", guest_job_set_time },
  { "set-password", job_set_password },
  { "shutdown", job_shutdown },
};

/* While it is frozen the agent does nothing but thaw. */
static bool
may_ask (const GuestService *service, const char *operation, GError **error)
{
  if (!service->frozen || g_str_equal (operation, "thaw") || g_str_equal (operation, "freeze-status")
      || g_str_equal (operation, "freeze"))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY,
               "The guest's file systems are frozen: its agent does nothing else until they are thawed");
  return false;
}

void
guest_service_ask_async (GuestService *service, const char *operation, GVariant *arguments,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GVariant) taken = g_variant_ref_sink (arguments);
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);
  GError *error = NULL;
  GuestJob *job;

  g_task_set_source_tag (task, guest_service_ask_async);
  g_task_set_check_cancellable (task, FALSE);
  if (!may_ask (service, operation, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].name, operation))
      {
        job = g_new0 (GuestJob, 1);
        job->service = guest_service_ref (service);
        job->task = g_steal_pointer (&task);
        g_variant_dict_init (&job->arguments, taken);
        g_variant_dict_init (&job->result, NULL);
        operations[i].start (job);
        return;
      }
  g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_INVALID, "Guests can't be asked for “%s”",
                           operation);
}

GVariant *
guest_service_ask_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* --- life --- */

GuestService *
guest_service_ref (GuestService *service)
{
  g_atomic_ref_count_inc (&service->refs);
  return service;
}

void
guest_service_unref (GuestService *service)
{
  if (!g_atomic_ref_count_dec (&service->refs))
    return;
  g_clear_error (&service->lost);
  g_main_context_unref (service->context);
  g_free (service);
}

GuestAgent *
guest_service_get_agent (GuestService *service)
{
  return service->agent;
}

void
guest_service_lose (GuestService *service, const GError *error)
{
  g_clear_error (&service->lost);
  service->lost = g_error_copy (error);
  guest_agent_lose (service->agent, error);
}

GuestService *
guest_service_new (void)
{
  GuestService *service = g_new0 (GuestService, 1);

  g_atomic_ref_count_init (&service->refs);
  service->context = g_main_context_ref_thread_default ();
  service->agent = guest_agent_new ();
  guest_agent_set_came (service->agent, agent_came, service);
  return service;
}

void
guest_service_free (GuestService *service)
{
  GuestAgent *agent;

  if (service == NULL)
    return;
  stop_thaw_timer (service);
  guest_service_leave_clock (service);
  service->frozen = false;
  agent = g_steal_pointer (&service->agent);
  guest_agent_free (agent);
  guest_service_unref (service);
}
