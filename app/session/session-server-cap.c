/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What others let the machine have of its processors' time: the least that anybody says, for as long as he is
 * there. */
#include "app/session/session-server-private.h"

#include "app/base/error.h"

#define WHOLE 1000.0 /* as it is kept */

static void
apply (SessionServer *server)
{
  GHashTableIter iter;
  gpointer share;
  double least = WHOLE;

  g_hash_table_iter_init (&iter, server->caps);
  while (g_hash_table_iter_next (&iter, NULL, &share))
    least = MIN (least, (double)GPOINTER_TO_UINT (share));
  bonsai_session_set_cap (server->session, least / WHOLE);
}

static gboolean
on_set_cap (BonsaiBusSession1 *skeleton, GDBusMethodInvocation *invocation, double share, gpointer data)
{
  SessionServer *server = data;

  if (!(share >= 1 / WHOLE && share <= 1))
    {
      g_dbus_method_invocation_return_error (
        invocation, BONSAI_ERROR, BONSAI_ERROR_INVALID,
        "A machine gets a share from 0.001 to 1 of its processors' time");
      return TRUE;
    }
  g_hash_table_insert (server->caps, g_dbus_method_invocation_get_connection (invocation),
                       GUINT_TO_POINTER ((unsigned)(share * WHOLE)));
  apply (server);
  bonsai_bus_session1_complete_set_cap (skeleton, invocation);
  return TRUE;
}

void
session_server_drop_cap (SessionServer *server, GDBusConnection *connection)
{
  if (g_hash_table_remove (server->caps, connection))
    apply (server);
}

static const SessionMethod cap_methods[] = {
  { "handle-set-cap", G_CALLBACK (on_set_cap) },
};

void
session_server_connect_cap (SessionServer *server)
{
  server->caps = g_hash_table_new (NULL, NULL);
  session_server_connect (server, cap_methods, G_N_ELEMENTS (cap_methods));
}
