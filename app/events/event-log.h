/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * EventLog: what happened to machines: when, what, to which, how it went, why, and who did it. It lies in
 * $XDG_STATE_HOME/bonsai/events.db (SQLite), written by all processes of the user at once, and kept for 400
 * days, or 100 000 events. What can't be written is lost with a message, and never holds up what it tells of;
 * a damaged file is moved aside and another begun.
 *
 * Threading: any thread.
 */
typedef struct EventLog EventLog;

typedef struct {
  gint64 id;     /* grows */
  gint64 time;   /* microseconds since 1970 */
  char *machine; /* UUID; "": no machine's */
  char *name;    /* of the machine, then */
  char *kind;    /* stable: "create", "start", "stop", "crash", "settings", "snapshot-take", … */
  char *result;  /* "done", "failed" or "cancelled" */
  char *detail;  /* what exactly, for people; or "" */
  char *cause;   /* why, for people; or "" */
  char *who;     /* user and program */
} Event;

void event_free (Event *event);

/* Opens nothing yet. @path: (nullable): NULL: the usual one. */
EventLog *event_log_new (const char *path);
EventLog *event_log_ref (EventLog *log);
/* The last one waits until all is written. */
void event_log_unref (EventLog *log);

/* For programs that end soon: event_log_add waits until the event is written. To be said before the first. */
void event_log_write_at_once (EventLog *log);
/* Waits until all that was added is written, or given up. */
void event_log_flush (EventLog *log);

/* Soon written. @machine, @name, @detail, @cause: (nullable). @error: (nullable) (transfer none): why it
 * failed, or was cancelled; then @cause isn't used. */
void event_log_add (EventLog *log, const char *machine, const char *name, const char *kind,
                    const char *detail, const char *cause, const GError *error);

/* --- reading --- */

typedef struct {
  const char *machine; /* UUID or name; NULL: all */
  gint64 since, until; /* microseconds since 1970; until 0: now */
  gint64 after;        /* an id: only newer ones */
  guint newest;        /* only so many, the newest first; 0: all */
  bool failures;       /* only what failed, or crashed */
} EventQuery;

/* The usual path. (transfer full) */
char *event_log_path (void);

/* Oldest first, unless only the newest are wanted. None if there is no log. Blocks. (transfer full): of Event; NULL with @error set. */
GPtrArray *event_log_read (const char *path, const EventQuery *query, GError **error);

/* For who reads along: nothing but others' events changes files beside @path while it is open, so that these
 * can be watched. One thread. */
typedef struct EventReader EventReader;

/* Makes the log if there is none. */
EventReader *event_reader_new (const char *path, GError **error);
void event_reader_free (EventReader *reader);
GPtrArray *event_reader_read (EventReader *reader, const EventQuery *query, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventReader, event_reader_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventLog, event_log_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Event, event_free)

G_END_DECLS
