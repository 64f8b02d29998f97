/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-take.h"
#include "app/vm/vm-note.h"

typedef struct {
  CliSnapshots *snapshots;
  SnapshotTake what;
  bool progress, disks_only;
  char *id;
  guint64 pause; /* ns; of a machine that runs */
} Take;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Take *take = data;

  take->id = snapshot_take (take->snapshots->bundle, &take->what, error);
  return take->id != NULL;
}

static bool
take_running (Take *take, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  if (take->what.name != NULL)
    g_variant_dict_insert (&arguments, "name", "s", take->what.name);
  if (take->what.note != NULL)
    g_variant_dict_insert (&arguments, "note", "s", take->what.note);
  if (take->disks_only)
    g_variant_dict_insert (&arguments, "disks-only", "b", TRUE);
  result = cli_ask_for_change (take->snapshots, "take", &arguments, take->progress, error);
  if (result == NULL)
    return false;
  g_variant_lookup (result, "id", "s", &take->id);
  g_variant_lookup (result, "pause", "t", &take->pause);
  return true;
}

static void
print (const Take *take, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  bool running = take->snapshots->machine.session != NULL;

  if (!json)
    {
      if (running)
        g_print ("Snapshot %s is taken; the guest stood for %.1f ms.\n", take->id, (double)take->pause / 1e6);
      else
        g_print ("Snapshot %s is taken.\n", take->id);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "id", take->id);
  if (running)
    json_add_int (builder, "pause", (gint64)take->pause);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_take (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, progress = false, disks_only = false;
  g_autofree char *note = NULL, *id = NULL;
  const GOptionEntry entries[] = {
    { "note", 'n', 0, G_OPTION_ARG_STRING, &note, "What is to be remembered of it", "TEXT" },
    { "disks-only", 0, 0, G_OPTION_ARG_NONE, &disks_only,
      "Without the memory of a machine that runs: going back there is as after a power failure", NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  Take take = { .snapshots = &snapshots };
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  if (!cli_open_snapshots_to_change (argv[1], &snapshots, &error))
    return cli_fail (error);
  take.what = (SnapshotTake){ .name = argc > 2 ? argv[2] : NULL, .note = note };
  take.progress = progress;
  take.disks_only = disks_only;
  done = snapshots.machine.session != NULL ? take_running (&take, &error)
                                           : cli_run_task (run_task, &take, progress, &error);
  id = take.id;
  bonsai_vm_note (snapshots.machine.vm, "snapshot-take", take.what.name, NULL, error);
  if (!done)
    return cli_fail (error);
  print (&take, json);
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_take = { "snapshot take", "MACHINE [NAME]",
                                  "Keep a machine as it is now, also while it runs", run_take };
