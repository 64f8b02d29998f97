/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/advice.h"

#include <math.h>

static const ReportColumn columns[] = {
  { "name", "Machine", REPORT_TEXT },
  { "hours", "Known", REPORT_HOURS },
  { "cpu-average", "CPU", REPORT_PERCENT },
  { "cpu-maximum", "highest", REPORT_PERCENT },
  { "memory", "Memory", REPORT_BYTES },
  { "memory-average", "used", REPORT_BYTES },
  { "memory-maximum", "highest", REPORT_BYTES },
  { "disk-read", "Read/s", REPORT_BYTES },
  { "disk-written", "Written/s", REPORT_BYTES },
  { "net-received", "Received/s", REPORT_BYTES },
  { "net-sent", "Sent/s", REPORT_BYTES },
  { "advice", "Advice", REPORT_TEXT },
};

double
report_known_hours (const HistorySeries *series)
{
  return history_series_sum_up (series, HISTORY_CPU).n_known * (double)series->step / 3600;
}

HistorySummary
report_sum_up_memory (const HistorySeries *series)
{
  HistorySummary used = history_series_sum_up (series, HISTORY_MEMORY_USED);

  return used.n_known > 0 ? used : history_series_sum_up (series, HISTORY_MEMORY);
}

static void
add_machine (ReportTable *table, const ReportMachine *machine)
{
  static const HistoryColumn flows[] = { HISTORY_DISK_READ, HISTORY_DISK_WRITTEN, HISTORY_NET_RECEIVED,
                                         HISTORY_NET_SENT };
  const HistorySeries *history = machine->history;
  const HistorySummary unknown = { 0, NAN, NAN };
  HistorySummary cpu = history != NULL ? history_series_sum_up (history, HISTORY_CPU) : unknown;
  HistorySummary memory = history != NULL ? report_sum_up_memory (history) : unknown;
  g_autoptr (Advice) advice = advice_find (machine);

  report_table_add_text (table, machine->name);
  report_table_add_number (table, history != NULL ? report_known_hours (history) : 0);
  report_table_add_number (table, cpu.average);
  report_table_add_number (table, cpu.maximum);
  report_table_add_number (table, machine->memory > 0 ? machine->memory : NAN);
  report_table_add_number (table, memory.average);
  report_table_add_number (table, memory.maximum);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    report_table_add_number (table,
                             history != NULL ? history_series_sum_up (history, flows[i]).average : NAN);
  report_table_add_text (table, advice != NULL ? advice->text : "");
}

ReportTable *
report_utilisation (const ReportMachine *machines, guint n_machines)
{
  ReportTable *table = report_table_new ("Utilisation", columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < n_machines; i++)
    add_machine (table, &machines[i]);
  return table;
}
