/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/vm/vm-note.h"

static bool
delete_running (CliSnapshots *snapshots, const char *node, SnapshotDeleteHow how, unsigned *n, bool progress,
                GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  g_variant_dict_insert (&arguments, "node", "s", node);
  g_variant_dict_insert (&arguments, "how", "s", snapshot_delete_how_names[how]);
  result = cli_ask_for_change (snapshots, "delete", &arguments, progress, error);
  if (result != NULL)
    g_variant_lookup (result, "count", "u", n);
  return result != NULL;
}

static void
print (unsigned n, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      if (n == 1)
        g_print ("A snapshot is deleted.\n");
      else
        g_print ("%u snapshots are deleted.\n", n);
      return;
    }
  json_builder_begin_object (builder);
  json_add_int (builder, "deleted", n);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_delete (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, progress = false, below = false, before = false;
  const GOptionEntry entries[] = {
    { "below", 0, 0, G_OPTION_ARG_NONE, &below, "It and all that stem from it", NULL },
    { "before", 0, 0, G_OPTION_ARG_NONE, &before, "All that it stems from, and not it", NULL },
    { "progress", 'p', 0, G_OPTION_ARG_NONE, &progress, "Show progress always", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  const SnapshotNode *node;
  SnapshotDeleteHow how;
  GError *error = NULL;
  unsigned n = 0;
  int status;
  bool done;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (below && before)
    return cli_usage (verb, "say either --below or --before");
  how = below ? SNAPSHOT_DELETE_BELOW : before ? SNAPSHOT_DELETE_BEFORE : SNAPSHOT_DELETE_ONE;
  if (!cli_open_snapshots_to_change (argv[1], &snapshots, &error)
      || (node = snapshot_tree_find (snapshots.tree, argv[2], &error)) == NULL)
    return cli_fail (error);
  done = snapshots.machine.session != NULL ? delete_running (&snapshots, node->id, how, &n, progress, &error)
                                           : snapshot_delete (snapshots.bundle, node->id, how, &n, &error);
  bonsai_vm_note (snapshots.machine.vm, "snapshot-delete", node->name, NULL, error);
  if (!done)
    return cli_fail (error);
  if (snapshots.machine.session == NULL)
    cli_give_back (&snapshots, progress);
  print (n, json);
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_delete = { "snapshot delete", "MACHINE SNAPSHOT",
                                    "Delete a snapshot; others that stem from it stay as they are",
                                    run_delete };
