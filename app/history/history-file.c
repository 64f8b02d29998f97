/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/history-file.h"

#include "app/base/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <rrd.h>
#include <string.h>
#include <sys/stat.h>

/* A timer that is late by more makes a gap. */
#define HEARTBEAT 15
/* A file is so far ahead only if the clock was wrong when it was written. */
#define MAX_AHEAD 3600

static const char *const names[HISTORY_N_COLUMNS] = {
  [HISTORY_CPU] = "cpu",
  [HISTORY_DEVICES] = "devices",
  [HISTORY_MEMORY] = "memory",
  [HISTORY_MEMORY_USED] = "memory-used",
  [HISTORY_DISK_READ] = "disk-read",
  [HISTORY_DISK_WRITTEN] = "disk-written",
  [HISTORY_DISK_READS] = "disk-reads",
  [HISTORY_DISK_WRITES] = "disk-writes",
  [HISTORY_NET_RECEIVED] = "net-received",
  [HISTORY_NET_SENT] = "net-sent",
};

/* Steps of HISTORY_STEP in a row, rows. */
static const struct {
  guint steps, rows;
} archives[] = {
  { 1, 3 * 720 },
  { 12, 2 * 1440 },
  { 180, 30 * 96 },
  { 1440, 366 * 12 },
};

const char *
history_column_name (HistoryColumn column)
{
  return names[column];
}

/* --- making --- */

static void
set_rrd_error (GError **error, const char *what, const char *path)
{
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "%s %s: %s", what, path, rrd_get_error ());
}

/* Any known step makes a row known: a machine may run for minutes only. */
static GPtrArray *
layout (void)
{
  GPtrArray *words = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    g_ptr_array_add (words, g_strdup_printf ("DS:%s:GAUGE:%d:0:U", names[i], HEARTBEAT));
  for (guint i = 0; i < G_N_ELEMENTS (archives); i++)
    {
      g_ptr_array_add (words,
                       g_strdup_printf ("RRA:AVERAGE:0.999:%u:%u", archives[i].steps, archives[i].rows));
      if (archives[i].steps > 1)
        g_ptr_array_add (words, g_strdup_printf ("RRA:MAX:0.999:%u:%u", archives[i].steps, archives[i].rows));
    }
  return words;
}

static bool
create (const char *path, gint64 start, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *fresh = g_strdup_printf ("%s.new", path);
  g_autoptr (GPtrArray) words = layout ();

  if (g_mkdir_with_parents (folder, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't create the folder for machines' history, %s", folder);
      return false;
    }
  rrd_clear_error ();
  g_unlink (fresh);
  if (rrd_create_r (fresh, HISTORY_STEP, start, (int)words->len, (const char **)words->pdata) < 0)
    {
      set_rrd_error (error, "Can't begin the history", path);
      return false;
    }
  if (g_chmod (fresh, 0600) == 0 && g_rename (fresh, path) == 0)
    return true;
  bonsai_set_errno_error (error, errno, "Can't begin the history %s", path);
  g_unlink (fresh);
  return false;
}

static void
move_aside (const char *path, const char *why)
{
  g_autofree char *aside = g_strdup_printf ("%s.%s", path, why);

  if (g_rename (path, aside) == 0)
    g_message ("The history %s is %s: it is kept as %s, and another is begun", path, why, aside);
}

/* -1: there is none; moves it aside if it can't be gone on with. */
static gint64
find_last (const char *path, gint64 now)
{
  time_t last;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return -1;
  rrd_clear_error ();
  last = rrd_last_r (path);
  if (last != (time_t)-1 && last <= now + MAX_AHEAD)
    return last;
  move_aside (path, last == (time_t)-1 ? "damaged" : "ahead");
  return -1;
}

/* --- writing --- */

static char *
format_row (const HistoryRow *row)
{
  GString *text = g_string_new (NULL);
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_printf (text, "%" G_GINT64_FORMAT, row->time);
  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    if (isfinite (row->values[i]))
      g_string_append_printf (text, ":%s", g_ascii_formatd (number, sizeof number, "%.6f", row->values[i]));
    else
      g_string_append (text, ":U");
  return g_string_free (text, FALSE);
}

static int
update (const char *path, GPtrArray *words)
{
  rrd_clear_error ();
  return rrd_update_r (path, NULL, (int)words->len, (const char **)words->pdata);
}

bool
history_file_append (const char *path, const HistoryRow *rows, guint n_rows, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);
  gint64 last, first;

  if (n_rows == 0)
    return true;
  last = find_last (path, rows[n_rows - 1].time);
  first = rows[0].time;
  if (last < 0 && !create (path, first - 1, error))
    return false;
  for (guint i = 0; i < n_rows; i++)
    if (rows[i].time > last)
      {
        last = rows[i].time;
        g_ptr_array_add (words, format_row (&rows[i]));
      }
  if (words->len == 0 || update (path, words) == 0)
    return true;
  /* Its head could be read, the rest not. */
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      move_aside (path, "damaged");
      if (create (path, first - 1, error) && update (path, words) == 0)
        return true;
    }
  if (error == NULL || *error == NULL)
    set_rrd_error (error, "Can't write the history", path);
  return false;
}

/* --- reading --- */

typedef struct {
  time_t start, end;
  unsigned long step, n_columns;
  rrd_value_t *data;
} Fetched;

static void
free_names (char **list, unsigned long n)
{
  for (unsigned long i = 0; i < n; i++)
    rrd_freemem (list[i]);
  rrd_freemem (list);
}

/* From @from until before @to: multiples of @step. */
static bool
fetch (const char *path, const char *function, gint64 from, gint64 to, guint step, Fetched *fetched,
       GError **error)
{
  char **columns;

  /* It goes on to the end of the step that has the last second. */
  *fetched = (Fetched){ .start = (time_t)from, .end = (time_t)to - 1, .step = step };
  rrd_clear_error ();
  if (rrd_fetch_r (path, function, &fetched->start, &fetched->end, &fetched->step, &fetched->n_columns,
                   &columns, &fetched->data)
      < 0)
    {
      set_rrd_error (error, "Can't read the history", path);
      return false;
    }
  free_names (columns, fetched->n_columns);
  if (fetched->n_columns == HISTORY_N_COLUMNS && fetched->step > 0 && fetched->end >= fetched->start)
    return true;
  rrd_freemem (fetched->data);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The history %s is another program's", path);
  return false;
}

static double *
keep_values (const Fetched *fetched, guint n_rows)
{
  gsize n = (gsize)n_rows * HISTORY_N_COLUMNS;
  double *values = g_new (double, n + 1);

  memcpy (values, fetched->data, n * sizeof *values);
  return values;
}

/* The shortest step of at least @step whose rows go back to @from. */
static guint
choose_step (gint64 from, gint64 now, guint step)
{
  guint chosen = 0;

  for (guint i = 0; i < G_N_ELEMENTS (archives); i++)
    {
      chosen = archives[i].steps * HISTORY_STEP;
      if (chosen >= step && from >= now - (gint64)chosen * archives[i].rows)
        break;
    }
  return chosen;
}

/* The highest of 5 seconds is their average. */
static bool
fetch_maximum (const char *path, HistorySeries *series, gint64 to, GError **error)
{
  Fetched fetched;

  if (series->step == HISTORY_STEP)
    {
      series->maximum =
        g_memdup2 (series->average, ((gsize)series->n_rows * HISTORY_N_COLUMNS + 1) * sizeof (double));
      return true;
    }
  if (!fetch (path, "MAX", series->start, to, series->step, &fetched, error))
    return false;
  if (fetched.start == series->start && fetched.step == series->step
      && (guint)((fetched.end - fetched.start) / (time_t)fetched.step) == series->n_rows)
    series->maximum = keep_values (&fetched, series->n_rows);
  else
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The history %s is another program's", path);
  rrd_freemem (fetched.data);
  return series->maximum != NULL;
}

/* The row of [start, start + step) in the making, from 5 seconds each. */
static void
fold (HistorySeries *series, guint row, const Fetched *fine)
{
  double *average = &series->average[row * HISTORY_N_COLUMNS];
  double *maximum = &series->maximum[row * HISTORY_N_COLUMNS];
  guint n_fine = (guint)((fine->end - fine->start) / (time_t)fine->step);

  for (guint column = 0; column < HISTORY_N_COLUMNS; column++)
    {
      double sum = 0, highest = NAN;
      guint n = 0;

      for (guint i = 0; i < n_fine; i++)
        {
          double value = fine->data[i * HISTORY_N_COLUMNS + column];

          if (isnan (value))
            continue;
          highest = n++ == 0 ? value : fmax (highest, value);
          sum += value;
        }
      average[column] = n > 0 ? sum / n : NAN;
      maximum[column] = highest;
    }
}

/* librrd shows a long step only once it is over, which it may not be for as long as the machine is off. The
 * archive of 5 seconds is longer than any step. */
static bool
complete (const char *path, HistorySeries *series, gint64 last, GError **error)
{
  gint64 start = last - last % series->step;
  gint64 row = (start - series->start) / series->step;
  Fetched fine;

  if (series->step == HISTORY_STEP || start < series->start || row >= series->n_rows || start == last)
    return true;
  if (!fetch (path, "AVERAGE", start, last - last % HISTORY_STEP, HISTORY_STEP, &fine, error))
    return false;
  if (fine.step == HISTORY_STEP)
    fold (series, (guint)row, &fine);
  rrd_freemem (fine.data);
  return true;
}

static HistorySeries *
read_series (const char *path, gint64 from, gint64 to, guint step, GError **error)
{
  g_autoptr (HistorySeries) series = NULL;
  Fetched fetched;

  if (!fetch (path, "AVERAGE", from, to, step, &fetched, error))
    return NULL;
  series = g_new0 (HistorySeries, 1);
  series->start = fetched.start;
  series->step = (guint)fetched.step;
  series->n_rows = (guint)((fetched.end - fetched.start) / (time_t)fetched.step);
  series->average = keep_values (&fetched, series->n_rows);
  rrd_freemem (fetched.data);
  return fetch_maximum (path, series, to, error) ? g_steal_pointer (&series) : NULL;
}

HistorySeries *
history_file_read (const char *path, gint64 from, gint64 to, guint step, GError **error)
{
  g_autoptr (HistorySeries) series = NULL;
  time_t last;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                   "There is no history yet: it is written once a minute while the machine runs");
      return NULL;
    }
  rrd_clear_error ();
  last = rrd_last_r (path);
  if (last == (time_t)-1)
    {
      set_rrd_error (error, "Can't read the history", path);
      return NULL;
    }
  step = choose_step (from, MAX ((gint64)last, from), step);
  from -= from % step;
  to = MAX (to + step - 1, from + step);
  to -= to % step;
  series = read_series (path, from, to, step, error);
  if (series == NULL || !complete (path, series, last, error))
    return NULL;
  return g_steal_pointer (&series);
}

void
history_series_free (HistorySeries *series)
{
  g_free (series->average);
  g_free (series->maximum);
  g_free (series);
}

HistorySummary
history_series_sum_up (const HistorySeries *series, HistoryColumn column)
{
  HistorySummary summary = { .average = NAN, .maximum = NAN };
  double sum = 0;

  for (guint i = 0; i < series->n_rows; i++)
    {
      double average = series->average[i * HISTORY_N_COLUMNS + column];
      double maximum = series->maximum[i * HISTORY_N_COLUMNS + column];

      if (isnan (average))
        continue;
      sum += average;
      summary.maximum = summary.n_known++ == 0 ? maximum : fmax (summary.maximum, maximum);
    }
  if (summary.n_known > 0)
    summary.average = sum / summary.n_known;
  return summary;
}
