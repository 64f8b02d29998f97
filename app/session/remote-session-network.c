/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"

void
remote_session_set_link (BonsaiSession *session, const char *nic, bool up, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "SetLink", g_variant_new ("(sb)", nic, up), CALL_TIMEOUT_MS,
                       task);
}

void
remote_session_set_forwards (BonsaiSession *session, const char *nic, const GArray *forwards, GTask *task)
{
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i < forwards->len; i++)
    g_variant_builder_add_value (
      &list, g_variant_new_take_string (net_forward_format (&g_array_index (forwards, NetForward, i))));
  remote_session_call (REMOTE_SESSION (session), "SetForwards", g_variant_new ("(sas)", nic, &list), CALL_TIMEOUT_MS,
                       task);
}

static void
get_forwards_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    g_task_return_error (task, remote_session_clean_error (error));
  else if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a(sss))")))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The host did not say what is forwarded");
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0), (GDestroyNotify)g_variant_unref);
}

void
remote_session_get_forwards (BonsaiSession *session, GTask *task)
{
  g_dbus_proxy_call (REMOTE_SESSION (session)->proxy, "GetForwards", NULL, G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS,
                     g_task_get_cancellable (task), get_forwards_done, task);
}
