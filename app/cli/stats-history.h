/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/cli/cli.h"

G_BEGIN_DECLS

/* The options of “bonsai stats” about what was. */
typedef struct {
  char *from, *to; /* times; NULL: not given */
  int step;        /* seconds; 0: the shortest that there is */
  gboolean host, csv;
} StatsHistory;

void stats_history_clear (StatsHistory *history);

/* Whether anything of it was given. */
bool stats_history_is_wanted (const StatsHistory *history);

/* Prints the history of the machine @key, of the host if that is NULL. Returns: an ExitStatus. */
int stats_history_print (const StatsHistory *history, const char *key, bool json);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (StatsHistory, stats_history_clear)

G_END_DECLS
