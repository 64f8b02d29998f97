/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/application.h"

G_BEGIN_DECLS

/* Where GNOME Shell asks (org.bonsaivm.Bonsai.search-provider.ini). */
#define SEARCH_PROVIDER_PATH "/org/bonsaivm/Bonsai/SearchProvider"

/* Offers the machines to the desktop's search (org.gnome.Shell.SearchProvider2). The library is opened when
 * somebody asks. Returns: what g_dbus_connection_unregister_object takes, or 0 with @error set. */
guint search_provider_register (BonsaiApplication *application, GDBusConnection *connection, GError **error);

G_END_DECLS
