/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/dry-run.h"

#include <math.h>

typedef struct {
  Evaluator *evaluator;
  const PolicySize *size;
  const char *machine, *host;
  GArray *found; /* of WouldFire */
  guint step;    /* of the sample that is fed */
} DryRun;

static void
clear_would_fire (gpointer data)
{
  g_free (((WouldFire *)data)->rule);
}

static void
note (const PolicyFiring *firing, void *data)
{
  DryRun *run = data;
  WouldFire found = { NULL, firing->time, 0, run->step };

  if (!firing->back)
    {
      found.rule = g_strdup (firing->rule->name);
      g_array_append_val (run->found, found);
      return;
    }
  for (guint i = run->found->len; i-- > 0;)
    {
      WouldFire *before = &g_array_index (run->found, WouldFire, i);

      if (!g_str_equal (before->rule, firing->rule->name))
        continue;
      before->end = firing->time;
      return;
    }
}

static HistoryRow
row_at (const HistorySeries *series, guint row)
{
  HistoryRow copy = { .time = series->start + (gint64)(row + 1) * series->step };

  for (guint i = 0; i < HISTORY_N_COLUMNS; i++)
    copy.values[i] = series->average[row * HISTORY_N_COLUMNS + i];
  return copy;
}

static void
feed_series (DryRun *run, const HistorySeries *series, const HistorySeries *host)
{
  run->step = series->step;
  for (guint i = 0; i < series->n_rows; i++)
    {
      HistoryRow row = row_at (series, i), of_host;
      gint64 j = -1;
      PolicySample sample;

      if (isnan (row.values[HISTORY_CPU]))
        continue; /* it didn't run */
      if (host != NULL && host->step == series->step && series->start >= host->start)
        j = (series->start - host->start) / host->step + i;
      if (j >= 0 && j < host->n_rows)
        of_host = row_at (host, (guint)j);
      sample = policy_sample (&row, j >= 0 && j < host->n_rows ? &of_host : NULL, series->step, run->size);
      evaluator_feed (run->evaluator, &sample, note, run);
    }
}

static bool
feed_span (DryRun *run, gint64 from, gint64 to, guint step, GError **error)
{
  g_autoptr (HistorySeries) series = NULL, host = NULL;

  if (from >= to)
    return true;
  series = history_file_read (run->machine, from, to, step, error);
  if (series == NULL)
    return false;
  host = history_file_read (run->host, from, to, step, NULL);
  feed_series (run, series, host);
  return true;
}

/* The finest that each time is known by. */
GArray *
policy_dry_run (VmPolicy *policy, const char *machine, const char *host, const PolicySize *size, gint64 from,
                gint64 to, gint64 now, GError **error)
{
  static const struct {
    gint64 back;
    guint step;
  } spans[] = { { 366 * 86400, 7200 }, { 30 * 86400, 900 }, { 2 * 86400, 60 }, { 3 * 3600, HISTORY_STEP } };
  g_autoptr (Evaluator) evaluator = evaluator_new (policy);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (WouldFire));
  DryRun run = { evaluator, size, machine, host, found, 0 };

  g_array_set_clear_func (found, clear_would_fire);
  for (guint i = 0; i < G_N_ELEMENTS (spans); i++)
    {
      gint64 until = i + 1 < G_N_ELEMENTS (spans) ? now - spans[i + 1].back : to;

      if (!feed_span (&run, MAX (from, now - spans[i].back), MIN (to, until), spans[i].step, error))
        return NULL;
    }
  return g_steal_pointer (&found);
}
