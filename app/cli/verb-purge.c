/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_purge (const Verb *verb, int argc, char **argv)
{
  gboolean all = false;
  int status;
  const GOptionEntry entries[] = {
    { "all", 0, 0, G_OPTION_ARG_NONE, &all, "Empty the trash", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 1, &status))
    return status;
  if (all == (argc > 1))
    return cli_usage (verb, "name a deleted machine, or give --all");
  library = cli_open_library (&error);
  if (library == NULL || !bonsai_library_purge (library, all ? NULL : argv[1], &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_purge = { "purge", "NAME | --all", "Remove deleted machines and their disks for good",
                          run_purge };
