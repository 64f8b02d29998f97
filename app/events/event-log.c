/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/events/event-log.h"

#include "app/base/error.h"
#include "app/events/event-database.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

struct EventLog {
  int n_refs; /* atomic */
  char *path;
  bool at_once;
  GThreadPool *writer; /* of one thread, that there is while something is to be written */

  GMutex lock;
  GCond all_written;
  unsigned n_unwritten;

  /* The writer's. */
  sqlite3 *database; /* or NULL */
  ino_t inode;       /* of its file */
  bool complained;
};

void
event_free (Event *event)
{
  g_free (event->machine);
  g_free (event->name);
  g_free (event->kind);
  g_free (event->result);
  g_free (event->detail);
  g_free (event->cause);
  g_free (event->who);
  g_free (event);
}

char *
event_log_path (void)
{
  return g_build_filename (g_get_user_state_dir (), "bonsai", "events.db", NULL);
}

/* --- the writer --- */

static ino_t
inode_of (const char *path)
{
  GStatBuf info;

  return g_stat (path, &info) == 0 ? info.st_ino : 0;
}

/* With what SQLite has beside it, lest that be taken for the next one's. */
static void
move_aside (const char *path)
{
  static const char *const suffixes[] = { "", "-wal", "-shm" };

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *from = g_strconcat (path, suffixes[i], NULL);
      g_autofree char *to = g_strconcat (path, ".damaged", suffixes[i], NULL);

      g_rename (from, to);
    }
  g_message ("The log of events %s is damaged: it is kept as %s.damaged, and another is begun", path, path);
}

static void
close_database (EventLog *log)
{
  sqlite3_close (log->database);
  log->database = NULL;
}

static bool
open_database (EventLog *log, bool *damaged, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (log->path);

  *damaged = false;
  /* Another process may have moved it aside. */
  if (log->database != NULL && inode_of (log->path) == log->inode)
    return true;
  close_database (log);
  if (g_mkdir_with_parents (folder, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't create the folder for the log of events, %s", folder);
      return false;
    }
  log->database = event_database_open (log->path, true, damaged, error);
  if (log->database == NULL)
    return false;
  g_chmod (log->path, 0600);
  log->inode = inode_of (log->path);
  return true;
}

static bool
try_to_write (EventLog *log, const Event *event, bool *damaged, GError **error)
{
  return open_database (log, damaged, error) && event_database_insert (log->database, event, damaged, error);
}

static void
write_event (gpointer data, gpointer user_data)
{
  g_autoptr (Event) event = data;
  EventLog *log = user_data;
  g_autoptr (GError) error = NULL;
  bool damaged, done = try_to_write (log, event, &damaged, &error);

  if (!done && damaged)
    {
      close_database (log);
      move_aside (log->path);
      g_clear_error (&error);
      done = try_to_write (log, event, &damaged, &error);
    }
  /* Who reads along hears of the file's change when it is there to be read: what SQLite writes is seen
   * before. */
  if (done)
    utimensat (AT_FDCWD, log->path, NULL, 0);
  else if (!log->complained)
    g_message ("%s", error->message);
  log->complained = !done;

  g_mutex_lock (&log->lock);
  if (--log->n_unwritten == 0)
    g_cond_broadcast (&log->all_written);
  g_mutex_unlock (&log->lock);
}

/* --- life --- */

EventLog *
event_log_new (const char *path)
{
  EventLog *log = g_new0 (EventLog, 1);

  log->n_refs = 1;
  log->path = path != NULL ? g_strdup (path) : event_log_path ();
  log->writer = g_thread_pool_new (write_event, log, 1, FALSE, NULL);
  g_mutex_init (&log->lock);
  g_cond_init (&log->all_written);
  return log;
}

EventLog *
event_log_ref (EventLog *log)
{
  g_atomic_int_inc (&log->n_refs);
  return log;
}

void
event_log_unref (EventLog *log)
{
  if (!g_atomic_int_dec_and_test (&log->n_refs))
    return;
  g_thread_pool_free (log->writer, FALSE, TRUE);
  close_database (log);
  g_mutex_clear (&log->lock);
  g_cond_clear (&log->all_written);
  g_free (log->path);
  g_free (log);
}

void
event_log_write_at_once (EventLog *log)
{
  log->at_once = true;
}

void
event_log_flush (EventLog *log)
{
  g_mutex_lock (&log->lock);
  while (log->n_unwritten > 0)
    g_cond_wait (&log->all_written, &log->lock);
  g_mutex_unlock (&log->lock);
}

void
event_log_add (EventLog *log, const char *machine, const char *name, const char *kind, const char *detail,
               const char *cause, const GError *error)
{
  bool cancelled = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  Event *event = g_new0 (Event, 1);

  event->time = g_get_real_time ();
  event->machine = g_strdup (machine != NULL ? machine : "");
  event->name = g_strdup (name != NULL ? name : "");
  event->kind = g_strdup (kind);
  event->result = g_strdup (error == NULL ? "done" : cancelled ? "cancelled" : "failed");
  event->detail = g_strdup (detail != NULL ? detail : "");
  event->cause = g_strdup (error != NULL ? error->message : cause != NULL ? cause : "");
  event->who = g_strdup_printf ("%s, %s", g_get_user_name (), g_get_prgname ());
  g_mutex_lock (&log->lock);
  log->n_unwritten++;
  g_mutex_unlock (&log->lock);
  g_thread_pool_push (log->writer, event, NULL);
  if (log->at_once)
    event_log_flush (log);
}

/* --- reading --- */

GPtrArray *
event_log_read (const char *path, const EventQuery *query, GError **error)
{
  GPtrArray *events;
  sqlite3 *database;
  bool damaged;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return g_ptr_array_new_with_free_func ((GDestroyNotify)event_free);
  database = event_database_open (path, false, &damaged, error);
  if (database == NULL)
    return NULL;
  events = event_database_query (database, query, error);
  sqlite3_close (database);
  return events;
}

struct EventReader {
  sqlite3 *database;
};

EventReader *
event_reader_new (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  EventReader *reader;
  sqlite3 *database;
  bool damaged;

  g_mkdir_with_parents (folder, 0700);
  database = event_database_open (path, true, &damaged, error);
  if (database == NULL)
    return NULL;
  reader = g_new (EventReader, 1);
  reader->database = database;
  return reader;
}

void
event_reader_free (EventReader *reader)
{
  sqlite3_close (reader->database);
  g_free (reader);
}

GPtrArray *
event_reader_read (EventReader *reader, const EventQuery *query, GError **error)
{
  return event_database_query (reader->database, query, error);
}
