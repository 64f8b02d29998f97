/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/cli/cli.h"
#include "app/cli/time-argument.h"
#include "app/history/history-store.h"
#include "app/library/library-private.h"
#include "app/report/reports.h"

#include <unistd.h>

#define USUAL_SPAN (30 * 86400) /* seconds */

typedef struct {
  gint64 from, to; /* seconds since 1970 */
} Span;

/* --- utilisation --- */

static HistorySeries *
read_history (char *path, const Span *span)
{
  HistorySeries *series = history_file_read (path, span->from, span->to, 0, NULL);

  g_free (path);
  return series;
}

static ReportTable *
make_utilisation (BonsaiLibrary *library, const Span *span)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (library));
  g_autofree ReportMachine *machines = g_new0 (ReportMachine, n + 1);
  ReportTable *table;
  guint n_machines = 1;

  machines[0] = (ReportMachine){ "This host", 0, (guint)g_get_num_processors (),
                                 read_history (history_store_host_path (), span) };
  for (guint i = 0; i < n; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (library->vms, i);
      const VmConfig *config = bonsai_vm_get_config (vm);

      if (config != NULL)
        machines[n_machines++] =
          (ReportMachine){ bonsai_vm_get_name (vm), (double)config->memory, config->cpus,
                           read_history (history_store_path (config->uuid), span) };
    }
  table = report_utilisation (machines, n_machines);
  for (guint i = 0; i < n_machines; i++)
    if (machines[i].history != NULL)
      history_series_free ((HistorySeries *)machines[i].history);
  return table;
}

/* --- storage --- */

static ReportTable *
make_storage (BonsaiLibrary *library)
{
  g_autoptr (GPtrArray) machines = g_ptr_array_new_with_free_func ((GDestroyNotify)report_storage_free);
  g_autofree char *trash = library_trash_folder (bonsai_library_get_folder (library));
  g_auto (GStrv) deleted = bonsai_library_list_trash (library);

  for (guint i = 0; i < library->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (library->vms, i);

      g_ptr_array_add (machines,
                       report_storage_measure (bonsai_vm_get_path (vm), bonsai_vm_get_name (vm), false));
    }
  for (guint i = 0; deleted[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (trash, deleted[i], NULL);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      g_ptr_array_add (machines,
                       report_storage_measure (path, config != NULL ? config->name : deleted[i], true));
    }
  return report_storage (machines);
}

/* --- changes --- */

static ReportTable *
make_changes (const Span *span, GError **error)
{
  g_autofree char *path = event_log_path ();
  const EventQuery query = { .since = span->from * G_USEC_PER_SEC, .until = (span->to + 1) * G_USEC_PER_SEC };
  g_autoptr (GPtrArray) events = event_log_read (path, &query, error);

  return events != NULL ? report_changes (events) : NULL;
}

static ReportTable *
make_report (const char *kind, const Span *span, GError **error)
{
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, error);

  if (library == NULL)
    return NULL;
  if (g_str_equal (kind, "utilisation"))
    return make_utilisation (library, span);
  if (g_str_equal (kind, "storage"))
    return make_storage (library);
  return make_changes (span, error);
}

static bool
parse_span (const char *from, const char *to, Span *span, GError **error)
{
  span->to = g_get_real_time () / G_USEC_PER_SEC;
  if (to != NULL && !cli_parse_time (to, &span->to, error))
    return false;
  span->from = span->to - USUAL_SPAN;
  if (from != NULL && !cli_parse_time (from, &span->from, error))
    return false;
  if (span->from >= 0 && span->from < span->to)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--from must come before --to");
  return false;
}

static char *
json_of (const ReportTable *table)
{
  g_autoptr (JsonNode) node = report_table_to_json (table);
  g_autofree char *text = json_to_string (node, true);

  return g_strconcat (text, "\n", NULL);
}

static int
run_report (const Verb *verb, int argc, char **argv)
{
  static const char *const kinds[] = { "utilisation", "changes", "storage", NULL };
  gboolean html = false, csv = false, json = false;
  g_autofree char *from = NULL, *to = NULL, *text = NULL;
  int status;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from,
      "From then on: how long ago (90m, 3h, 7d), or a date (2026-11-02, 2026-11-02T17:30); 30d unless given",
      "TIME" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &to, "Until then; now unless given", "TIME" },
    { "html", 0, 0, G_OPTION_ARG_NONE, &html, "Print a page of HTML", NULL },
    { "csv", 0, 0, G_OPTION_ARG_NONE, &csv, "Print CSV", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (ReportTable) table = NULL;
  GError *error = NULL;
  Span span;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!g_strv_contains (kinds, argv[1]))
    return cli_usage (verb, "there is no report “%s”: choose utilisation, changes or storage", argv[1]);
  if (html + csv + json > 1)
    return cli_usage (verb, "say one of --html, --csv and --json");
  if (parse_span (from, to, &span, &error))
    table = make_report (argv[1], &span, &error);
  if (table == NULL)
    return cli_fail (error);
  text = html   ? report_table_to_html (table)
         : csv  ? report_table_to_csv (table)
         : json ? json_of (table)
                : report_table_to_text (table);
  g_print ("%s", text);
  return EXIT_STATUS_OK;
}

const Verb verb_report = { "report", "utilisation | changes | storage",
                           "Tell what machines used, what was changed, or who owns which bytes", run_report };
