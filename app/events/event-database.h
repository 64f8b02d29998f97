/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"

#include <sqlite3.h>

G_BEGIN_DECLS

/* The file behind an EventLog. One thread at a time. */

/* Opens @path, to write (making it, and forgetting what is too old) or to read. NULL with @error set;
 * *@damaged says whether that is because it is. */
sqlite3 *event_database_open (const char *path, bool writes, bool *damaged, GError **error);

/* Its id and time are filled in. */
bool event_database_insert (sqlite3 *database, const Event *event, bool *damaged, GError **error);

/* (transfer full): of Event */
GPtrArray *event_database_query (sqlite3 *database, const EventQuery *query, GError **error);

G_END_DECLS
