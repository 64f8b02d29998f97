/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"

static void
get_counters_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);
  g_autoptr (GVariant) values = NULL;
  Counters *counters;

  if (reply == NULL)
    {
      g_task_return_error (task, remote_session_clean_error (error));
      return;
    }
  if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a{st})")))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                               "The host did not say what the machine has used");
      return;
    }
  values = g_variant_get_child_value (reply, 0);
  counters = g_new (Counters, 1);
  counters_from_variant (counters, values);
  g_task_return_pointer (task, counters, g_free);
}

void
remote_session_get_counters (BonsaiSession *session, GTask *task)
{
  g_dbus_proxy_call (REMOTE_SESSION (session)->proxy, "GetCounters", NULL, G_DBUS_CALL_FLAGS_NONE,
                     CALL_TIMEOUT_MS, g_task_get_cancellable (task), get_counters_done, task);
}
