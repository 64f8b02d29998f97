/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"
#include "app/session/counters.h"

G_BEGIN_DECLS

/*
 * HistoryLog: makes rows of what a machine's counters say, and writes them to its history, many at a time.
 *
 * Threading: history_log_note: one thread; history_log_write: any, also meanwhile.
 */
typedef struct HistoryLog HistoryLog;

/* Rows that wait are worth writing: a minute's. */
#define HISTORY_BATCH (60 / HISTORY_STEP)

/* What isn't counted but looked at; bytes, NaN: unknown. */
typedef struct {
  double given, used;
} HistoryMemory;

/* Nothing is opened or made. */
HistoryLog *history_log_new (const char *path);
void history_log_free (HistoryLog *log);

/* @time: seconds since 1970. The first look is what the next is compared with. Looks that aren't later than
 * the one before say nothing. Rows that can't be written stay, for an hour. */
void history_log_note (HistoryLog *log, gint64 time, const Counters *counters, const HistoryMemory *memory);

/* The row that was noted last. @row: (out). False if none says anything. The thread of history_log_note. */
bool history_log_last (const HistoryLog *log, HistoryRow *row);

/* How many rows wait. */
guint history_log_n_waiting (HistoryLog *log);

/* Writes them; blocks for about a millisecond, and for as long as the disk takes. */
bool history_log_write (HistoryLog *log, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HistoryLog, history_log_free)

G_END_DECLS
