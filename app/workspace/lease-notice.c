/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/lease-notice.h"

#include <gio/gio.h>
#include <glib/gi18n.h>

#define BUS_NAME       "org.bonsaivm.Bonsai"
#define BUS_PATH       "/org/bonsaivm/Bonsai"
#define BUS_TIMEOUT_MS 20000
#define WEEK           (INT64_C (7) * 24 * 3600)

char *
lease_format_span (int64_t seconds)
{
  int64_t minutes = (MAX (seconds, 0) + 59) / 60, hours = (minutes + 59) / 60, days = (hours + 23) / 24;

  if (minutes < 120)
    return g_strdup_printf (ngettext ("%d minute", "%d minutes", (gulong)minutes), (int)minutes);
  if (hours <= 48)
    return g_strdup_printf (ngettext ("%d hour", "%d hours", (gulong)hours), (int)hours);
  return g_strdup_printf (ngettext ("%d day", "%d days", (gulong)days), (int)days);
}

char *
lease_describe (const Workspace *workspace)
{
  const LeaseStep *step = &workspace->step;
  g_autofree char *span = NULL;

  if (workspace->damage != NULL || step->verdict == LEASE_CLOCK)
    return g_strdup_printf (_ ("This workspace is locked: %s."),
                            workspace->damage != NULL ? workspace->damage : workspace->clock);
  if (step->verdict == LEASE_GONE)
    return g_strdup (_ ("This workspace has been destroyed, as its terms say."));
  if (step->verdict == LEASE_OVER)
    return g_strdup (
      workspace->terms->afterwards == AFTERWARDS_DESTROY
        ? _ ("The time of this workspace is over. It is going to be destroyed, unless its issuer "
             "renews it.")
        : _ ("The time of this workspace is over. Its issuer can renew it."));
  if (step->remaining > WEEK)
    return NULL;
  span = lease_format_span (step->remaining);
  return g_strdup_printf (_ ("This workspace expires in %s. Its issuer can renew it."), span);
}

/* --- the bus --- */

static void
sent (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  if (answer == NULL)
    g_info ("The app can't tell of a workspace's expiry: %s", error->message);
}

static GVariant *
describe_call (const char *uuid)
{
  GVariant *target = g_variant_new_variant (g_variant_new_string (uuid));

  return g_variant_new ("(s@av@a{sv})", "lease-notice",
                        g_variant_new_array (G_VARIANT_TYPE_VARIANT, &target, 1),
                        g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0));
}

static void
got_bus (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *uuid = data;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, NULL);

  if (bus != NULL)
    g_dbus_connection_call (bus, BUS_NAME, BUS_PATH, "org.freedesktop.Application", "ActivateAction",
                            describe_call (uuid), NULL, G_DBUS_CALL_FLAGS_NONE, BUS_TIMEOUT_MS, NULL, sent,
                            NULL);
}

static void
send_and_wait (const char *uuid)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error);
  g_autoptr (GVariant) answer =
    bus != NULL ? g_dbus_connection_call_sync (bus, BUS_NAME, BUS_PATH, "org.freedesktop.Application",
                                               "ActivateAction", describe_call (uuid), NULL,
                                               G_DBUS_CALL_FLAGS_NONE, BUS_TIMEOUT_MS, NULL, &error)
                : NULL;

  if (answer == NULL)
    g_info ("The app can't tell of a workspace's expiry: %s", error->message);
}

void
lease_notice_send (const char *uuid, bool wait)
{
  if (wait)
    send_and_wait (uuid);
  else
    g_bus_get (G_BUS_TYPE_SESSION, NULL, got_bus, g_strdup (uuid));
}
