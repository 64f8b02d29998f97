/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/vm/vm-note.h"

static bool
set_running (CliSnapshots *snapshots, const char *node, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  g_variant_dict_insert (&arguments, "node", "s", node != NULL ? node : "");
  result = cli_ask_for_change (snapshots, "set-disposable", &arguments, false, error);
  return result != NULL;
}

static int
run_disposable (const Verb *verb, int argc, char **argv)
{
  gboolean off = false;
  const GOptionEntry entries[] = {
    { "off", 0, 0, G_OPTION_ARG_NONE, &off, "The machine keeps what it does, as usual", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  const SnapshotNode *node = NULL;
  const char *id;
  GError *error = NULL;
  int status;
  bool done;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 2, &status))
    return status;
  if (off == (argc > 2))
    return cli_usage (verb, "name a snapshot, or give --off");
  if (!cli_open_snapshots_to_change (argv[1], &snapshots, &error)
      || (!off && (node = snapshot_tree_find (snapshots.tree, argv[2], &error)) == NULL))
    return cli_fail (error);
  id = node != NULL ? node->id : NULL;
  done = snapshots.machine.session != NULL ? set_running (&snapshots, id, &error)
                                           : snapshot_set_disposable (snapshots.bundle, id, &error);
  bonsai_vm_note (snapshots.machine.vm, "set-disposable", node != NULL ? node->name : NULL, NULL, error);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_snapshot_disposable = { "snapshot disposable", "MACHINE SNAPSHOT | --off",
                                        "Make a machine go back to a snapshot at each power-off",
                                        run_disposable };
