/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods about the machine as a whole: its life, its memory, its cables and the guest's agents. */
#include "app/session/session-server-private.h"

#include "app/session/guest-message.h"

#include <gio/gunixfdlist.h>

/* --- life --- */

static void
control_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_control_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static void
control (SessionServer *server, GDBusMethodInvocation *invocation, BonsaiControl what, unsigned timeout_ms)
{
  bonsai_session_control_async (server->session, what, timeout_ms, NULL, control_done,
                                session_answer_new (server, invocation));
}

static gboolean
on_pause (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_PAUSE, 0);
  return TRUE;
}

static gboolean
on_resume (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_RESUME, 0);
  return TRUE;
}

static gboolean
on_reset (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_RESET, 0);
  return TRUE;
}

static gboolean
on_power_off (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_POWER_OFF, 0);
  return TRUE;
}

static gboolean
on_shutdown (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, unsigned timeout, gpointer data)
{
  control (data, invocation, BONSAI_CONTROL_SHUTDOWN, timeout);
  return TRUE;
}

/* --- memory and network --- */

static void
get_memory_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autoptr (GVariant) memory = bonsai_session_get_memory_finish (BONSAI_SESSION (source), result, &error);

  if (memory != NULL)
    bonsai_bus_session1_complete_get_memory (answer->skeleton, answer->invocation, memory);
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  session_answer_free (answer);
}

static gboolean
on_get_memory (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_get_memory_async (server->session, NULL, get_memory_done,
                                   session_answer_new (server, invocation));
  return TRUE;
}

static void
get_counters_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autofree Counters *counters =
    bonsai_session_get_counters_finish (BONSAI_SESSION (source), result, &error);

  if (counters != NULL)
    bonsai_bus_session1_complete_get_counters (answer->skeleton, answer->invocation,
                                               counters_to_variant (counters));
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  session_answer_free (answer);
}

static gboolean
on_get_counters (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_get_counters_async (server->session, NULL, get_counters_done,
                                     session_answer_new (server, invocation));
  return TRUE;
}

static void
set_memory_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_set_memory_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_set_memory (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, guint64 size, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_set_memory_async (server->session, size, NULL, set_memory_done,
                                   session_answer_new (server, invocation));
  return TRUE;
}

static void
set_link_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_set_link_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_set_link (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *nic, gboolean up,
             gpointer data)
{
  SessionServer *server = data;

  bonsai_session_set_link_async (server->session, nic, up, NULL, set_link_done,
                                 session_answer_new (server, invocation));
  return TRUE;
}

static void
set_forwards_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_set_forwards_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_set_forwards (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *nic,
                 const char *const *texts, gpointer data)
{
  SessionServer *server = data;
  g_autoptr (GArray) forwards = net_forwards_new ();
  GError *error = NULL;

  for (unsigned i = 0; texts[i] != NULL && error == NULL && i <= NET_FORWARDS_MAX; i++)
    {
      NetForward forward;

      if (net_forward_parse (&forward, texts[i], &error))
        g_array_append_val (forwards, forward);
    }
  if (error != NULL)
    g_dbus_method_invocation_take_error (invocation, error);
  else
    bonsai_session_set_forwards_async (server->session, nic, forwards, NULL, set_forwards_done,
                                       session_answer_new (server, invocation));
  return TRUE;
}

static void
get_forwards_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autoptr (GVariant) forwards = bonsai_session_get_forwards_finish (BONSAI_SESSION (source), result, &error);

  if (forwards == NULL)
    g_dbus_method_invocation_take_error (answer->invocation, error);
  else
    bonsai_bus_session1_complete_get_forwards (answer->skeleton, answer->invocation, forwards);
  session_answer_free (answer);
}

static gboolean
on_get_forwards (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_get_forwards_async (server->session, NULL, get_forwards_done,
                                     session_answer_new (server, invocation));
  return TRUE;
}

/* --- console window, serial ports, agents --- */

static void
show_console_done (GObject *source, GAsyncResult *result, gpointer data)
{
  GError *error = NULL;
  gboolean done = bonsai_session_show_console_finish (BONSAI_SESSION (source), result, &error);

  session_answer_empty (data, done, error);
}

static gboolean
on_show_console (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gboolean show, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_show_console_async (server->session, show, NULL, show_console_done,
                                     session_answer_new (server, invocation));
  return TRUE;
}

static void
open_serial_done (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  g_autoptr (GUnixFDList) fds = NULL;
  GError *error = NULL;
  int fd = bonsai_session_open_serial_finish (BONSAI_SESSION (source), result, &error);

  if (fd < 0)
    g_dbus_method_invocation_take_error (answer->invocation, error);
  else
    {
      fds = g_unix_fd_list_new_from_array (&fd, 1);
      bonsai_bus_session1_complete_open_serial (answer->skeleton, answer->invocation, fds,
                                                g_variant_new_handle (0));
    }
  session_answer_free (answer);
}

static gboolean
on_open_serial (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, GUnixFDList *fds, guint port,
                gboolean force, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_open_serial_async (server->session, port, force, NULL, open_serial_done,
                                    session_answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_ask_guest (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *operation,
              GVariant *arguments, gpointer data)
{
  guest_message_answer (((SessionServer *)data)->session, invocation, operation, arguments);
  return TRUE;
}

static const SessionMethod machine_methods[] = {
  { "handle-pause", G_CALLBACK (on_pause) },
  { "handle-resume", G_CALLBACK (on_resume) },
  { "handle-reset", G_CALLBACK (on_reset) },
  { "handle-power-off", G_CALLBACK (on_power_off) },
  { "handle-shutdown", G_CALLBACK (on_shutdown) },
  { "handle-get-memory", G_CALLBACK (on_get_memory) },
  { "handle-get-counters", G_CALLBACK (on_get_counters) },
  { "handle-set-memory", G_CALLBACK (on_set_memory) },
  { "handle-set-link", G_CALLBACK (on_set_link) },
  { "handle-set-forwards", G_CALLBACK (on_set_forwards) },
  { "handle-get-forwards", G_CALLBACK (on_get_forwards) },
  { "handle-show-console", G_CALLBACK (on_show_console) },
  { "handle-open-serial", G_CALLBACK (on_open_serial) },
  { "handle-ask-guest", G_CALLBACK (on_ask_guest) },
};

void
session_server_connect_machine (SessionServer *server)
{
  session_server_connect (server, machine_methods, G_N_ELEMENTS (machine_methods));
}
