/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-restore.h"
#include "app/vm/vm-note.h"

typedef struct {
  CliSnapshots *snapshots;
  const char *node;
  gboolean take_first, discard_suspended, paused, progress;
  char *name; /* (nullable): of the snapshot that is taken first */
  char *taken;
  guint64 time; /* ns until it ran again; of a machine that runs */
} Restore;

static bool
run_task (const ImageJob *job, gpointer data, GError **error)
{
  Restore *restore = data;
  const SnapshotTake what = { .name = restore->name };

  return snapshot_restore (restore->snapshots->bundle, restore->node, restore->discard_suspended,
                           restore->take_first ? &what : NULL, &restore->taken, error);
}

static bool
restore_running (Restore *restore, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  g_variant_dict_insert (&arguments, "node", "s", restore->node);
  if (restore->paused)
    g_variant_dict_insert (&arguments, "paused", "b", TRUE);
  if (restore->take_first)
    g_variant_dict_insert (&arguments, "take-first", "s", restore->name != NULL ? restore->name : "");
  result = cli_ask_for_change (restore->snapshots, "restore", &arguments, restore->progress, error);
  if (result == NULL)
    return false;
  g_variant_lookup (result, "taken", "s", &restore->taken);
  g_variant_lookup (result, "time", "t", &restore->time);
  return true;
}

static void
print (const Restore *restore, const SnapshotNode *node, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      if (restore->taken != NULL)
        g_print ("Snapshot %s is taken.\n", restore->taken);
      g_print ("“%s” is back at “%s”.\n", restore->snapshots->name, node->name);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "node", node->id);
  json_add_string (builder, "taken", restore->taken);
  if (restore->snapshots->machine.session != NULL)
    json_add_int (builder, "time", (gint64)restore->time);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_restore (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  Restore restore = { 0 };
  const GOptionEntry entries[] = {
    { "take-first", 't', 0, G_OPTION_ARG_NONE, &restore.take_first, "Keep what is now as a snapshot before",
      NULL },
    { "name", 'n', 0, G_OPTION_ARG_STRING, &restore.name, "That snapshot's name; implies --take-first",
      "NAME" },
    { "paused", 0, 0, G_OPTION_ARG_NONE, &restore.paused, "A machine that runs stands there at first", NULL },
    { "discard-suspended", 0, 0, G_OPTION_ARG_NONE, &restore.discard_suspended,
      "Also a suspended machine goes back: what its guest was doing is lost", NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &restore.progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  const SnapshotNode *node = NULL;
  GError *error = NULL;
  bool done = false;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  restore.snapshots = &snapshots;
  restore.take_first = restore.take_first || restore.name != NULL;
  if (cli_open_snapshots_to_change (argv[1], &snapshots, &error)
      && (node = snapshot_tree_find (snapshots.tree, argv[2], &error)) != NULL)
    {
      restore.node = node->id;
      done = snapshots.machine.session != NULL ? restore_running (&restore, &error)
                                               : cli_run_task (run_task, &restore, restore.progress, &error);
      bonsai_vm_note (snapshots.machine.vm, "snapshot-restore", node->name, NULL, error);
    }
  if (done)
    print (&restore, node, json);
  g_free (restore.name);
  g_free (restore.taken);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_snapshot_restore = {
  "snapshot restore", "MACHINE SNAPSHOT",
  "Go back to a snapshot; what was done since the last one is lost, unless it is kept first", run_restore
};
