/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log of events: several write at once, and damage stops nobody. */
#include "app/events/event-log.h"
#include "tests/app/scratch.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_WRITERS 4
#define N_EVENTS  50

typedef struct {
  char *scratch, *path;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->scratch = scratch_new ();
  f->path = g_build_filename (f->scratch, "state", "events.db", NULL);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_free (f->path);
  scratch_free (f->scratch);
}

static GPtrArray *
read_all (Fixture *f, EventQuery query)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *events = event_log_read (f->path, &query, &error);

  g_assert_no_error (error);
  return events;
}

static void
add (Fixture *f, const char *kind)
{
  g_autoptr (EventLog) log = event_log_new (f->path);

  event_log_add (log, "uuid", "Web", kind, NULL, NULL, NULL);
}

static void
test_fields (Fixture *f, gconstpointer data)
{
  g_autoptr (EventLog) log = event_log_new (f->path);
  g_autoptr (GError) failure =
    g_error_new (G_IO_ERROR, G_IO_ERROR_NO_SPACE, "The disk is “full”; 'make' room");
  g_autoptr (GError) wish = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Cancelled");
  g_autoptr (GPtrArray) events = NULL, none = read_all (f, (EventQuery){ 0 });
  const Event *event;
  GStatBuf info;

  g_assert_cmpuint (none->len, ==, 0);
  event_log_add (log, "uuid-1", "Web", "start", "headless", "asked", NULL);
  event_log_add (log, "uuid-1", "Web", "snapshot-take", NULL, "unused", failure);
  event_log_add (log, "uuid-2", "Mail", "clone", NULL, NULL, wish);
  event_log_add (log, NULL, NULL, "sweep", NULL, NULL, NULL);
  g_clear_pointer (&log, event_log_unref);
  events = read_all (f, (EventQuery){ 0 });
  g_assert_cmpuint (events->len, ==, 4);
  event = g_ptr_array_index (events, 0);
  g_assert_cmpstr (event->machine, ==, "uuid-1");
  g_assert_cmpstr (event->name, ==, "Web");
  g_assert_cmpstr (event->kind, ==, "start");
  g_assert_cmpstr (event->result, ==, "done");
  g_assert_cmpstr (event->detail, ==, "headless");
  g_assert_cmpstr (event->cause, ==, "asked");
  g_assert_true (g_str_has_prefix (event->who, g_get_user_name ()));
  g_assert_cmpint (ABS (event->time - g_get_real_time ()), <, 60 * G_USEC_PER_SEC);
  event = g_ptr_array_index (events, 1);
  g_assert_cmpstr (event->result, ==, "failed");
  g_assert_cmpstr (event->cause, ==, failure->message);
  g_assert_cmpstr (((Event *)g_ptr_array_index (events, 2))->result, ==, "cancelled");
  g_assert_cmpstr (((Event *)g_ptr_array_index (events, 3))->machine, ==, "");
  g_assert_cmpint (g_stat (f->path, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
}

static guint
count (Fixture *f, EventQuery query)
{
  g_autoptr (GPtrArray) events = read_all (f, query);

  return events->len;
}

static void
test_queries (Fixture *f, gconstpointer data)
{
  g_autoptr (EventLog) log = event_log_new (f->path);
  gint64 now = g_get_real_time ();

  event_log_add (log, "uuid-1", "Web", "start", NULL, NULL, NULL);
  event_log_add (log, "uuid-2", "Mail", "start", NULL, NULL, NULL);
  event_log_add (log, "uuid-1", "Web", "stop", NULL, NULL, NULL);
  g_clear_pointer (&log, event_log_unref);
  g_assert_cmpuint (count (f, (EventQuery){ .machine = "uuid-1" }), ==, 2);
  g_assert_cmpuint (count (f, (EventQuery){ .machine = "Mail" }), ==, 1);
  g_assert_cmpuint (count (f, (EventQuery){ .machine = "%" }), ==, 0);
  g_assert_cmpuint (count (f, (EventQuery){ .after = 2 }), ==, 1);
  g_assert_cmpuint (count (f, (EventQuery){ .since = now - G_USEC_PER_SEC }), ==, 3);
  g_assert_cmpuint (count (f, (EventQuery){ .since = now + 3600 * (gint64)G_USEC_PER_SEC }), ==, 0);
  g_assert_cmpuint (count (f, (EventQuery){ .until = now - 3600 * (gint64)G_USEC_PER_SEC }), ==, 0);
}

static void
test_newest (Fixture *f, gconstpointer data)
{
  g_autoptr (EventLog) log = event_log_new (f->path);
  g_autoptr (GError) failure = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "No room");
  g_autoptr (GPtrArray) last = NULL, failures = NULL;

  event_log_add (log, "uuid-1", "Web", "start", NULL, NULL, failure);
  event_log_add (log, "uuid-1", "Web", "start", NULL, NULL, NULL);
  event_log_add (log, "uuid-1", "Web", "crash", NULL, NULL, NULL);
  event_log_add (log, "uuid-1", "Web", "restart", NULL, NULL, NULL);
  g_clear_pointer (&log, event_log_unref);
  last = read_all (f, (EventQuery){ .newest = 2 });
  g_assert_cmpuint (last->len, ==, 2);
  g_assert_cmpstr (((Event *)g_ptr_array_index (last, 0))->kind, ==, "restart");
  g_assert_cmpstr (((Event *)g_ptr_array_index (last, 1))->kind, ==, "crash");
  failures = read_all (f, (EventQuery){ .newest = 9, .failures = true });
  g_assert_cmpuint (failures->len, ==, 2);
  g_assert_cmpstr (((Event *)g_ptr_array_index (failures, 1))->cause, ==, "No room");
  g_assert_cmpuint (count (f, (EventQuery){ .failures = true }), ==, 2);
}

/* What a child does: it has no threads of its parent's. */
static void
write_many (const char *path)
{
  EventLog *log = event_log_new (path);

  for (guint i = 0; i < N_EVENTS; i++)
    event_log_add (log, "uuid", "Web", "start", NULL, NULL, NULL);
  event_log_unref (log);
}

static void
test_several_processes (Fixture *f, gconstpointer data)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  GPid children[N_WRITERS];

  for (guint i = 0; i < N_WRITERS; i++)
    {
      char *argv[] = { self, (char *)"--write", f->path, NULL };

      g_assert_true (
        g_spawn_async (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &children[i], NULL));
    }
  for (guint i = 0; i < N_WRITERS; i++)
    {
      int status;

      g_assert_cmpint (waitpid (children[i], &status, 0), ==, children[i]);
      g_assert_cmpint (status, ==, 0);
    }
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, N_WRITERS * N_EVENTS);
}

static void
test_damaged (Fixture *f, gconstpointer data)
{
  g_autofree char *aside = g_strconcat (f->path, ".damaged", NULL);
  g_autofree char *content = NULL;
  gsize length;

  add (f, "start");
  g_assert_true (g_file_get_contents (f->path, &content, &length, NULL));
  memset (content, 0x5a, length / 2);
  g_assert_true (g_file_set_contents (f->path, content, (gssize)length, NULL));
  add (f, "stop");
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 1);
  g_assert_true (g_file_test (aside, G_FILE_TEST_EXISTS));
}

/* It can't be written: nothing but a message. */
static void
test_no_room (Fixture *f, gconstpointer data)
{
  g_autofree char *folder = g_path_get_dirname (f->path);

  g_assert_true (g_file_set_contents (folder, "", 0, NULL));
  add (f, "start");
  g_assert_cmpint (g_unlink (folder), ==, 0);
  add (f, "stop");
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 1);
}

/* Another process has moved the file aside meanwhile. */
static void
test_moved_aside (Fixture *f, gconstpointer data)
{
  g_autoptr (EventLog) log = event_log_new (f->path);
  g_autofree char *other = g_strconcat (f->path, ".other", NULL);

  event_log_add (log, "uuid", "Web", "start", NULL, NULL, NULL);
  for (guint tries = 0; count (f, (EventQuery){ 0 }) == 0; tries++)
    {
      g_assert_cmpuint (tries, <, 1000);
      g_usleep (10000);
    }
  g_assert_cmpint (g_rename (f->path, other), ==, 0);
  event_log_add (log, "uuid", "Web", "stop", NULL, NULL, NULL);
  g_clear_pointer (&log, event_log_unref);
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 1);
}

static void
execute (const char *path, const char *sql)
{
  sqlite3 *database;

  g_assert_cmpint (sqlite3_open (path, &database), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (database, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (database);
}

static void
test_retention (Fixture *f, gconstpointer data)
{
  g_autofree char *age =
    g_strdup_printf ("UPDATE events SET time = time - %" G_GINT64_FORMAT, 401 * G_TIME_SPAN_DAY);

  add (f, "start");
  execute (f->path, age);
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 1);
  add (f, "stop");
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 1);
  execute (f->path, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100010)"
                    " INSERT INTO events (time, machine, name, kind, result, detail, cause, who)"
                    " SELECT 9e15, '', '', '', '', '', '', '' FROM n");
  add (f, "stop");
  g_assert_cmpuint (count (f, (EventQuery){ .until = G_MAXINT64 }), ==, 100001);
}

/* Somebody still holds the log, as work in the background does when a command ends. */
static void
test_held (Fixture *f, gconstpointer data)
{
  g_autoptr (EventLog) log = event_log_new (f->path), holder = event_log_ref (log);

  for (guint i = 0; i < 20; i++)
    event_log_add (log, "uuid", "Web", "start", NULL, NULL, NULL);
  event_log_flush (log);
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 20);
  event_log_write_at_once (log);
  event_log_add (log, "uuid", "Web", "stop", NULL, NULL, NULL);
  g_assert_cmpuint (count (f, (EventQuery){ 0 }), ==, 21);
}

int
main (int argc, char **argv)
{
  const struct {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/events/fields", test_fields },
    { "/events/queries", test_queries },
    { "/events/newest", test_newest },
    { "/events/several-processes", test_several_processes },
    { "/events/damaged", test_damaged },
    { "/events/no-room", test_no_room },
    { "/events/moved-aside", test_moved_aside },
    { "/events/retention", test_retention },
    { "/events/held", test_held },
  };

  if (argc == 3 && g_str_equal (argv[1], "--write"))
    {
      write_many (argv[2]);
      return 0;
    }
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  return g_test_run ();
}
