/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/events/event-database.h"

#include "app/base/error.h"

#define BUSY_TIMEOUT_MS 5000
#define MAX_AGE         (400 * G_TIME_SPAN_DAY)

static const char schema[] = "CREATE TABLE IF NOT EXISTS events ("
                             " id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
                             " machine TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,"
                             " result TEXT NOT NULL, detail TEXT NOT NULL, cause TEXT NOT NULL,"
                             " who TEXT NOT NULL);"
                             "CREATE INDEX IF NOT EXISTS events_by_time ON events (time);"
                             "CREATE INDEX IF NOT EXISTS events_by_machine ON events (machine, time);";

static bool
fail (sqlite3 *database, const char *path, int code, bool *damaged, GError **error)
{
  *damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "The log of events %s: %s", path,
               database != NULL ? sqlite3_errmsg (database) : sqlite3_errstr (code));
  return false;
}

static bool
run (sqlite3 *database, const char *sql, bool *damaged, GError **error)
{
  int code = sqlite3_exec (database, sql, NULL, NULL, NULL);

  return code == SQLITE_OK || fail (database, sqlite3_db_filename (database, "main"), code, damaged, error);
}

/* Readers never wait for a writer, nor it for them; a power cut may cost the last events, not the file. */
static bool
set_up (sqlite3 *database, bool *damaged, GError **error)
{
  g_autofree char *forget = g_strdup_printf ("DELETE FROM events WHERE time < %" G_GINT64_FORMAT
                                             " OR id <= (SELECT max (id) FROM events) - 100000;",
                                             g_get_real_time () - MAX_AGE);

  return run (database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;", damaged, error)
         && run (database, schema, damaged, error) && run (database, forget, damaged, error);
}

sqlite3 *
event_database_open (const char *path, bool writes, bool *damaged, GError **error)
{
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writes ? SQLITE_OPEN_CREATE : 0);
  sqlite3 *database = NULL;
  int code;

  *damaged = false;
  code = sqlite3_open_v2 (path, &database, flags, NULL);
  if (code == SQLITE_OK)
    {
      sqlite3_busy_timeout (database, BUSY_TIMEOUT_MS);
      if (!writes || set_up (database, damaged, error))
        return database;
    }
  else
    fail (database, path, code, damaged, error);
  sqlite3_close (database);
  return NULL;
}

bool
event_database_insert (sqlite3 *database, const Event *event, bool *damaged, GError **error)
{
  const char *const texts[] = { event->machine, event->name,  event->kind, event->result,
                                event->detail,  event->cause, event->who };
  sqlite3_stmt *statement = NULL;
  int code = sqlite3_prepare_v2 (
    database,
    "INSERT INTO events (time, machine, name, kind, result, detail, cause, who) VALUES (?,?,?,?,?,?,?,?)", -1,
    &statement, NULL);

  *damaged = false;
  if (code == SQLITE_OK)
    {
      sqlite3_bind_int64 (statement, 1, event->time);
      for (int i = 0; i < (int)G_N_ELEMENTS (texts); i++)
        sqlite3_bind_text (statement, i + 2, texts[i], -1, SQLITE_STATIC);
      code = sqlite3_step (statement);
    }
  if (code != SQLITE_DONE)
    fail (database, sqlite3_db_filename (database, "main"), code, damaged, error);
  sqlite3_finalize (statement);
  return code == SQLITE_DONE;
}

static char *
column (sqlite3_stmt *statement, int i)
{
  const char *text = (const char *)sqlite3_column_text (statement, i);

  return g_utf8_make_valid (text != NULL ? text : "", -1);
}

static Event *
take_row (sqlite3_stmt *statement)
{
  Event *event = g_new0 (Event, 1);

  event->id = sqlite3_column_int64 (statement, 0);
  event->time = sqlite3_column_int64 (statement, 1);
  event->machine = column (statement, 2);
  event->name = column (statement, 3);
  event->kind = column (statement, 4);
  event->result = column (statement, 5);
  event->detail = column (statement, 6);
  event->cause = column (statement, 7);
  event->who = column (statement, 8);
  return event;
}

#define SELECT                                                                                               \
  "SELECT id, time, machine, name, kind, result, detail, cause, who FROM events"                             \
  " WHERE time >= ?1 AND time <= ?2 AND id > ?3 AND (?4 IS NULL OR machine = ?4 OR name = ?4)"               \
  " AND (NOT ?5 OR result = 'failed' OR kind = 'crash')"

static const char select_all[] = SELECT " ORDER BY id";
static const char select_newest[] = SELECT " ORDER BY id DESC LIMIT ?6";

static void
bind_query (sqlite3_stmt *statement, const EventQuery *query)
{
  sqlite3_bind_int64 (statement, 1, query->since);
  sqlite3_bind_int64 (statement, 2, query->until > 0 ? query->until : G_MAXINT64);
  sqlite3_bind_int64 (statement, 3, query->after);
  if (query->machine != NULL)
    sqlite3_bind_text (statement, 4, query->machine, -1, SQLITE_STATIC);
  sqlite3_bind_int (statement, 5, query->failures);
  if (query->newest > 0)
    sqlite3_bind_int64 (statement, 6, query->newest);
}

GPtrArray *
event_database_query (sqlite3 *database, const EventQuery *query, GError **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
  sqlite3_stmt *statement = NULL;
  bool damaged;
  int code;

  /* Another process is just making it. */
  if (sqlite3_table_column_metadata (database, NULL, "events", NULL, NULL, NULL, NULL, NULL, NULL)
      == SQLITE_ERROR)
    return g_steal_pointer (&events);
  code = sqlite3_prepare_v2 (database, query->newest > 0 ? select_newest : select_all, -1, &statement, NULL);

  if (code == SQLITE_OK)
    {
      bind_query (statement, query);
      while ((code = sqlite3_step (statement)) == SQLITE_ROW)
        g_ptr_array_add (events, take_row (statement));
    }
  if (code != SQLITE_DONE)
    fail (database, sqlite3_db_filename (database, "main"), code, &damaged, error);
  sqlite3_finalize (statement);
  return code == SQLITE_DONE ? g_steal_pointer (&events) : NULL;
}
