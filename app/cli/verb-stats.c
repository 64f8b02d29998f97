/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/stats-history.h"

#define PERIOD_MS    1000
#define HEADER_EVERY 20 /* lines of --watch */

/* --- what a running machine uses --- */

typedef struct {
  Counters counters;
  guint64 memory, resident; /* bytes; read with the first look only: it takes the guest's answer */
} Look;

static bool
read_counters (BonsaiSession *session, Counters *counters, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  g_autofree Counters *answer = NULL;

  bonsai_session_get_counters_async (session, NULL, cli_wait_ready, &wait);
  answer = bonsai_session_get_counters_finish (session, cli_wait (&wait), error);
  if (answer != NULL)
    *counters = *answer;
  return answer != NULL;
}

static bool
read_memory (BonsaiSession *session, Look *look, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  g_autoptr (GVariant) memory = NULL;

  bonsai_session_get_memory_async (session, NULL, cli_wait_ready, &wait);
  memory = bonsai_session_get_memory_finish (session, cli_wait (&wait), error);
  if (memory == NULL)
    return false;
  g_variant_lookup (memory, "size", "t", &look->memory);
  g_variant_lookup (memory, "resident", "t", &look->resident);
  return true;
}

static void
print_json (const Look *look)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_object (builder);
  for (unsigned i = 0; i < N_COUNTERS; i++)
    json_add_int (builder, counter_name (i), (gint64)look->counters.values[i]);
  json_add_int (builder, "memory", (gint64)look->memory);
  json_add_int (builder, "memory-resident", (gint64)look->resident);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_flow (const char *label, const Counters *before, const Counters *now, Counter bytes, Counter count,
            const char *unit)
{
  g_autofree char *total = g_format_size_full (now->values[bytes], G_FORMAT_SIZE_IEC_UNITS);

  g_print ("%-15s %10.2f MiB/s %10.0f %s/s   %s so far\n", label,
           counters_rate (before, now, bytes) / (1 << 20), counters_rate (before, now, count), unit, total);
}

static void
print_text (const Look *look, const Counters *before)
{
  const Counters *now = &look->counters;

  g_print ("%-15s %10.1f %%       %10.1f s so far\n",
           "Processors:", 100 * counters_rate (before, now, COUNTER_CPU_TIME),
           (double)now->values[COUNTER_CPU_TIME] / 1e9);
  g_print ("%-15s %10.1f %%       %10.1f s so far\n",
           "Devices:", 100 * counters_rate (before, now, COUNTER_LOOP_TIME),
           (double)now->values[COUNTER_LOOP_TIME] / 1e9);
  g_print ("%-15s %10.1f MiB of %.1f MiB\n", "Memory:", (double)look->resident / (1 << 20),
           (double)look->memory / (1 << 20));
  print_flow ("Disks read:", before, now, COUNTER_DISK_READ_BYTES, COUNTER_DISK_READS, "requests");
  print_flow ("Disks written:", before, now, COUNTER_DISK_WRITTEN_BYTES, COUNTER_DISK_WRITES, "requests");
  print_flow ("Net received:", before, now, COUNTER_NET_RECEIVED_BYTES, COUNTER_NET_RECEIVED, "packets");
  print_flow ("Net sent:", before, now, COUNTER_NET_SENT_BYTES, COUNTER_NET_SENT, "packets");
}

static void
print_line (unsigned line, const Counters *before, const Counters *now)
{
  if (line % HEADER_EVERY == 0)
    g_print ("%8s %8s %10s %10s %10s %10s\n%8s %8s %10s %10s %10s %10s\n", "CPU", "devices", "disk read",
             "written", "net recv", "sent", "%", "%", "MiB/s", "MiB/s", "MiB/s", "MiB/s");
  g_print ("%8.1f %8.1f %10.2f %10.2f %10.2f %10.2f\n", 100 * counters_rate (before, now, COUNTER_CPU_TIME),
           100 * counters_rate (before, now, COUNTER_LOOP_TIME),
           counters_rate (before, now, COUNTER_DISK_READ_BYTES) / (1 << 20),
           counters_rate (before, now, COUNTER_DISK_WRITTEN_BYTES) / (1 << 20),
           counters_rate (before, now, COUNTER_NET_RECEIVED_BYTES) / (1 << 20),
           counters_rate (before, now, COUNTER_NET_SENT_BYTES) / (1 << 20));
}

/* One JSON object a line, for programs that read along. */
static void
print_json_line (const Counters *now)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (unsigned i = 0; i < N_COUNTERS; i++)
    g_string_append_printf (text, "%s\"%s\": %" G_GUINT64_FORMAT, i > 0 ? ", " : "", counter_name (i),
                            now->values[i]);
  g_print ("{ %s }\n", text->str);
}

/* Until the machine ends. */
static int
watch (BonsaiSession *session, bool json)
{
  Counters before, now;
  GError *error = NULL;

  if (!read_counters (session, &before, &error))
    return cli_fail (error);
  for (unsigned line = 0;; line++, before = now)
    {
      cli_pace (PERIOD_MS);
      if (!bonsai_state_is_alive (bonsai_session_get_state (session)))
        return EXIT_STATUS_OK;
      if (!read_counters (session, &now, &error))
        break;
      if (json)
        print_json_line (&now);
      else
        print_line (line, &before, &now);
    }
  if (bonsai_state_is_alive (bonsai_session_get_state (session)))
    return cli_fail (error);
  g_error_free (error);
  return EXIT_STATUS_OK;
}

static int
show (BonsaiSession *session, bool json)
{
  Look look = { 0 };
  Counters before;
  GError *error = NULL;

  if (!read_counters (session, &before, &error))
    return cli_fail (error);
  if (!json)
    cli_pace (PERIOD_MS);
  if (!read_memory (session, &look, &error) || !read_counters (session, &look.counters, &error))
    return cli_fail (error);
  if (json)
    print_json (&look);
  else
    print_text (&look, &before);
  return EXIT_STATUS_OK;
}

static int
run_stats (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, watched = false;
  g_auto (StatsHistory) history = { 0 };
  int status;
  const GOptionEntry entries[] = {
    { "watch", 0, 0, G_OPTION_ARG_NONE, &watched, "A line each second, until the machine ends", NULL },
    { "host", 0, 0, G_OPTION_ARG_NONE, &history.host, "The history of this host", NULL },
    { "from", 0, 0, G_OPTION_ARG_STRING, &history.from,
      "History from then on: how long ago (90m, 3h, 7d), or a date (2026-11-02, 2026-11-02T17:30)", "TIME" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &history.to, "... until then; now unless given", "TIME" },
    { "step", 0, 0, G_OPTION_ARG_INT, &history.step, "... in steps of so many seconds or the next longer",
      "SECONDS" },
    { "csv", 0, 0, G_OPTION_ARG_NONE, &history.csv, "Print history as CSV", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 1, &status))
    return status;
  if ((argc == 1) != history.host)
    return cli_usage (verb, history.host ? "--host has no NAME" : "something is missing");
  if (watched && stats_history_is_wanted (&history))
    return cli_usage (verb, "--watch shows what is, not what was");
  if (stats_history_is_wanted (&history))
    return stats_history_print (&history, argv[1], json);
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  return watched ? watch (session, json) : show (session, json);
}

const Verb verb_stats = { "stats", "[NAME]",
                          "Show what a running machine uses of the host, or used, for a year", run_stats };
