/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/snapshot.h"

static const Verb *const verbs[] = {
  &verb_snapshot_take,       &verb_snapshot_list,     &verb_snapshot_tree,   &verb_snapshot_show,
  &verb_snapshot_diff,       &verb_snapshot_restore,  &verb_snapshot_delete, &verb_snapshot_rename,
  &verb_snapshot_disposable, &verb_snapshot_schedule,
};

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai snapshot VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "snapshot", verbs[i]->summary);
  g_print (
    "\nA snapshot is named by its id, the beginning of that, or its name; “.” is the one from which the "
    "machine stems.\n“bonsai snapshot VERB --help” has the options, bonsai(1) the rest.\n");
}

static int
run_snapshot (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai snapshot --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "snapshot", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai snapshot --help”", argv[1]);
}

const Verb verb_snapshot = { "snapshot", "VERB …",
                             "Take snapshots of machines, go back to them, tend their tree", run_snapshot };
