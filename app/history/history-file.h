/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * The history of a machine, or of the host: a round-robin file (librrd) of fixed size, under 2 MiB, that
 * holds
 *
 *   3 hours   by 5 seconds
 *   2 days    by the minute       and the highest 5 seconds of each
 *   30 days   by the quarter      the same
 *   366 days  by two hours        the same
 *
 * A time at which nothing was noted is unknown: the machine did not run. Averages are of what is known.
 *
 * Threading: any thread; one writer of a file at a time.
 */
#define HISTORY_STEP 5 /* seconds */

typedef enum {
  HISTORY_CPU,          /* processors: 1 is one that is busy all the time */
  HISTORY_DEVICES,      /* the same of the thread that serves the devices; the host's: 0 */
  HISTORY_MEMORY,       /* bytes that the host has given; the host's: that are in use */
  HISTORY_MEMORY_USED,  /* bytes that the guest says it uses; unknown without a balloon's driver */
  HISTORY_DISK_READ,    /* bytes per second */
  HISTORY_DISK_WRITTEN, /* bytes per second */
  HISTORY_DISK_READS,   /* requests per second */
  HISTORY_DISK_WRITES,  /* requests per second */
  HISTORY_NET_RECEIVED, /* bytes per second */
  HISTORY_NET_SENT,     /* bytes per second */
  HISTORY_N_COLUMNS,
} HistoryColumn;

/* "cpu", "memory-used", …: as CSV and JSON have it. */
const char *history_column_name (HistoryColumn column);

/* What was the case in the seconds before @time. */
typedef struct {
  gint64 time;                      /* seconds since 1970 */
  double values[HISTORY_N_COLUMNS]; /* NaN: unknown */
} HistoryRow;

/* Adds rows, oldest first; makes the file if there is none. Those that aren't newer than what the file has
 * are left out: the host's clock was set back. A file that is damaged, or more than an hour ahead of @rows,
 * is moved aside
 * (".damaged", ".ahead") and another begun. */
bool history_file_append (const char *path, const HistoryRow *rows, guint n_rows, GError **error);

typedef struct {
  gint64 start; /* of the first interval, seconds since 1970 */
  guint step;   /* seconds */
  guint n_rows;
  double *average; /* n_rows times HISTORY_N_COLUMNS; NaN: unknown */
  double *maximum;
} HistorySeries;

/* What happened between @from and @to (seconds since 1970), in steps of @step seconds or the next longer that
 * there is; 0: the shortest that goes back that far. BONSAI_ERROR_NOT_FOUND if there is no history. (transfer
 * full) */
HistorySeries *history_file_read (const char *path, gint64 from, gint64 to, guint step, GError **error);
void history_series_free (HistorySeries *series);

/* How a column did over all rows that are known. */
typedef struct {
  guint n_known;
  double average, maximum; /* NaN if none is */
} HistorySummary;

HistorySummary history_series_sum_up (const HistorySeries *series, HistoryColumn column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HistorySeries, history_series_free)

G_END_DECLS
