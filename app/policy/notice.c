/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/notice.h"

#include <gio/gio.h>

/* Desktop Notifications Specification 1.2, section 9: Notify */
static void
connected (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GVariant) arguments = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) bus = g_bus_get_finish (result, &error);

  if (bus == NULL)
    {
      g_info ("nobody is told: %s", error->message);
      return;
    }
  g_dbus_connection_call (bus, "org.freedesktop.Notifications", "/org/freedesktop/Notifications",
                          "org.freedesktop.Notifications", "Notify", arguments, NULL, G_DBUS_CALL_FLAGS_NONE,
                          -1, NULL, NULL, NULL);
}

void
notice_show (const char *title, const char *body)
{
  GVariant *arguments =
    g_variant_new ("(susss@as@a{sv}i)", "Bonsai", 0u, "org.bonsaivm.Bonsai", title, body != NULL ? body : "",
                   g_variant_new_strv (NULL, 0), g_variant_new_parsed ("@a{sv} {}"), -1);

  g_bus_get (G_BUS_TYPE_SESSION, NULL, connected, g_variant_ref_sink (arguments));
}
