/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/cli/cli.h"
#include "app/cli/time-argument.h"
#include "app/report/report-source.h"

#define USUAL_SPAN (30 * 86400) /* seconds */

typedef struct {
  gint64 from, to; /* seconds since 1970 */
} Span;

static ReportTable *
make_report (const char *kind, const Span *span, GError **error)
{
  g_autoptr (BonsaiLibrary) library = bonsai_library_new (NULL, error);
  g_autoptr (ReportSource) source = library != NULL ? report_source_new (library) : NULL;
  ReportId report = 0;

  if (library == NULL)
    return NULL;
  while (!g_str_equal (report_names[report], kind))
    report++;
  return report_make (source, report, span->from, span->to, NULL, error);
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

static int
run_report (const Verb *verb, int argc, char **argv)
{
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
  if (!g_strv_contains (report_names, argv[1]))
    return cli_usage (verb, "there is no report “%s”: choose utilisation, changes, storage or expiries", argv[1]);
  if (html + csv + json > 1)
    return cli_usage (verb, "say one of --html, --csv and --json");
  if (parse_span (from, to, &span, &error))
    table = make_report (argv[1], &span, &error);
  if (table == NULL)
    return cli_fail (error);
  text = html   ? report_write (table, REPORT_HTML)
         : csv  ? report_write (table, REPORT_CSV)
         : json ? report_write (table, REPORT_JSON)
                : report_table_to_text (table);
  g_print ("%s", text);
  return EXIT_STATUS_OK;
}

const Verb verb_report = { "report", "utilisation | changes | storage | expiries",
                           "Tell what machines used, what was changed, who owns which bytes, or what expires", run_report };
