/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"

static void
print_line (const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autofree char *time = cli_snapshot_time (node), *own = disk_size_short (node->own);
  g_autofree char *shared = disk_size_short (node->shared);

  if (node->trouble != NULL)
    g_print ("  %-10s  broken: %s\n", node->id, node->trouble);
  else
    g_print ("%c %-10s  %-16s  %-5s  %8s  %8s  %s\n", node == tree->current ? '*' : ' ', node->id, time,
             snapshot_kind_names[node->kind], own, shared, node->name);
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_open_snapshots (argv[1], &snapshots, &error))
    return cli_fail (error);
  snapshot_tree_measure (snapshots.tree);
  if (json)
    {
      g_autofree char *text = snapshot_tree_to_json (snapshots.tree);

      g_print ("%s\n", text);
      return EXIT_STATUS_OK;
    }
  if (snapshots.tree->nodes->len == 0)
    g_print ("“%s” has no snapshots; “bonsai snapshot take” takes one.\n", snapshots.name);
  else
    g_print ("  %-10s  %-16s  %-5s  %8s  %8s  %s\n", "ID", "TAKEN", "KIND", "OWN", "SHARED", "NAME");
  for (guint i = 0; i < snapshots.tree->nodes->len; i++)
    print_line (snapshots.tree, g_ptr_array_index (snapshots.tree->nodes, i));
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_list = { "snapshot list", "MACHINE",
                                  "List a machine's snapshots, oldest first, and the room they take",
                                  run_list };
