/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session.h"

void
bonsai_session_attach_usb_async (BonsaiSession *session, int fd, const char *key, const char *name,
                                 GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_attach_usb_async);
  BONSAI_SESSION_GET_IFACE (session)->attach_usb (session, fd, key, name, task);
}

gboolean
bonsai_session_attach_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_detach_usb_async (BonsaiSession *session, const char *key, GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_detach_usb_async);
  BONSAI_SESSION_GET_IFACE (session)->detach_usb (session, key, task);
}

gboolean
bonsai_session_detach_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
bonsai_session_list_usb_async (BonsaiSession *session, GCancellable *cancellable,
                               GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (session, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_session_list_usb_async);
  BONSAI_SESSION_GET_IFACE (session)->list_usb (session, task);
}

GVariant *
bonsai_session_list_usb_finish (BonsaiSession *session, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
