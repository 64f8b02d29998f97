/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * ApiClients: who on a bus has called methods here and is still there, so that a service that was started for
 * them can end when it is of no use to anybody.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct ApiClients ApiClients;

/* @idle: called once nobody has been there for @rest_ms; never before that has passed since now. */
ApiClients *api_clients_new (GDBusConnection *bus, guint rest_ms, void (*idle) (gpointer data),
                             gpointer data);
void api_clients_free (ApiClients *clients);

G_END_DECLS
