/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/reports.h"

#include <math.h>

#define MIN_HOURS    24.0 /* of history, before anything is advised */
#define ROOMY        0.6  /* of what it has: less is too little to have that much */
#define TIGHT        0.95
#define SMALL_MEMORY (512.0 * (1 << 20)) /* not worth a word */

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

static double
hours_of (const HistorySeries *series)
{
  return history_series_sum_up (series, HISTORY_CPU).n_known * (double)series->step / 3600;
}

/* What the guest says, else what the host gave. */
static HistorySummary
sum_up_memory (const HistorySeries *series)
{
  HistorySummary used = history_series_sum_up (series, HISTORY_MEMORY_USED);

  return used.n_known > 0 ? used : history_series_sum_up (series, HISTORY_MEMORY);
}

static void
add_sentence (GString *text, const char *sentence)
{
  if (text->len > 0)
    g_string_append (text, "; ");
  g_string_append (text, sentence);
}

static void
advise_on_memory (GString *text, const ReportMachine *machine)
{
  HistorySummary used = sum_up_memory (machine->history);
  g_autofree char *sentence = NULL;

  if (machine->memory <= 0 || isnan (used.maximum))
    return;
  if (machine->memory > SMALL_MEMORY && used.maximum < ROOMY * machine->memory)
    sentence = g_strdup_printf ("Has never used more than %.1f GiB of %.1f GiB of memory",
                                used.maximum / (1 << 30), machine->memory / (1 << 30));
  else if (used.average > TIGHT * machine->memory)
    sentence =
      g_strdup_printf ("Uses all of its %.1f GiB of memory, most of the time", machine->memory / (1 << 30));
  if (sentence != NULL)
    add_sentence (text, sentence);
}

static void
advise_on_processors (GString *text, const ReportMachine *machine)
{
  HistorySummary cpu = history_series_sum_up (machine->history, HISTORY_CPU);
  g_autofree char *sentence = NULL;

  if (machine->cpus > 1 && cpu.maximum < ROOMY * (machine->cpus - 1))
    sentence =
      g_strdup_printf ("Has never kept more than %.1f of %u processors busy", cpu.maximum, machine->cpus);
  else if (machine->cpus > 0 && cpu.average > 0.8 * machine->cpus)
    sentence = g_strdup_printf ("Keeps its %u %s busy, most of the time", machine->cpus,
                                machine->cpus == 1 ? "processor" : "processors");
  if (sentence != NULL)
    add_sentence (text, sentence);
}

char *
report_advise (const ReportMachine *machine)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (machine->history == NULL || hours_of (machine->history) < MIN_HOURS)
    return NULL;
  advise_on_memory (text, machine);
  advise_on_processors (text, machine);
  return text->len > 0 ? g_strdup (text->str) : NULL;
}

static void
add_machine (ReportTable *table, const ReportMachine *machine)
{
  static const HistoryColumn flows[] = { HISTORY_DISK_READ, HISTORY_DISK_WRITTEN, HISTORY_NET_RECEIVED,
                                         HISTORY_NET_SENT };
  const HistorySeries *history = machine->history;
  const HistorySummary unknown = { 0, NAN, NAN };
  HistorySummary cpu = history != NULL ? history_series_sum_up (history, HISTORY_CPU) : unknown;
  HistorySummary memory = history != NULL ? sum_up_memory (history) : unknown;
  g_autofree char *advice = report_advise (machine);

  report_table_add_text (table, machine->name);
  report_table_add_number (table, history != NULL ? hours_of (history) : 0);
  report_table_add_number (table, cpu.average);
  report_table_add_number (table, cpu.maximum);
  report_table_add_number (table, machine->memory > 0 ? machine->memory : NAN);
  report_table_add_number (table, memory.average);
  report_table_add_number (table, memory.maximum);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    report_table_add_number (table,
                             history != NULL ? history_series_sum_up (history, flows[i]).average : NAN);
  report_table_add_text (table, advice != NULL ? advice : "");
}

ReportTable *
report_utilisation (const ReportMachine *machines, guint n_machines)
{
  ReportTable *table = report_table_new ("Utilisation", columns, G_N_ELEMENTS (columns));

  for (guint i = 0; i < n_machines; i++)
    add_machine (table, &machines[i]);
  return table;
}
