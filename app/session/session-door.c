/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/session-door.h"

#include "app/base/error.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#define SESSION_INTERFACE "org.bonsaivm.Session1"
#define MAX_GUESTS        16 /* who are in or at the door, together */
#define MAX_GROUPS        256
#define HELLO_MS          5000

struct SessionDoor {
  GSocketService *service;
  char *path, *guid;
  VmSharing *sharing;
  GPtrArray *guests; /* of GDBusConnection: who are in */
  GCancellable *closing;
  guint n_waiting; /* at the door */
  SessionDoorFunc entered;
  gpointer data;
};

/* --- who may what --- */

/* What isn't listed is its owner's alone. */
static const char *const viewer_methods[] = { "Watch", "Grab", "GetCounters", "GetMemory", NULL };
static const char *const operator_methods[] = {
  "Pause",    "Resume", "Reset", "PowerOff",   "Shutdown",   "Key", "Motion",
  "Position", "Button", "Wheel", "ReleaseAll", "OpenSerial", NULL,
};
static const char *const property_methods[] = { "Get", "GetAll", NULL };

bool
session_door_allows (VmRole role, const char *interface, const char *method)
{
  if (role == VM_ROLE_NONE || interface == NULL || method == NULL)
    return false;
  if (g_str_equal (interface, "org.freedesktop.DBus.Properties"))
    return g_strv_contains (property_methods, method);
  if (g_str_equal (interface, "org.freedesktop.DBus.Introspectable")
      || g_str_equal (interface, "org.freedesktop.DBus.Peer"))
    return true;
  return g_str_equal (interface, SESSION_INTERFACE)
         && (g_strv_contains (viewer_methods, method)
             || (role == VM_ROLE_OPERATOR && g_strv_contains (operator_methods, method)));
}

static GStrv
list_groups (const char *user, gid_t group)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  gid_t groups[MAX_GROUPS];
  int n = MAX_GROUPS;

  if (getgrouplist (user, group, groups, &n) < 0)
    n = MAX_GROUPS;
  for (int i = 0; i < n; i++)
    {
      struct group entry, *found;
      char buffer[16384];

      if (getgrgid_r (groups[i], &entry, buffer, sizeof buffer, &found) == 0 && found != NULL)
        g_strv_builder_add (names, found->gr_name);
    }
  return g_strv_builder_end (names);
}

VmRole
session_door_find_role (const VmSharing *sharing, uid_t uid)
{
  struct passwd entry, *found;
  char buffer[16384];
  g_auto (GStrv) groups = NULL;

  if (getpwuid_r (uid, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
    return VM_ROLE_NONE;
  groups = list_groups (found->pw_name, found->pw_gid);
  return vm_sharing_find (sharing, found->pw_name, (const char *const *)groups);
}

/* --- who is in --- */

static GDBusMessage *
refuse (GDBusConnection *connection, GDBusMessage *message)
{
  g_autoptr (GDBusMessage) reply = NULL;

  if ((g_dbus_message_get_flags (message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) == 0)
    {
      reply = g_dbus_message_new_method_error (message, "org.bonsaivm.Error.Refused",
                                               "The machine's owner doesn't let you do that (%s)",
                                               g_dbus_message_get_member (message));
      g_dbus_connection_send_message (connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL);
    }
  g_object_unref (message);
  return NULL;
}

/* In GDBus' own thread, before anybody else sees it, and in order. */
static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  VmRole role = GPOINTER_TO_UINT (data);

  if (!incoming || g_dbus_message_get_message_type (message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL
      || session_door_allows (role, g_dbus_message_get_interface (message),
                              g_dbus_message_get_member (message)))
    return message;
  return refuse (connection, message);
}

static void
on_closed (GDBusConnection *connection, gboolean by_peer, GError *error, gpointer data)
{
  SessionDoor *door = data;

  g_signal_handlers_disconnect_by_data (connection, door);
  g_ptr_array_remove_fast (door->guests, connection);
}

/* --- coming in --- */

typedef struct {
  SessionDoor *door;
  VmRole role;
  GCancellable *closing;     /* the door's: once it is cancelled the door is gone */
  GCancellable *cancellable; /* its own: of the time limit, and of the door's end */
  gulong closing_id;
  guint timeout_id;
} Arrival;

static void
cancel (GCancellable *closing, gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
}

static gboolean
on_timeout (gpointer data)
{
  Arrival *arrival = data;

  arrival->timeout_id = 0;
  g_cancellable_cancel (arrival->cancellable);
  return G_SOURCE_REMOVE;
}

static void
arrival_free (Arrival *arrival)
{
  g_cancellable_disconnect (arrival->closing, arrival->closing_id);
  g_object_unref (arrival->closing);
  g_clear_handle_id (&arrival->timeout_id, g_source_remove);
  g_object_unref (arrival->cancellable);
  g_free (arrival);
}

static void
on_greeted (GObject *source, GAsyncResult *result, gpointer data)
{
  Arrival *arrival = data;
  SessionDoor *door = arrival->door;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, NULL);

  if (!g_cancellable_is_cancelled (arrival->closing))
    {
      door->n_waiting--;
      if (connection != NULL && !g_dbus_connection_is_closed (connection))
        {
          g_dbus_connection_add_filter (connection, on_message, GUINT_TO_POINTER (arrival->role), NULL);
          g_signal_connect (connection, "closed", G_CALLBACK (on_closed), door);
          g_ptr_array_add (door->guests, g_object_ref (connection));
          door->entered (connection, door->data);
          g_dbus_connection_start_message_processing (connection);
        }
    }
  arrival_free (arrival);
}

static void
greet (SessionDoor *door, GSocketConnection *stream, VmRole role)
{
  Arrival *arrival = g_new0 (Arrival, 1);

  arrival->door = door;
  arrival->role = role;
  arrival->closing = g_object_ref (door->closing);
  arrival->cancellable = g_cancellable_new ();
  arrival->closing_id =
    g_cancellable_connect (door->closing, G_CALLBACK (cancel), arrival->cancellable, NULL);
  arrival->timeout_id = g_timeout_add (HELLO_MS, on_timeout, arrival);
  door->n_waiting++;
  g_dbus_connection_new (G_IO_STREAM (stream), door->guid,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                           | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                         NULL, arrival->cancellable, on_greeted, arrival);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data)
{
  SessionDoor *door = data;
  g_autoptr (GCredentials) credentials =
    g_socket_get_credentials (g_socket_connection_get_socket (stream), NULL);
  uid_t uid = credentials != NULL ? g_credentials_get_unix_user (credentials, NULL) : (uid_t)-1;
  VmRole role = uid != (uid_t)-1 ? session_door_find_role (door->sharing, uid) : VM_ROLE_NONE;

  if (role != VM_ROLE_NONE && door->guests->len + door->n_waiting < MAX_GUESTS)
    greet (door, stream, role);
  return TRUE;
}

/* --- the door --- */

static bool
listen_at (SessionDoor *door, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (door->path);

  g_unlink (door->path); /* of a process that was killed: the machine's lock is ours */
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (door->service), address, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_DEFAULT, NULL, NULL, error))
    return false;
  if (g_chmod (door->path, 0666) == 0)
    return true;
  return bonsai_set_errno_error (error, errno, "Can't open %s to others", door->path);
}

SessionDoor *
session_door_new (const char *path, VmSharing *sharing, SessionDoorFunc entered, gpointer data,
                  GError **error)
{
  SessionDoor *door = g_new0 (SessionDoor, 1);

  door->path = g_strdup (path);
  door->guid = g_dbus_generate_guid ();
  door->sharing = vm_sharing_ref (sharing);
  door->guests = g_ptr_array_new_with_free_func (g_object_unref);
  door->closing = g_cancellable_new ();
  door->service = g_socket_service_new ();
  door->entered = entered;
  door->data = data;
  g_signal_connect (door->service, "incoming", G_CALLBACK (on_incoming), door);
  if (listen_at (door, error))
    return door;
  session_door_free (door);
  return NULL;
}

void
session_door_free (SessionDoor *door)
{
  g_socket_service_stop (door->service);
  g_socket_listener_close (G_SOCKET_LISTENER (door->service));
  g_signal_handlers_disconnect_by_data (door->service, door);
  g_unlink (door->path);
  g_cancellable_cancel (door->closing);
  for (guint i = 0; i < door->guests->len; i++)
    {
      g_signal_handlers_disconnect_by_data (g_ptr_array_index (door->guests, i), door);
      g_dbus_connection_close (g_ptr_array_index (door->guests, i), NULL, NULL, NULL);
    }
  g_ptr_array_unref (door->guests);
  g_object_unref (door->service);
  g_object_unref (door->closing);
  vm_sharing_unref (door->sharing);
  g_free (door->path);
  g_free (door->guid);
  g_free (door);
}
