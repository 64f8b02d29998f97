/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session-server-private.h"

#include "app/session/runtime-dir.h"
#include "app/session/shared-dir.h"

#include <glib/gstdio.h>
#include <unistd.h>

#define SESSION_PATH    "/org/bonsaivm/Session"
#define MAX_CONNECTIONS 64

static void
update_properties (SessionServer *server)
{
  BonsaiSession *session = server->session;
  const char *message = bonsai_session_get_message (session);

  g_object_set (server->skeleton, "state", bonsai_state_name (bonsai_session_get_state (session)), "reason",
                bonsai_reason_name (bonsai_session_get_reason (session)), "message",
                message != NULL ? message : "", "exit-status", bonsai_session_get_exit_status (session),
                "console-open", bonsai_session_get_console_open (session), NULL);
}

/* --- methods --- */

SessionAnswer *
session_answer_new (SessionServer *server, GDBusMethodInvocation *invocation)
{
  SessionAnswer *answer = g_new (SessionAnswer, 1);

  answer->skeleton = g_object_ref (server->skeleton);
  answer->invocation = invocation;
  return answer;
}

void
session_answer_free (SessionAnswer *answer)
{
  g_object_unref (answer->skeleton);
  g_free (answer);
}

void
session_answer_empty (SessionAnswer *answer, gboolean done, GError *error)
{
  if (done)
    g_dbus_method_invocation_return_value (answer->invocation, NULL);
  else
    g_dbus_method_invocation_take_error (answer->invocation, error);
  session_answer_free (answer);
}

void
session_server_connect (SessionServer *server, const SessionMethod *methods, unsigned n_methods)
{
  for (unsigned i = 0; i < n_methods; i++)
    g_signal_connect (server->skeleton, methods[i].signal, methods[i].handler, server);
}

/* --- connections --- */

static void
stop_watching_for (SessionServer *server, GDBusConnection *connection)
{
  unsigned count = GPOINTER_TO_UINT (g_hash_table_lookup (server->connections, connection));

  while (count-- > 0)
    bonsai_session_watch (server->session, false);
}

static void
on_connection_closed (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer data)
{
  SessionServer *server = data;

  stop_watching_for (server, connection);
  session_server_drop_cap (server, connection);
  g_signal_handlers_disconnect_by_data (connection, server);
  g_dbus_interface_skeleton_unexport_from_connection (G_DBUS_INTERFACE_SKELETON (server->skeleton),
                                                      connection);
  g_hash_table_remove (server->connections, connection);
}

static bool
admit (SessionServer *server, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (server->skeleton), connection,
                                         SESSION_PATH, &error))
    {
      g_warning ("%s", error->message);
      return false;
    }
  g_hash_table_insert (server->connections, g_object_ref (connection), GUINT_TO_POINTER (0));
  g_signal_connect (connection, "closed", G_CALLBACK (on_connection_closed), server);
  return true;
}

static gboolean
on_new_connection (GDBusServer *bus, GDBusConnection *connection, gpointer data)
{
  SessionServer *server = data;

  return g_hash_table_size (server->connections) < MAX_CONNECTIONS && admit (server, connection);
}

/* What he may do the door sees to. */
static void
on_entered (GDBusConnection *connection, gpointer data)
{
  admit (data, connection);
}

bool
session_server_share (SessionServer *server, VmSharing *sharing, GError **error)
{
  g_autofree char *path = shared_dir_socket (bonsai_session_get_uuid (server->session));

  g_clear_pointer (&server->door, session_door_free);
  if (vm_sharing_is_empty (sharing))
    return true;
  if (shared_dir_ensure (error))
    server->door = session_door_new (path, sharing, on_entered, server, error);
  return server->door != NULL;
}

/* The kernel vouches for the peer's user; nothing else is asked. */
static gboolean
on_authorize (GDBusAuthObserver *observer, GIOStream *stream, GCredentials *credentials, gpointer data)
{
  return credentials != NULL && g_credentials_get_unix_user (credentials, NULL) == geteuid ();
}

static gboolean
on_allow_mechanism (GDBusAuthObserver *observer, const char *mechanism, gpointer data)
{
  return g_str_equal (mechanism, "EXTERNAL");
}

static GDBusServer *
listen_at (const char *path, GError **error)
{
  g_autoptr (GDBusAuthObserver) observer = g_dbus_auth_observer_new ();
  g_autofree char *guid = g_dbus_generate_guid ();
  g_autofree char *escaped = g_dbus_address_escape_value (path);
  g_autofree char *address = g_strconcat ("unix:path=", escaped, NULL);

  g_signal_connect (observer, "authorize-authenticated-peer", G_CALLBACK (on_authorize), NULL);
  g_signal_connect (observer, "allow-mechanism", G_CALLBACK (on_allow_mechanism), NULL);
  return g_dbus_server_new_sync (address, G_DBUS_SERVER_FLAGS_NONE, guid, observer, NULL, error);
}

SessionServer *
session_server_new (BonsaiSession *session, GError **error)
{
  SessionServer *server;
  g_autofree char *path = runtime_dir_socket (bonsai_session_get_uuid (session));
  GDBusServer *bus;

  if (!runtime_dir_ensure (error))
    return NULL;
  /* Left over by a process that was killed: the machine's lock is ours, so it can't be in use. */
  g_unlink (path);
  bus = listen_at (path, error);
  if (bus == NULL)
    {
      g_prefix_error (error, "Can't be reached by other processes: ");
      return NULL;
    }

  server = g_new0 (SessionServer, 1);
  server->session = g_object_ref (session);
  server->server = bus;
  server->socket = g_steal_pointer (&path);
  server->connections = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  server->skeleton = bonsai_bus_session1_skeleton_new ();
  g_object_set (server->skeleton, "uuid", bonsai_session_get_uuid (session), "name",
                bonsai_session_get_name (session), "pid", bonsai_session_get_pid (session), NULL);
  update_properties (server);
  session_server_connect_machine (server);
  session_server_connect_cap (server);
  session_server_connect_disks (server);
  session_server_connect_screen (server);
  session_server_connect_snapshots (server);
  session_server_connect_usb (server);
  g_signal_connect_swapped (session, "changed", G_CALLBACK (update_properties), server);
  g_signal_connect (server->server, "new-connection", G_CALLBACK (on_new_connection), server);
  g_dbus_server_start (server->server);
  return server;
}

void
session_server_free (SessionServer *server)
{
  GHashTableIter iter;
  GDBusConnection *connection;

  g_signal_handlers_disconnect_by_data (server->session, server);
  g_clear_pointer (&server->door, session_door_free);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (server->skeleton));
  g_dbus_server_stop (server->server);
  g_unlink (server->socket);

  g_hash_table_iter_init (&iter, server->connections);
  while (g_hash_table_iter_next (&iter, (gpointer *)&connection, NULL))
    {
      g_signal_handlers_disconnect_by_data (connection, server);
      stop_watching_for (server, connection);
      g_dbus_connection_flush_sync (connection, NULL, NULL);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
    }
  if (g_dbus_interface_skeleton_get_connection (G_DBUS_INTERFACE_SKELETON (server->skeleton)) != NULL)
    g_dbus_interface_skeleton_unexport (G_DBUS_INTERFACE_SKELETON (server->skeleton));
  g_signal_handlers_disconnect_by_data (server->skeleton, server);
  g_signal_handlers_disconnect_by_data (server->server, server);
  g_hash_table_unref (server->caps);
  g_hash_table_unref (server->connections);
  g_object_unref (server->skeleton);
  g_object_unref (server->server);
  g_object_unref (server->session);
  g_free (server->socket);
  g_free (server);
}
