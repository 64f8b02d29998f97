/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

static bool
change (const CliMachine *machine, const char *drive, const char *path, bool force, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm == NULL)
    {
      bonsai_session_change_medium_async (machine->session, drive, path, force, NULL, cli_wait_ready, &wait);
      return bonsai_session_change_medium_finish (machine->session, cli_wait (&wait), error);
    }
  bonsai_vm_change_medium_async (machine->vm, drive, path, force, NULL, cli_wait_ready, &wait);
  return bonsai_vm_change_medium_finish (machine->vm, cli_wait (&wait), error);
}

static int
run_cd (const Verb *verb, int argc, char **argv)
{
  g_autofree char *drive = NULL, *path = NULL;
  gboolean force = false;
  int status;
  const GOptionEntry entries[] = {
    { "drive", 0, 0, G_OPTION_ARG_STRING, &drive, "The drive, if there are several", "ID" },
    { "force", 0, 0, G_OPTION_ARG_NONE, &force, "Even if the guest has locked the tray", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliMachine) machine = { 0 };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 3, &status))
    return status;
  if (g_str_equal (argv[2], "insert") && argc == 4)
    path = g_canonicalize_filename (argv[3], NULL);
  else if (!g_str_equal (argv[2], "eject") || argc != 3)
    return cli_usage (verb, "say “insert FILE” or “eject”");
  if (!cli_find_machine (argv[1], &machine, &error) || !change (&machine, drive, path, force, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_cd = { "cd", "NAME insert FILE | eject", "Change the medium in a machine's CD-ROM drive",
                       run_cd };
