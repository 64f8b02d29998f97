/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A service ends when nobody who called is left on the bus. */
#include "app/service/api-clients.h"

#define REST_MS 200

typedef struct {
  GTestDBus *daemon;
  GDBusConnection *service;
  ApiClients *clients;
  guint n_idle;
} Fixture;

static GDBusConnection *
connect_to (Fixture *fixture)
{
  GDBusConnection *bus = g_dbus_connection_new_for_address_sync (
    g_test_dbus_get_bus_address (fixture->daemon),
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
    NULL, NULL);

  g_assert_nonnull (bus);
  return bus;
}

static void
on_idle (gpointer data)
{
  ((Fixture *)data)->n_idle++;
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->daemon = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (fixture->daemon);
  fixture->service = connect_to (fixture);
  fixture->clients = api_clients_new (fixture->service, REST_MS, on_idle, fixture);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  api_clients_free (fixture->clients);
  g_object_unref (fixture->service);
  g_test_dbus_stop (fixture->daemon);
  g_object_unref (fixture->daemon);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer done)
{
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);

  g_assert_nonnull (reply);
  *(gboolean *)done = TRUE;
}

static void
call (Fixture *fixture, GDBusConnection *client)
{
  gboolean done = FALSE;

  g_dbus_connection_call (client, g_dbus_connection_get_unique_name (fixture->service), "/",
                          "org.freedesktop.DBus.Peer", "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          on_answer, &done);
  while (!done)
    g_main_context_iteration (NULL, TRUE);
}

static gboolean
set_flag (gpointer flag)
{
  *(gboolean *)flag = TRUE;
  return G_SOURCE_REMOVE;
}

static void
let_pass (guint ms)
{
  gboolean over = FALSE;

  g_timeout_add (ms, set_flag, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
}

static void
wait_for_idle (Fixture *fixture)
{
  while (fixture->n_idle == 0)
    g_main_context_iteration (NULL, TRUE);
}

static void
test_nobody (Fixture *fixture, gconstpointer data)
{
  wait_for_idle (fixture);
}

/* As long as one is there, whatever others do. */
static void
test_clients (Fixture *fixture, gconstpointer data)
{
  GDBusConnection *one = connect_to (fixture), *other = connect_to (fixture);

  call (fixture, one);
  call (fixture, other);
  call (fixture, one);
  g_object_unref (other);
  let_pass (3 * REST_MS);
  g_assert_cmpuint (fixture->n_idle, ==, 0);
  g_object_unref (one);
  wait_for_idle (fixture);
}

/* Who calls just before the end keeps it. */
static void
test_return (Fixture *fixture, gconstpointer data)
{
  GDBusConnection *first = connect_to (fixture), *second = connect_to (fixture);

  call (fixture, first);
  g_object_unref (first);
  call (fixture, second);
  let_pass (3 * REST_MS);
  g_assert_cmpuint (fixture->n_idle, ==, 0);
  g_object_unref (second);
  wait_for_idle (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/api-clients/nobody", Fixture, NULL, set_up, test_nobody, tear_down);
  g_test_add ("/api-clients/clients", Fixture, NULL, set_up, test_clients, tear_down);
  g_test_add ("/api-clients/return", Fixture, NULL, set_up, test_return, tear_down);
  return g_test_run ();
}
