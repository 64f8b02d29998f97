/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static bool
is_suspended (const char *key)
{
  g_autoptr (BonsaiLibrary) library = cli_open_library (NULL);
  BonsaiVm *vm = library != NULL ? bonsai_library_find (library, key) : NULL;

  return vm != NULL && bonsai_vm_get_state (vm) == BONSAI_STATE_SUSPENDED;
}

/* One that was suspended to disk is started: options are that verb's, then. */
static int
run_resume (const Verb *verb, int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    if (argv[i][0] != '-' && is_suspended (argv[i]))
      return verb_start.run (&verb_start, argc, argv);
  return cli_control (verb, argc, argv, BONSAI_CONTROL_RESUME);
}

const Verb verb_resume = { "resume", "NAME", "Let a paused machine run on, or a suspended one", run_resume };
