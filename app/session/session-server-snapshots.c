/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Methods about snapshots. */
#include "app/session/session-server-private.h"

static void
snapshots_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  SessionAnswer *answer = data;
  GError *error = NULL;
  g_autoptr (GVariant) changed =
    bonsai_session_change_snapshots_finish (BONSAI_SESSION (source), result, &error);

  if (changed != NULL)
    bonsai_bus_session1_complete_change_snapshots (answer->skeleton, answer->invocation, changed);
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  session_answer_free (answer);
}

static gboolean
on_change_snapshots (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, const char *operation,
                     GVariant *arguments, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_change_snapshots_async (server->session, operation, arguments, NULL, snapshots_changed,
                                         session_answer_new (server, invocation));
  return TRUE;
}

static gboolean
on_cancel_snapshot (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, gpointer data)
{
  SessionServer *server = data;

  bonsai_session_cancel_snapshot (server->session);
  bonsai_bus_session1_complete_cancel_snapshot (skeleton, invocation);
  return TRUE;
}

static void
on_session_snapshot_progress (SessionServer *server, const char *operation, guint64 done, guint64 total)
{
  bonsai_bus_session1_emit_snapshot_progress (server->skeleton, operation, done, total);
}

static const SessionMethod snapshot_methods[] = {
  { "handle-change-snapshots", G_CALLBACK (on_change_snapshots) },
  { "handle-cancel-snapshot", G_CALLBACK (on_cancel_snapshot) },
};

void
session_server_connect_snapshots (SessionServer *server)
{
  session_server_connect (server, snapshot_methods, G_N_ELEMENTS (snapshot_methods));
  g_signal_connect_swapped (server->session, "snapshot-progress", G_CALLBACK (on_session_snapshot_progress),
                            server);
}
