/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/host/login-session.h"

#define NAME   "org.gnome.SessionManager"
#define PATH   "/org/gnome/SessionManager"
#define CLIENT NAME ".ClientPrivate"
#define APP_ID "org.bonsaivm.Bonsai"

struct LoginSession {
  const LoginListener *listener;
  void *data;
  GDBusConnection *bus; /* NULL: not yet, or never */
  GCancellable *cancellable;
  bool wanted, asking;
  char *client; /* the path of our part in it; NULL: none */
  guint signal;
};

/* --- what it says --- */

static void
respond (LoginSession *session)
{
  if (session->client != NULL)
    g_dbus_connection_call (session->bus, NAME, session->client, CLIENT, "EndSessionResponse",
                            g_variant_new ("(bs)", TRUE, ""), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL,
                            NULL, NULL);
}

void
login_session_answer (LoginSession *session)
{
  respond (session);
}

/* It asks whether it may end, and whoever else is asked may say no; then it ends, or not. */
static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
           const char *signal, GVariant *parameters, gpointer data)
{
  LoginSession *session = data;

  if (g_strcmp0 (path, session->client) != 0)
    return;
  if (g_str_equal (signal, "QueryEndSession"))
    respond (session);
  else if (g_str_equal (signal, "EndSession") || g_str_equal (signal, "Stop"))
    session->listener->ending (session->data);
  else if (g_str_equal (signal, "CancelEndSession"))
    session->listener->staying (session->data);
}

/* --- taking part --- */

static void
leave (LoginSession *session)
{
  if (session->client == NULL)
    return;
  g_dbus_connection_call (session->bus, NAME, PATH, NAME, "UnregisterClient",
                          g_variant_new ("(o)", session->client), NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1,
                          NULL, NULL, NULL);
  g_clear_pointer (&session->client, g_free);
}

static void update (LoginSession *session);

static void
registered (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  LoginSession *session = data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  session->asking = false;
  if (reply == NULL)
    {
      g_info ("the end of the session can't be awaited: %s", error->message);
      return;
    }
  g_variant_get (reply, "(o)", &session->client);
  update (session);
}

static void
update (LoginSession *session)
{
  if (!session->wanted)
    leave (session);
  if (!session->wanted || session->client != NULL || session->asking || session->bus == NULL)
    return;
  session->asking = true;
  g_dbus_connection_call (session->bus, NAME, PATH, NAME, "RegisterClient",
                          g_variant_new ("(ss)", APP_ID, ""), G_VARIANT_TYPE ("(o)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, session->cancellable, registered, session);
}

void
login_session_take_part (LoginSession *session, bool take_part)
{
  session->wanted = take_part;
  update (session);
}

/* --- the object --- */

/* Before it is known what our part is called: nothing is missed. */
static void
use_bus (LoginSession *session, GDBusConnection *bus)
{
  session->bus = g_object_ref (bus);
  session->signal = g_dbus_connection_signal_subscribe (bus, NAME, CLIENT, NULL, NULL, NULL,
                                                        G_DBUS_SIGNAL_FLAGS_NONE, on_signal, session, NULL);
  update (session);
}

static void
bus_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  if (bus != NULL)
    use_bus (data, bus);
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_info ("no session bus: %s", error->message);
}

LoginSession *
login_session_new (GDBusConnection *bus, const LoginListener *listener, void *data)
{
  LoginSession *session = g_new0 (LoginSession, 1);

  session->listener = listener;
  session->data = data;
  session->cancellable = g_cancellable_new ();
  if (bus != NULL)
    use_bus (session, bus);
  /* Without one GLib would start one, for nobody. */
  else if (g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL)
    g_bus_get (G_BUS_TYPE_SESSION, session->cancellable, bus_found, session);
  return session;
}

void
login_session_free (LoginSession *session)
{
  if (session == NULL)
    return;
  g_cancellable_cancel (session->cancellable);
  g_object_unref (session->cancellable);
  leave (session);
  if (session->bus != NULL)
    g_dbus_connection_signal_unsubscribe (session->bus, session->signal);
  g_clear_object (&session->bus);
  g_free (session);
}
