/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"

static void
print_text (const SnapshotTree *tree, const SnapshotNode *node)
{
  g_autofree char *time = cli_snapshot_time (node), *own = disk_size_text (node->own);
  g_autofree char *shared = disk_size_text (node->shared);

  g_print ("Id:       %s%s\n", node->id, node == tree->current ? " (the machine stems from it)" : "");
  if (node->trouble != NULL)
    {
      g_print ("Broken:   %s\n", node->trouble);
      return;
    }
  g_print ("Name:     %s\nTaken:    %s\nKind:     %s\n", node->name, time, snapshot_kind_names[node->kind]);
  if (node->parent != NULL)
    g_print ("Parent:   %s  %s\n", node->parent->id, node->parent->name);
  g_print ("Below it: %u\nOwn:      %s\nShared:   %s\n", snapshot_tree_count_below (node), own, shared);
  for (guint i = 0; i < node->disks->len; i++)
    {
      const SnapshotDisk *disk = g_ptr_array_index (node->disks, i);

      g_print ("%s    %-8s %s\n", i == 0 ? "Disks:" : "      ", disk->id, disk->layer);
    }
  if (g_strcmp0 (tree->disposable, node->id) == 0)
    g_print ("The machine goes back to it at each power-off.\n");
  if (node->note != NULL)
    g_print ("Note:     %s\n", node->note);
}

static int
run_show (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const SnapshotNode *node;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (!cli_open_snapshots (argv[1], &snapshots, &error)
      || (node = snapshot_tree_find (snapshots.tree, argv[2], &error)) == NULL)
    return cli_fail (error);
  snapshot_tree_measure (snapshots.tree);
  if (json)
    {
      snapshot_add_json (builder, snapshots.tree, node);
      cli_print_json (builder);
    }
  else
    print_text (snapshots.tree, node);
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_show = { "snapshot show", "MACHINE SNAPSHOT", "Show all that is known of a snapshot",
                                  run_show };
