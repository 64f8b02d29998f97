/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/stats-history.h"

#include "app/base/error.h"
#include "app/cli/time-argument.h"
#include "app/history/history-export.h"
#include "app/history/history-store.h"

#include <math.h>

#define USUAL_SPAN 3600 /* seconds */

void
stats_history_clear (StatsHistory *history)
{
  g_free (history->from);
  g_free (history->to);
}

bool
stats_history_is_wanted (const StatsHistory *history)
{
  return history->from != NULL || history->to != NULL || history->step != 0 || history->host || history->csv;
}

/* That of a machine that is gone is there by its UUID. (transfer full) */
static char *
find_path (const char *key, GError **error)
{
  g_autoptr (BonsaiLibrary) library = NULL;
  BonsaiVm *vm;

  if (key == NULL)
    return history_store_host_path ();
  if (g_uuid_string_is_valid (key))
    return history_store_path (key);
  library = bonsai_library_new (NULL, error);
  vm = library != NULL ? cli_find_vm (library, key, error) : NULL;
  if (vm == NULL)
    return NULL;
  if (bonsai_vm_get_uuid (vm) == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is broken: %s", key,
                   bonsai_vm_get_state_text (vm));
      return NULL;
    }
  return history_store_path (bonsai_vm_get_uuid (vm));
}

static bool
find_span (const StatsHistory *history, gint64 *from, gint64 *to, GError **error)
{
  *to = g_get_real_time () / G_USEC_PER_SEC;
  if (history->to != NULL && !cli_parse_time (history->to, to, error))
    return false;
  *from = *to - USUAL_SPAN;
  if (history->from != NULL && !cli_parse_time (history->from, from, error))
    return false;
  if (*from >= 0 && *from < *to)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--from must come before --to");
  return false;
}

static void
print_number (double value, double unit)
{
  if (isnan (value))
    g_print (" %10s", "-");
  else
    g_print (" %10.2f", value / unit);
}

static void
print_table (const HistorySeries *series)
{
  static const struct {
    HistoryColumn column;
    const char *title, *unit;
    double divisor;
  } columns[] = {
    { HISTORY_CPU, "CPU", "%", 0.01 },
    { HISTORY_DEVICES, "devices", "%", 0.01 },
    { HISTORY_MEMORY, "memory", "MiB", 1 << 20 },
    { HISTORY_MEMORY_USED, "used", "MiB", 1 << 20 },
    { HISTORY_DISK_READ, "disk read", "MiB/s", 1 << 20 },
    { HISTORY_DISK_WRITTEN, "written", "MiB/s", 1 << 20 },
    { HISTORY_NET_RECEIVED, "net recv", "MiB/s", 1 << 20 },
    { HISTORY_NET_SENT, "sent", "MiB/s", 1 << 20 },
  };

  g_print ("%-19s", "");
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    g_print (" %10s", columns[i].title);
  g_print ("\n%-19s", "");
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    g_print (" %10s", columns[i].unit);
  g_print ("\n");
  for (guint row = 0; row < series->n_rows; row++)
    {
      const double *values = &series->average[row * HISTORY_N_COLUMNS];
      g_autoptr (GDateTime) time =
        g_date_time_new_from_unix_local (series->start + (gint64)row * series->step);
      g_autofree char *stamp = g_date_time_format (time, "%F %T");

      if (isnan (values[HISTORY_CPU]))
        continue;
      g_print ("%-19s", stamp);
      for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
        print_number (values[columns[i].column], columns[i].divisor);
      g_print ("\n");
    }
}

static void
print_json (const HistorySeries *series)
{
  g_autoptr (JsonNode) node = history_series_to_json (series);
  g_autofree char *text = json_to_string (node, false);

  g_print ("%s\n", text);
}

int
stats_history_print (const StatsHistory *history, const char *key, bool json)
{
  g_autofree char *path = NULL, *csv = NULL;
  g_autoptr (HistorySeries) series = NULL;
  GError *error = NULL;
  gint64 from, to;

  if (!find_span (history, &from, &to, &error))
    return cli_fail (error);
  path = find_path (key, &error);
  if (path != NULL)
    series = history_file_read (path, from, to, (guint)MAX (history->step, 0), &error);
  if (series == NULL)
    return cli_fail (error);
  if (json)
    print_json (series);
  else if (history->csv)
    g_print ("%s", csv = history_series_to_csv (series));
  else
    print_table (series);
  return EXIT_STATUS_OK;
}
