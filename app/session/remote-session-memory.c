/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"

static void
get_memory_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    g_task_return_error (task, remote_session_clean_error (error));
  else if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a{sv})")))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                             "The host did not say what memory there is");
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0), (GDestroyNotify)g_variant_unref);
}

void
remote_session_get_memory (BonsaiSession *session, GTask *task)
{
  g_dbus_proxy_call (REMOTE_SESSION (session)->proxy, "GetMemory", NULL, G_DBUS_CALL_FLAGS_NONE,
                     CALL_TIMEOUT_MS, g_task_get_cancellable (task), get_memory_done, task);
}

void
remote_session_set_memory (BonsaiSession *session, uint64_t size, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "SetMemory", g_variant_new ("(t)", size), CALL_TIMEOUT_MS,
                       task);
}
