/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/history-log.h"

#include <math.h>

#define MAX_WAITING (3600 / HISTORY_STEP)

struct HistoryLog {
  char *path;
  bool begun; /* there is a look to compare with */
  gint64 last_time;
  Counters last;
  HistoryRow last_row;

  GMutex writing; /* taken before @lock */
  GMutex lock;
  GArray *rows; /* of HistoryRow; lock */
};

HistoryLog *
history_log_new (const char *path)
{
  HistoryLog *log = g_new0 (HistoryLog, 1);

  log->path = g_strdup (path);
  log->rows = g_array_new (FALSE, FALSE, sizeof (HistoryRow));
  g_mutex_init (&log->writing);
  g_mutex_init (&log->lock);
  return log;
}

void
history_log_free (HistoryLog *log)
{
  g_mutex_clear (&log->writing);
  g_mutex_clear (&log->lock);
  g_array_unref (log->rows);
  g_free (log->path);
  g_free (log);
}

static void
add_rows (HistoryLog *log, guint position, const HistoryRow *rows, guint n)
{
  g_mutex_lock (&log->lock);
  g_array_insert_vals (log->rows, position, rows, n);
  if (log->rows->len > MAX_WAITING)
    g_array_remove_range (log->rows, 0, log->rows->len - MAX_WAITING);
  g_mutex_unlock (&log->lock);
}

static HistoryRow
make_row (const HistoryLog *log, gint64 time, const Counters *now, const HistoryMemory *memory)
{
  static const Counter sources[HISTORY_N_COLUMNS] = {
    [HISTORY_CPU] = COUNTER_CPU_TIME,
    [HISTORY_DEVICES] = COUNTER_LOOP_TIME,
    [HISTORY_DISK_READ] = COUNTER_DISK_READ_BYTES,
    [HISTORY_DISK_WRITTEN] = COUNTER_DISK_WRITTEN_BYTES,
    [HISTORY_DISK_READS] = COUNTER_DISK_READS,
    [HISTORY_DISK_WRITES] = COUNTER_DISK_WRITES,
    [HISTORY_NET_RECEIVED] = COUNTER_NET_RECEIVED_BYTES,
    [HISTORY_NET_SENT] = COUNTER_NET_SENT_BYTES,
  };
  HistoryRow row = { .time = time };

  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    row.values[i] = counters_rate (&log->last, now, sources[i]);
  row.values[HISTORY_MEMORY] = memory->given;
  row.values[HISTORY_MEMORY_USED] = memory->used;
  return row;
}

/* What came before it is unknown, but not what comes within moments. */
static HistoryRow
make_beginning (gint64 time)
{
  HistoryRow row = { .time = time };

  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    row.values[i] = NAN;
  return row;
}

void
history_log_note (HistoryLog *log, gint64 time, const Counters *counters, const HistoryMemory *memory)
{
  HistoryRow row;

  if (log->begun && time == log->last_time)
    return;
  row = log->begun && time > log->last_time ? make_row (log, time, counters, memory) : make_beginning (time);
  log->begun = true;
  log->last_time = time;
  log->last = *counters;
  log->last_row = row;
  add_rows (log, log->rows->len, &row, 1);
}

bool
history_log_last (const HistoryLog *log, HistoryRow *row)
{
  *row = log->last_row;
  return log->begun && !isnan (row->values[HISTORY_CPU]);
}

guint
history_log_n_waiting (HistoryLog *log)
{
  guint n;

  g_mutex_lock (&log->lock);
  n = log->rows->len;
  g_mutex_unlock (&log->lock);
  return n;
}

/* What ended within moments has no history. */
static bool
knows_anything (const HistoryRow *rows, gsize n)
{
  for (gsize i = 0; i < n; i++)
    if (!isnan (rows[i].values[HISTORY_CPU]))
      return true;
  return false;
}

bool
history_log_write (HistoryLog *log, GError **error)
{
  g_autofree HistoryRow *rows = NULL;
  gsize n = 0;
  bool done;

  g_mutex_lock (&log->writing);
  g_mutex_lock (&log->lock);
  rows = g_array_steal (log->rows, &n);
  g_mutex_unlock (&log->lock);
  done = !knows_anything (rows, n) || history_file_append (log->path, rows, (guint)n, error);
  if (!done)
    add_rows (log, 0, rows, (guint)n);
  g_mutex_unlock (&log->writing);
  return done;
}
