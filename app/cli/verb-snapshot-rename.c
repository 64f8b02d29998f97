/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"
#include "app/snapshot/snapshot-edit.h"
#include "app/vm/vm-note.h"

static bool
rename_running (CliSnapshots *snapshots, const char *node, const char *name, const char *note, GError **error)
{
  g_auto (GVariantDict) arguments = G_VARIANT_DICT_INIT (NULL);
  g_autoptr (GVariant) result = NULL;

  g_variant_dict_insert (&arguments, "node", "s", node);
  if (name != NULL)
    g_variant_dict_insert (&arguments, "name", "s", name);
  if (note != NULL)
    g_variant_dict_insert (&arguments, "note", "s", note);
  result = cli_ask_for_change (snapshots, "rename", &arguments, false, error);
  return result != NULL;
}

static int
run_rename (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  g_autofree char *note = NULL;
  const GOptionEntry entries[] = {
    { "note", 'n', 0, G_OPTION_ARG_STRING, &note, "What is to be remembered of it; empty: nothing", "TEXT" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const SnapshotNode *node;
  const char *name;
  GError *error = NULL;
  int status;
  bool done;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 3, &status))
    return status;
  name = argc > 3 ? argv[3] : NULL;
  if (name == NULL && note == NULL)
    return cli_usage (verb, "say a new name, or --note");
  if (!cli_open_snapshots_to_change (argv[1], &snapshots, &error)
      || (node = snapshot_tree_find (snapshots.tree, argv[2], &error)) == NULL)
    return cli_fail (error);
  done = snapshots.machine.session != NULL ? rename_running (&snapshots, node->id, name, note, &error)
                                           : snapshot_rename (snapshots.bundle, node->id, name, note, &error);
  bonsai_vm_note (snapshots.machine.vm, "snapshot-rename", name, NULL, error);
  if (!done)
    return cli_fail (error);
  if (json)
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "id", node->id);
      json_builder_end_object (builder);
      cli_print_json (builder);
    }
  return EXIT_STATUS_OK;
}

const Verb verb_snapshot_rename = { "snapshot rename", "MACHINE SNAPSHOT [NAME]",
                                    "Give a snapshot another name, or a note", run_rename };
