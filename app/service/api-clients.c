/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/service/api-clients.h"

struct ApiClients {
  GDBusConnection *bus; /* NULL: it is over */
  GMainContext *context;
  GHashTable *watches; /* unique name → id of a watch */
  guint rest_ms, rest_id, filter;
  void (*idle) (gpointer data);
  gpointer data;
};

typedef struct {
  ApiClients *clients;
  char *name;
} Call;

static void
clients_clear (gpointer data)
{
  g_main_context_unref (((ApiClients *)data)->context);
}

static void
call_free (gpointer data)
{
  Call *call = data;

  g_atomic_rc_box_release_full (call->clients, clients_clear);
  g_free (call->name);
  g_free (call);
}

static gboolean
rest_is_over (gpointer data)
{
  ApiClients *clients = data;

  clients->rest_id = 0;
  clients->idle (clients->data);
  return G_SOURCE_REMOVE;
}

static void
rest (ApiClients *clients)
{
  clients->rest_id = g_timeout_add (clients->rest_ms, rest_is_over, clients);
}

static void
on_vanished (GDBusConnection *bus, const char *name, gpointer data)
{
  ApiClients *clients = data;

  g_bus_unwatch_name (GPOINTER_TO_UINT (g_hash_table_lookup (clients->watches, name)));
  g_hash_table_remove (clients->watches, name);
  if (g_hash_table_size (clients->watches) == 0 && clients->rest_id == 0)
    rest (clients);
}

static gboolean
note_call (gpointer data)
{
  Call *call = data;
  ApiClients *clients = call->clients;
  guint id;

  if (clients->bus == NULL || g_hash_table_contains (clients->watches, call->name))
    return G_SOURCE_REMOVE;
  g_clear_handle_id (&clients->rest_id, g_source_remove);
  id = g_bus_watch_name_on_connection (clients->bus, call->name, G_BUS_NAME_WATCHER_FLAGS_NONE, NULL,
                                       on_vanished, clients, NULL);
  g_hash_table_insert (clients->watches, g_strdup (call->name), GUINT_TO_POINTER (id));
  return G_SOURCE_REMOVE;
}

/* In GDBus' own thread. */
static GDBusMessage *
on_message (GDBusConnection *bus, GDBusMessage *message, gboolean incoming, gpointer data)
{
  ApiClients *clients = data;
  const char *sender = g_dbus_message_get_sender (message);

  if (incoming && sender != NULL
      && g_dbus_message_get_message_type (message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL)
    {
      Call *call = g_new (Call, 1);

      call->clients = g_atomic_rc_box_acquire (clients);
      call->name = g_strdup (sender);
      g_main_context_invoke_full (clients->context, G_PRIORITY_DEFAULT, note_call, call, call_free);
    }
  return message;
}

static void
release (gpointer data)
{
  g_atomic_rc_box_release_full (data, clients_clear);
}

ApiClients *
api_clients_new (GDBusConnection *bus, guint rest_ms, void (*idle) (gpointer data), gpointer data)
{
  ApiClients *clients = g_atomic_rc_box_new0 (ApiClients);

  clients->bus = g_object_ref (bus);
  clients->context = g_main_context_ref_thread_default ();
  clients->watches = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  clients->rest_ms = rest_ms;
  clients->idle = idle;
  clients->data = data;
  clients->filter =
    g_dbus_connection_add_filter (bus, on_message, g_atomic_rc_box_acquire (clients), release);
  rest (clients);
  return clients;
}

void
api_clients_free (ApiClients *clients)
{
  GHashTableIter iter;
  gpointer id;

  g_dbus_connection_remove_filter (clients->bus, clients->filter);
  g_clear_handle_id (&clients->rest_id, g_source_remove);
  g_hash_table_iter_init (&iter, clients->watches);
  while (g_hash_table_iter_next (&iter, NULL, &id))
    g_bus_unwatch_name (GPOINTER_TO_UINT (id));
  g_hash_table_unref (clients->watches);
  g_clear_object (&clients->bus);
  release (clients);
}
