/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/reports.h"

#include "app/workspace/workspace.h"

#include <math.h>

static const ReportColumn columns[] = {
  { "name", "Machine", REPORT_TEXT },
  { "state", "State", REPORT_TEXT },
  { "remaining-hours", "Remaining", REPORT_HOURS },
  { "when", "Until", REPORT_TEXT },
  { "for", "For", REPORT_TEXT },
  { "then", "Then", REPORT_TEXT },
};

static bool
is_locked (const Workspace *workspace)
{
  return workspace->damage != NULL || workspace->step.verdict == LEASE_CLOCK;
}

static ReportExpiry *
describe (const Workspace *workspace, const char *uuid, const char *name)
{
  ReportExpiry *expiry = g_new0 (ReportExpiry, 1);

  expiry->name = g_strdup (name);
  expiry->uuid = g_strdup (uuid);
  expiry->subject = g_strdup (workspace->terms->subject);
  expiry->then = afterwards_names[workspace->terms->afterwards];
  expiry->state = is_locked (workspace) ? "locked" : lease_stage_names[workspace->step.record.stage];
  expiry->remaining = is_locked (workspace) ? G_MAXINT64 : MAX (workspace->step.remaining, 0);
  return expiry;
}

ReportExpiry *
report_expiry_read (const char *bundle, const char *uuid, const char *name, bool running)
{
  const LeasePlace place = workspace_place (bundle, uuid);
  g_autoptr (Workspace) workspace = workspace_read (&place, running, NULL);

  if (workspace == NULL || (!is_locked (workspace) && workspace->step.remaining == G_MAXINT64))
    return NULL;
  return describe (workspace, uuid, name);
}

void
report_expiry_free (ReportExpiry *expiry)
{
  g_free (expiry->name);
  g_free (expiry->uuid);
  g_free (expiry->subject);
  g_free (expiry);
}

int
report_expiry_compare (gconstpointer a, gconstpointer b)
{
  const ReportExpiry *left = *(const ReportExpiry *const *)a, *right = *(const ReportExpiry *const *)b;

  if (left->remaining != right->remaining)
    return left->remaining < right->remaining ? -1 : 1;
  return g_utf8_collate (left->name, right->name);
}

static void
add_row (ReportTable *table, const ReportExpiry *expiry, gint64 now)
{
  bool known = expiry->remaining > 0 && expiry->remaining < G_MAXINT64;
  g_autoptr (GDateTime) end = known ? g_date_time_new_from_unix_local (now + expiry->remaining) : NULL;
  g_autofree char *when = end != NULL ? g_date_time_format (end, "%F %H:%M") : NULL;

  report_table_add_text (table, expiry->name);
  report_table_add_text (table, expiry->state);
  report_table_add_number (table, expiry->remaining == G_MAXINT64 ? NAN : (double)expiry->remaining / 3600);
  report_table_add_text (table, when);
  report_table_add_text (table, expiry->subject);
  report_table_add_text (table, expiry->then);
}

ReportTable *
report_expiries (const GPtrArray *expiries, gint64 now)
{
  ReportTable *table = report_table_new ("Expiries", columns, G_N_ELEMENTS (columns));
  g_autoptr (GPtrArray) sorted = g_ptr_array_copy ((GPtrArray *)expiries, NULL, NULL);

  g_ptr_array_set_free_func (sorted, NULL);
  g_ptr_array_sort (sorted, report_expiry_compare);
  for (guint i = 0; i < sorted->len; i++)
    add_row (table, g_ptr_array_index (sorted, i), now);
  return table;
}
