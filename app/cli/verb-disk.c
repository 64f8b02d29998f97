/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

static const Verb *const verbs[] = {
  &verb_disk_create,  &verb_disk_info,   &verb_disk_check,  &verb_disk_convert,    &verb_disk_resize,
  &verb_disk_compact, &verb_disk_map,    &verb_disk_rebase, &verb_disk_commit,     &verb_disk_compare,
  &verb_disk_attach,  &verb_disk_detach, &verb_disk_limit,  &verb_disk_passphrase,
};

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai disk VERB [OPTION…] …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "disk", verbs[i]->summary);
  g_print (
    "\nA disk is a file, or MACHINE:DISK as in “Debian:disk0”.\n“bonsai disk VERB --help” has the options, "
    "bonsai(1) the rest.\n");
}

static int
run_disk (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai disk --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "disk", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai disk --help”", argv[1]);
}

const Verb verb_disk = { "disk", "VERB …", "Make, look at, check, convert and change disk images", run_disk };
