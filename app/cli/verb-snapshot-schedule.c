/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-schedule.h"

typedef struct {
  char *every, *keep;
  gboolean disks_only, off, json;
} Options;

/* --- changing it --- */

static bool
set_running (CliSnapshots *snapshots, const VmSchedule *schedule, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;
  g_autofree char *every = vm_schedule_format_every (schedule->every);
  g_autofree char *keep = vm_schedule_format_keep (schedule);

  g_variant_dict_insert (&arguments, "every", "s", schedule->every != 0 ? every : "");
  if (keep[0] != '\0')
    g_variant_dict_insert (&arguments, "keep", "s", keep);
  g_variant_dict_insert (&arguments, "disks-only", "b", schedule->disks_only);
  result = cli_ask_for_change (snapshots, "set-schedule", &arguments, false, error);
  return result != NULL;
}

/* What isn't said stays. */
static bool
apply (const Options *options, VmSchedule *schedule, GError **error)
{
  if (options->off)
    {
      *schedule = (VmSchedule){ 0 };
      return true;
    }
  if (schedule->every == 0)
    {
      schedule->every = 3600;
      vm_schedule_set_default_keep (schedule);
    }
  if (options->every != NULL && (schedule->every = vm_schedule_parse_every (options->every, error)) == 0)
    return false;
  schedule->disks_only = schedule->disks_only || options->disks_only;
  return options->keep == NULL || vm_schedule_parse_keep (options->keep, schedule, error);
}

static int
change (const char *machine, const Options *options)
{
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;
  bool done;

  if (!cli_open_snapshots_to_change (machine, &snapshots, &error)
      || (config = bundle_load (snapshots.bundle, &error)) == NULL
      || !apply (options, &config->schedule, &error))
    return cli_fail (error);
  done = snapshots.machine.session != NULL
           ? set_running (&snapshots, &config->schedule, &error)
           : snapshot_schedule_set (snapshots.bundle, &config->schedule, &error);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

/* --- showing it --- */

/* µs since 1970; 0: none is due. */
static bool
find_due (CliSnapshots *snapshots, gint64 *due, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  *due = 0;
  if (snapshots->machine.session == NULL)
    return true;
  result = cli_ask_for_change (snapshots, "get-schedule", &arguments, false, error);
  if (result != NULL)
    g_variant_lookup (result, "due", "x", due);
  return result != NULL;
}

static void
print_json (const VmSchedule *schedule, gint64 due, gint64 last)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *every = vm_schedule_format_every (schedule->every);
  g_autofree char *due_text = cli_time_iso8601 (due), *last_text = cli_time_iso8601 (last);

  json_builder_begin_object (builder);
  json_add_string (builder, "every", schedule->every != 0 ? every : NULL);
  if (schedule->every != 0)
    {
      json_builder_set_member_name (builder, "keep");
      json_builder_begin_object (builder);
      for (unsigned i = 0; i < VM_N_KEEPS; i++)
        json_add_int (builder, vm_keep_names[i], schedule->keep[i]);
      json_builder_end_object (builder);
      json_add_bool (builder, "disks-only", schedule->disks_only);
    }
  json_add_string (builder, "last", last_text);
  json_add_string (builder, "due", due_text);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static void
print_time (const char *label, gint64 time)
{
  g_autoptr (GDateTime) whole = g_date_time_new_from_unix_local (time / G_USEC_PER_SEC);
  g_autofree char *text = whole != NULL ? g_date_time_format (whole, "%Y-%m-%d %H:%M:%S") : NULL;

  g_print ("%-10s %s\n", label, text);
}

static void
print_text (const VmSchedule *schedule, gint64 due, gint64 last, bool running)
{
  g_autofree char *every = vm_schedule_format_every (schedule->every);
  g_autofree char *keep = vm_schedule_format_keep (schedule);

  if (schedule->every == 0)
    {
      g_print ("No snapshots are taken by the clock.\n");
      return;
    }
  g_print ("Every:     %s%s\nKeep:      %s\n", every, schedule->disks_only ? ", disks only" : "", keep);
  if (last != 0)
    print_time ("Last:", last);
  if (due != 0)
    print_time ("Next due:", due);
  else
    g_print ("Next due:  %s\n", running ? "when it goes on" : "when it runs");
}

static int
show (const char *machine, bool json)
{
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;
  gint64 due, last;

  if (!cli_open_snapshots (machine, &snapshots, &error)
      || (config = bundle_load (snapshots.bundle, &error)) == NULL || !find_due (&snapshots, &due, &error))
    return cli_fail (error);
  last = snapshot_schedule_last (snapshots.tree, g_get_real_time ());
  if (json)
    print_json (&config->schedule, due, last);
  else
    print_text (&config->schedule, due, last, snapshots.machine.session != NULL);
  return EXIT_STATUS_OK;
}

static int
run_schedule (const Verb *verb, int argc, char **argv)
{
  Options options = { 0 };
  const GOptionEntry entries[] = {
    { "every", 'e', 0, G_OPTION_ARG_STRING, &options.every, "How often: 15m, 1h (default), 2d, 1w", "TIME" },
    { "keep", 'k', 0, G_OPTION_ARG_STRING, &options.keep,
      "Which stay (default: hourly=24,daily=7,weekly=4); also last and monthly", "RULE=N,…" },
    { "disks-only", 0, 0, G_OPTION_ARG_NONE, &options.disks_only, "Without the machine's memory", NULL },
    { "off", 0, 0, G_OPTION_ARG_NONE, &options.off, "No more; those that are there stay", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autofree char *every = NULL, *keep = NULL;
  bool changes;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  every = options.every;
  keep = options.keep;
  changes = every != NULL || keep != NULL || options.disks_only;
  if (options.off && changes)
    return cli_usage (verb, "--off goes with no other option");
  if (changes || options.off)
    status = change (argv[1], &options);
  else
    status = EXIT_STATUS_OK;
  if (status != EXIT_STATUS_OK || options.off)
    return status;
  return show (argv[1], options.json);
}

const Verb verb_snapshot_schedule = { "snapshot schedule", "MACHINE",
                                      "Take snapshots by the clock, and say which of them stay",
                                      run_schedule };
