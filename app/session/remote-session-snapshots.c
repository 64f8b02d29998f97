/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"

static void
answer_came (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    g_task_return_error (task, remote_session_clean_error (error));
  else if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a{sv})")))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host sent no answer");
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0), (GDestroyNotify)g_variant_unref);
}

/* What is cancelled is told to the host, whose answer ends it: the call itself goes on. */
void
remote_session_change_snapshots (BonsaiSession *session, const char *operation, GVariant *arguments,
                                 GTask *task)
{
  g_dbus_proxy_call (REMOTE_SESSION (session)->proxy, "ChangeSnapshots",
                     g_variant_new ("(s@a{sv})", operation, arguments), G_DBUS_CALL_FLAGS_NONE, G_MAXINT,
                     NULL, answer_came, task);
}

void
remote_session_cancel_snapshot (BonsaiSession *session)
{
  remote_session_call_and_forget (REMOTE_SESSION (session), "CancelSnapshot", NULL);
}
