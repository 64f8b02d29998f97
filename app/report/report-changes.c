/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/reports.h"

static const ReportColumn columns[] = {
  { "time", "Time", REPORT_TEXT },     { "machine", "Machine", REPORT_TEXT },
  { "change", "Change", REPORT_TEXT }, { "result", "Result", REPORT_TEXT },
  { "detail", "What", REPORT_TEXT },   { "cause", "Why not", REPORT_TEXT },
  { "who", "Who", REPORT_TEXT },
};

/* A run changes nothing of what a machine is. */
static bool
is_change (const Event *event)
{
  static const char *const runs[] = { "start", "stop", "crash", NULL };

  return !g_strv_contains (runs, event->kind);
}

ReportTable *
report_changes (const GPtrArray *events)
{
  ReportTable *table = report_table_new ("Changes", columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < events->len; i++)
    {
      const Event *event = g_ptr_array_index (events, i);
      g_autoptr (GDateTime) time = g_date_time_new_from_unix_local (event->time / G_USEC_PER_SEC);
      g_autofree char *stamp = g_date_time_format (time, "%F %T");

      if (!is_change (event))
        continue;
      report_table_add_text (table, stamp);
      report_table_add_text (table, event->name);
      report_table_add_text (table, event->kind);
      report_table_add_text (table, event->result);
      report_table_add_text (table, event->detail);
      report_table_add_text (table, event->cause);
      report_table_add_text (table, event->who);
    }
  return table;
}
