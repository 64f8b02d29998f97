/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service-private.h"

#include "app/base/error.h"

#define FIRST_PAUSE_MS 5u
#define LONG_PAUSE_MS  250u

/* Programs: the agent tells of an end only if it is asked, so it is asked ever more rarely. */

static void status_answered (GuestJob *job, JsonNode *node);

static void
stop_waiting (GuestJob *job)
{
  if (job->timer != NULL)
    g_source_destroy (job->timer);
  g_clear_pointer (&job->timer, g_source_unref);
}

static gboolean
on_pause_over (gpointer data)
{
  GuestJob *job = data;
  JsonObject *arguments;
  GError *error = NULL;

  stop_waiting (job);
  if (g_cancellable_set_error_if_cancelled (g_task_get_cancellable (job->task), &error))
    guest_job_fail (job, error);
  else if (job->deadline != 0 && guest_service_time (job->service) >= job->deadline)
    guest_job_fail (job, g_error_new (BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT,
                                      "The program still runs in the guest, as process %" G_GINT64_FORMAT,
                                      job->handle));
  else
    {
      arguments = json_object_new ();
      json_object_set_int_member (arguments, "pid", job->handle);
      guest_job_call (job, "guest-exec-status", arguments, GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                      status_answered);
    }
  return G_SOURCE_REMOVE;
}

static void
look_later (GuestJob *job)
{
  job->timer = g_timeout_source_new (job->pause);
  job->pause = MIN (job->pause * 2, LONG_PAUSE_MS);
  g_source_set_callback (job->timer, on_pause_over, job, NULL);
  g_source_attach (job->timer, job->service->context);
}

static void
status_answered (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;
  bool ended = false;

  if (!agent_read_exec_status (node, &ended, &job->result, &error))
    guest_job_fail (job, error);
  else if (ended)
    guest_job_done (job);
  else
    look_later (job);
}

static void
exec_answered (GuestJob *job, JsonNode *node)
{
  GError *error = NULL;

  if (!agent_read_pid (node, &job->handle, &error))
    {
      guest_job_fail (job, error);
      return;
    }
  job->pause = FIRST_PAUSE_MS;
  look_later (job);
}

static void
add_strings (JsonObject *object, const char *name, char **strings)
{
  JsonArray *array = json_array_new ();

  for (unsigned i = 0; strings[i] != NULL; i++)
    json_array_add_string_element (array, strings[i]);
  json_object_set_array_member (object, name, array);
}

static JsonObject *
make_arguments (GuestJob *job, char **command)
{
  JsonObject *arguments = json_object_new ();
  g_auto (GStrv) environment = NULL;
  g_autoptr (GVariant) input =
    g_variant_dict_lookup_value (&job->arguments, "input", G_VARIANT_TYPE_BYTESTRING);

  json_object_set_string_member (arguments, "path", command[0]);
  add_strings (arguments, "arg", command + 1);
  if (g_variant_dict_lookup (&job->arguments, "environment", "^as", &environment))
    add_strings (arguments, "env", environment);
  if (input != NULL)
    {
      gsize size;
      gconstpointer bytes = g_variant_get_fixed_array (input, &size, 1);
      g_autofree char *encoded = g_base64_encode (bytes, size);

      json_object_set_string_member (arguments, "input-data", encoded);
    }
  json_object_set_boolean_member (arguments, "capture-output", TRUE);
  return arguments;
}

static bool
check (GuestJob *job, char **command, GError **error)
{
  g_autoptr (GVariant) input =
    g_variant_dict_lookup_value (&job->arguments, "input", G_VARIANT_TYPE_BYTESTRING);

  if (command == NULL || command[0] == NULL || command[0][0] == '\0')
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "There is no program to run in the guest");
  else if (input != NULL && g_variant_get_size (input) > GUEST_INPUT_MAX)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "A program in the guest can be given %u MiB of input at most", GUEST_INPUT_MAX >> 20);
  else
    return true;
  return false;
}

void
guest_job_exec (GuestJob *job)
{
  g_auto (GStrv) command = NULL;
  guint32 seconds = 0;
  GError *error = NULL;

  g_variant_dict_lookup (&job->arguments, "command", "^as", &command);
  if (!check (job, command, &error))
    {
      guest_job_fail (job, error);
      return;
    }
  if (g_variant_dict_lookup (&job->arguments, "timeout", "u", &seconds) && seconds > 0)
    job->deadline = guest_service_time (job->service) + seconds * G_TIME_SPAN_SECOND;
  guest_job_call (job, "guest-exec", make_arguments (job, command), GUEST_AGENT_TIMEOUT_MS, GUEST_AGENT_CALL,
                  exec_answered);
}
