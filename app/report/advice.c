/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/report/advice.h"

#include <glib/gi18n.h>
#include <math.h>

#define MIN_HOURS    24.0 /* of history, before anything is advised */
#define ROOMY        0.6  /* of what it has: less is too little to have that much */
#define TIGHT        0.95
#define SMALL_MEMORY (512.0 * (1 << 20)) /* not worth a word */
#define SPARE        1.25                /* above what it ever used */
#define MORE         1.5                 /* of what it has, if that is too little */
#define MEMORY_STEP  (256.0 * (1 << 20))
#define GIB          (double)(1 << 30)

static void
add_sentence (GString *text, const char *sentence)
{
  if (text->len > 0)
    g_string_append (text, "; ");
  g_string_append (text, sentence);
}

static guint64
round_memory (double bytes)
{
  return (guint64)(ceil (bytes / MEMORY_STEP) * MEMORY_STEP);
}

static void
advise_on_memory (GString *text, const ReportMachine *machine, Advice *advice)
{
  HistorySummary used = report_sum_up_memory (machine->history);
  g_autofree char *sentence = NULL;

  if (machine->memory <= 0 || isnan (used.maximum))
    return;
  if (machine->memory > SMALL_MEMORY && used.maximum < ROOMY * machine->memory)
    {
      sentence = g_strdup_printf (_ ("Has never used more than %.1f GiB of %.1f GiB of memory"),
                                  used.maximum / GIB, machine->memory / GIB);
      advice->memory = round_memory (MAX (used.maximum * SPARE, SMALL_MEMORY));
    }
  else if (used.average > TIGHT * machine->memory)
    {
      sentence =
        g_strdup_printf (_ ("Uses all of its %.1f GiB of memory, most of the time"), machine->memory / GIB);
      advice->memory = round_memory (machine->memory * MORE);
    }
  if (sentence != NULL)
    add_sentence (text, sentence);
}

static void
advise_on_processors (GString *text, const ReportMachine *machine, Advice *advice)
{
  HistorySummary cpu = history_series_sum_up (machine->history, HISTORY_CPU);
  g_autofree char *sentence = NULL;

  if (machine->cpus > 1 && cpu.maximum < ROOMY * (machine->cpus - 1))
    {
      sentence = g_strdup_printf (_ ("Has never kept more than %.1f of %u processors busy"), cpu.maximum,
                                  machine->cpus);
      advice->cpus = MAX ((guint)ceil (cpu.maximum * SPARE), 1);
    }
  else if (machine->cpus > 0 && cpu.average > 0.8 * machine->cpus)
    sentence = g_strdup_printf (ngettext ("Keeps its %u processor busy, most of the time",
                                          "Keeps its %u processors busy, most of the time", machine->cpus),
                                machine->cpus);
  if (sentence != NULL)
    add_sentence (text, sentence);
}

Advice *
advice_find (const ReportMachine *machine)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (Advice) advice = g_new0 (Advice, 1);

  if (machine->history == NULL || report_known_hours (machine->history) < MIN_HOURS)
    return NULL;
  advise_on_memory (text, machine, advice);
  advise_on_processors (text, machine, advice);
  if (text->len == 0)
    return NULL;
  advice->text = g_strdup (text->str);
  return g_steal_pointer (&advice);
}

void
advice_free (Advice *advice)
{
  g_free (advice->text);
  g_free (advice);
}

bool
advice_applies (const Advice *advice, guint64 memory, guint cpus)
{
  return (advice->memory != 0 && advice->memory != memory) || (advice->cpus != 0 && advice->cpus != cpus);
}

char *
advice_describe_change (const Advice *advice)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (advice->memory != 0)
    g_string_append_printf (text, _ ("%.1f GiB of memory"), (double)advice->memory / GIB);
  if (advice->memory != 0 && advice->cpus != 0)
    g_string_append (text, ", ");
  if (advice->cpus != 0)
    g_string_append_printf (text, ngettext ("%u processor", "%u processors", advice->cpus), advice->cpus);
  return g_strdup (text->str);
}
