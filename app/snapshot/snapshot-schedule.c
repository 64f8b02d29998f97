/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/snapshot/snapshot-schedule.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/snapshot/template.h"

#include <stdlib.h>

/* A machine that starts when one is overdue is left alone for so long. */
#define AFTER_START (INT64_C (10) * 60 * G_USEC_PER_SEC)

/* --- when --- */

int64_t
snapshot_schedule_next (const VmSchedule *schedule, int64_t last, int64_t since, int64_t now)
{
  int64_t every = (int64_t)schedule->every * G_USEC_PER_SEC;

  /* The clock was set back: what it said before means nothing now. */
  last = MIN (last, now);
  since = MIN (since, now);
  return MAX (last > 0 ? last + every : 0, since + MIN (every, AFTER_START));
}

int64_t
snapshot_schedule_last (const SnapshotTree *tree, int64_t now)
{
  int64_t last = 0;

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      if (node->trouble == NULL && node->scheduled && node->created <= now)
        last = MAX (last, node->created);
    }
  return last;
}

/* --- which --- */

typedef struct {
  int64_t time;
  unsigned index;
} Moment;

static int
compare_newest_first (const void *a, const void *b)
{
  int64_t x = ((const Moment *)a)->time, y = ((const Moment *)b)->time;

  return (x < y) - (x > y);
}

/* A number that times of the same hour, day, … have in common. */
static int64_t
period_of (VmKeep keep, GTimeZone *zone, const Moment *moment)
{
  int64_t seconds = moment->time / G_USEC_PER_SEC;
  g_autoptr (GDateTime) utc = g_date_time_new_from_unix_utc (seconds);
  g_autoptr (GDateTime) local = utc != NULL ? g_date_time_to_timezone (utc, zone) : NULL;

  if (keep == VM_KEEP_LAST || local == NULL)
    return moment->time;
  switch (keep)
    {
    case VM_KEEP_HOURLY:
      return seconds / 3600;
    case VM_KEEP_DAILY:
      return g_date_time_get_year (local) * 400 + g_date_time_get_day_of_year (local);
    case VM_KEEP_WEEKLY:
      return g_date_time_get_week_numbering_year (local) * 60 + g_date_time_get_week_of_year (local);
    default:
      return g_date_time_get_year (local) * 12 + g_date_time_get_month (local);
    }
}

static void
keep_some (VmKeep keep, unsigned limit, GTimeZone *zone, const Moment *moments, unsigned n, bool *stays)
{
  int64_t before = 0;
  unsigned kept = 0;

  for (unsigned i = 0; i < n && kept < limit; i++)
    {
      int64_t period = period_of (keep, zone, &moments[i]);

      if (kept > 0 && period == before && keep != VM_KEEP_LAST)
        continue;
      before = period;
      stays[moments[i].index] = true;
      kept++;
    }
}

void
snapshot_schedule_choose (const VmSchedule *schedule, GTimeZone *zone, int64_t now, const int64_t *times,
                          unsigned n, bool *stays)
{
  g_autofree Moment *moments = g_new (Moment, n);
  unsigned n_past = 0;

  for (unsigned i = 0; i < n; i++)
    {
      stays[i] = times[i] > now;
      if (!stays[i])
        moments[n_past++] = (Moment){ times[i], i };
    }
  qsort (moments, n_past, sizeof *moments, compare_newest_first);
  for (unsigned keep = 0; keep < VM_N_KEEPS; keep++)
    keep_some (keep, schedule->keep[keep], zone, moments, n_past, stays);
}

/* Whether it is the only way from what is before it to what is after it. */
static bool
is_on_a_line (const SnapshotTree *tree, const SnapshotNode *node)
{
  return node->children->len < 2 && node != tree->current;
}

GPtrArray *
snapshot_schedule_find_old (const SnapshotTree *tree, const VmSchedule *schedule, GTimeZone *zone,
                            int64_t now)
{
  g_autofree int64_t *times = g_new (int64_t, tree->nodes->len);
  g_autofree bool *stays = g_new (bool, tree->nodes->len);
  g_autofree SnapshotNode **nodes = g_new (SnapshotNode *, tree->nodes->len);
  GPtrArray *old = g_ptr_array_new ();
  unsigned n = 0;

  for (guint i = 0; i < tree->nodes->len; i++)
    {
      SnapshotNode *node = g_ptr_array_index (tree->nodes, i);

      if (node->trouble != NULL || !node->scheduled)
        continue;
      times[n] = node->created;
      nodes[n++] = node;
    }
  snapshot_schedule_choose (schedule, zone, now, times, n, stays);
  for (unsigned i = 0; i < n; i++)
    if (!stays[i] && is_on_a_line (tree, nodes[i]))
      g_ptr_array_add (old, nodes[i]);
  return old;
}

/* --- doing it --- */

bool
snapshot_schedule_thin_out (const char *bundle, const VmSchedule *schedule, bool running, unsigned *n,
                            GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (bundle, error);
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();
  g_autoptr (GPtrArray) old = NULL;
  unsigned gone = 0;

  if (tree == NULL)
    return false;
  old = snapshot_schedule_find_old (tree, schedule, zone, g_get_real_time ());
  for (guint i = 0; i < old->len; i++)
    {
      const SnapshotNode *node = g_ptr_array_index (old, i);
      g_autoptr (GError) failure = NULL;

      if (snapshot_delete (bundle, node->id, SNAPSHOT_DELETE_ONE, NULL, &failure))
        gone++;
      else if (!g_error_matches (failure, BONSAI_ERROR, BONSAI_ERROR_BUSY))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return false;
        }
    }
  if (n != NULL)
    *n = gone;
  return gone == 0 || snapshot_collect (bundle, running, NULL, error);
}

bool
snapshot_schedule_set (const char *bundle, const VmSchedule *schedule, GError **error)
{
  g_autoptr (BundleEdit) edit = bundle_edit_begin (bundle);
  g_autoptr (VmConfig) config = bundle_load (bundle, error);

  if (config == NULL || !template_check_open (config, error))
    return false;
  config->schedule = *schedule;
  return bundle_save (bundle, config, error);
}
