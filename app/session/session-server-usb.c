/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods about USB devices of the host's. */
#include "app/session/session-server-private.h"

#include "app/base/error.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

static void
attach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_attach_usb_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_attach_usb (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds,
               GVariant *device, const char *key, const char *name, gpointer data)
{
  SessionServer *server = data;
  int index = g_variant_get_handle (device), fd = -1;

  if (fds != NULL && index >= 0 && index < g_unix_fd_list_get_length (fds))
    fd = g_unix_fd_list_get (fds, index, NULL);
  if (fd < 0)
    {
      g_dbus_method_invocation_return_error (invocation, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                                             "No descriptor of a device came with the message");
      return TRUE;
    }
  bonsai_session_attach_usb_async (server->session, fd, key, name, NULL, attach_done,
                                   session_answer_new (server, invocation));
  close (fd);
  return TRUE;
}

static void
detach_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_detach_usb_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_detach_usb (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *key, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_detach_usb_async (server->session, key, NULL, detach_done,
                                   session_answer_new (server, invocation));
  return TRUE;
}

static void
list_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autoptr (GVariant) devices = bonsai_session_list_usb_finish (BONSAI_SESSION (source), result, &error);

  if (devices == NULL)
    g_dbus_method_invocation_take_error (answer->invocation, error);
  else
    bonsai_bus_session1_complete_list_usb (answer->skeleton, answer->invocation, devices);
  session_answer_free (answer);
}

static gboolean
on_list_usb (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_list_usb_async (server->session, NULL, list_done, session_answer_new (server, invocation));
  return TRUE;
}

static void
on_session_usb_changed (SessionServer *server, const char *key, const char *name, const char *state)
{
  bonsai_bus_session1_emit_usb_changed (server->skeleton, key, name, state);
}

static const SessionMethod usb_methods[] = {
  { "handle-attach-usb", G_CALLBACK (on_attach_usb) },
  { "handle-detach-usb", G_CALLBACK (on_detach_usb) },
  { "handle-list-usb", G_CALLBACK (on_list_usb) },
};

void
session_server_connect_usb (SessionServer *server)
{
  session_server_connect (server, usb_methods, G_N_ELEMENTS (usb_methods));
  g_signal_connect_swapped (server->session, "usb-changed", G_CALLBACK (on_session_usb_changed), server);
}
