/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

#include "app/base/error.h"

#include <gio/gunixfdlist.h>

static void
attach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_proxy_call_with_unix_fd_list_finish (G_DBUS_PROXY (source), NULL, result, &error);

  if (reply != NULL)
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, remote_session_clean_error (error));
}

void
remote_session_attach_usb (BonsaiSession *session, int fd, const char *key, const char *name, GTask *task)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  GError *error = NULL;
  int index = g_unix_fd_list_append (fds, fd, &error);

  if (index < 0)
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  g_dbus_proxy_call_with_unix_fd_list (
    REMOTE_SESSION (session)->proxy, "AttachUsb", g_variant_new ("(hss)", index, key, name),
    G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, fds, g_task_get_cancellable (task), attach_done, task);
}

void
remote_session_detach_usb (BonsaiSession *session, const char *key, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "DetachUsb", g_variant_new ("(s)", key), CALL_TIMEOUT_MS,
                       task);
}

static void
list_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_proxy_call_finish (G_DBUS_PROXY (source), result, &error);

  if (reply == NULL)
    g_task_return_error (task, remote_session_clean_error (error));
  else if (!g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a(ssss))")))
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_FAILED,
                             "The host did not say what is attached");
  else
    g_task_return_pointer (task, g_variant_get_child_value (reply, 0), (GDestroyNotify)g_variant_unref);
}

void
remote_session_list_usb (BonsaiSession *session, GTask *task)
{
  g_dbus_proxy_call (REMOTE_SESSION (session)->proxy, "ListUsb", NULL, G_DBUS_CALL_FLAGS_NONE,
                     CALL_TIMEOUT_MS, g_task_get_cancellable (task), list_done, task);
}
