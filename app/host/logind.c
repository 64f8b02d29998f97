/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/host/logind.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

#define NAME                "org.freedesktop.login1"
#define PATH                "/org/freedesktop/login1"
#define INTERFACE           "org.freedesktop.login1.Manager"
#define DEFAULT_PATIENCE_MS 5000 /* logind.conf(5), InhibitDelayMaxSec= */
#define CHECK_TIMEOUT_MS    2000

struct Logind {
  const LogindListener *listener;
  void *data;
  GDBusConnection *bus; /* NULL: not yet, or never */
  GCancellable *cancellable;
  guint shutdown_signal, sleep_signal;
  unsigned patience;
  char *why; /* NULL: it is not to be delayed */
  bool asking;
  int lock; /* -1: not held */
};

/* --- the delay --- */

static void update_lock (Logind *logind);

static void
lock_given (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_with_unix_fd_list_finish (G_DBUS_CONNECTION (source), &fds, result, &error);
  Logind *logind = data;
  gint32 index = -1;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  logind->asking = false;
  if (reply == NULL)
    {
      g_info ("the host's shutdown can't be delayed: %s", error->message);
      return;
    }
  g_variant_get (reply, "(h)", &index);
  if (fds != NULL && index >= 0 && index < g_unix_fd_list_get_length (fds))
    logind->lock = g_unix_fd_list_get (fds, index, NULL);
  update_lock (logind);
}

static void
update_lock (Logind *logind)
{
  if (logind->why == NULL && logind->lock >= 0)
    {
      close (logind->lock);
      logind->lock = -1;
    }
  if (logind->why == NULL || logind->lock >= 0 || logind->asking || logind->bus == NULL)
    return;
  logind->asking = true;
  g_dbus_connection_call_with_unix_fd_list (
    logind->bus, NAME, PATH, INTERFACE, "Inhibit",
    g_variant_new ("(ssss)", "shutdown", "Bonsai", logind->why, "delay"), G_VARIANT_TYPE ("(h)"),
    G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, NULL, logind->cancellable, lock_given, logind);
}

void
logind_delay_shutdown (Logind *logind, bool delay, const char *why)
{
  g_free (logind->why);
  logind->why = delay ? g_strdup (why) : NULL;
  update_lock (logind);
}

unsigned
logind_get_patience (const Logind *logind)
{
  return logind->patience;
}

/* --- what it says --- */

static void
on_signal (GDBusConnection *bus, const char *sender, const char *path, const char *interface,
           const char *signal, GVariant *parameters, gpointer data)
{
  Logind *logind = data;
  gboolean begins;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(b)")))
    return;
  g_variant_get (parameters, "(b)", &begins);
  if (g_str_equal (signal, "PrepareForShutdown"))
    (begins ? logind->listener->shutting_down : logind->listener->staying) (logind->data);
  else if (g_str_equal (signal, "PrepareForSleep") && !begins)
    logind->listener->woken (logind->data);
}

static guint
subscribe (Logind *logind, const char *signal)
{
  return g_dbus_connection_signal_subscribe (logind->bus, NAME, INTERFACE, signal, PATH, NULL,
                                             G_DBUS_SIGNAL_FLAGS_NONE, on_signal, logind, NULL);
}

static void
patience_told (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);
  g_autoptr (GVariant) value = NULL;
  Logind *logind = data;

  if (reply == NULL)
    return;
  g_variant_get (reply, "(v)", &value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64))
    logind->patience = (unsigned)MIN (g_variant_get_uint64 (value) / 1000, G_MAXINT);
}

static void
use_bus (Logind *logind, GDBusConnection *bus)
{
  logind->bus = g_object_ref (bus);
  logind->shutdown_signal = subscribe (logind, "PrepareForShutdown");
  logind->sleep_signal = subscribe (logind, "PrepareForSleep");
  g_dbus_connection_call (bus, NAME, PATH, "org.freedesktop.DBus.Properties", "Get",
                          g_variant_new ("(ss)", INTERFACE, "InhibitDelayMaxUSec"), G_VARIANT_TYPE ("(v)"),
                          G_DBUS_CALL_FLAGS_NO_AUTO_START, -1, logind->cancellable, patience_told, logind);
  update_lock (logind);
}

static void
bus_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  if (bus != NULL)
    {
      /* Losing the bus is no reason to end: machines run here. */
      g_dbus_connection_set_exit_on_close (bus, FALSE);
      use_bus (data, bus);
    }
  else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_info ("no system bus: %s", error->message);
}

Logind *
logind_new (GDBusConnection *bus, const LogindListener *listener, void *data)
{
  Logind *logind = g_new0 (Logind, 1);

  logind->listener = listener;
  logind->data = data;
  logind->cancellable = g_cancellable_new ();
  logind->patience = DEFAULT_PATIENCE_MS;
  logind->lock = -1;
  if (bus != NULL)
    use_bus (logind, bus);
  else
    g_bus_get (G_BUS_TYPE_SYSTEM, logind->cancellable, bus_found, logind);
  return logind;
}

void
logind_free (Logind *logind)
{
  if (logind == NULL)
    return;
  g_cancellable_cancel (logind->cancellable);
  g_object_unref (logind->cancellable);
  if (logind->bus != NULL)
    {
      g_dbus_connection_signal_unsubscribe (logind->bus, logind->shutdown_signal);
      g_dbus_connection_signal_unsubscribe (logind->bus, logind->sleep_signal);
      g_object_unref (logind->bus);
    }
  if (logind->lock >= 0)
    close (logind->lock);
  g_free (logind->why);
  g_free (logind);
}

bool
logind_is_there (void)
{
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  g_autoptr (GVariant) reply = NULL;
  gboolean there = FALSE;

  if (bus == NULL)
    return false;
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  reply =
    g_dbus_connection_call_sync (bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                 "NameHasOwner", g_variant_new ("(s)", NAME), G_VARIANT_TYPE ("(b)"),
                                 G_DBUS_CALL_FLAGS_NONE, CHECK_TIMEOUT_MS, NULL, NULL);
  if (reply != NULL)
    g_variant_get (reply, "(b)", &there);
  return there;
}
