/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

/* Whether it was one that crashed and waits to start again, which is off now. */
static bool
call_off_restart (const char *key, GError **error)
{
  g_autoptr (BonsaiLibrary) library = cli_open_library (NULL);
  BonsaiVm *vm = library != NULL ? cli_find_vm (library, key, NULL) : NULL;

  return vm != NULL && bonsai_vm_get_restart_time (vm) != 0 && bonsai_vm_cancel_restart (vm, error);
}

static int
run_stop (const Verb *verb, int argc, char **argv)
{
  GError *error = NULL;

  if (argc == 2 && argv[1][0] != '-' && (call_off_restart (argv[1], &error) || error != NULL))
    return error != NULL ? cli_fail (error) : EXIT_STATUS_OK;
  return cli_control (verb, argc, argv, BONSAI_CONTROL_POWER_OFF);
}

const Verb verb_stop = { "stop", "NAME", "Pull a machine's plug; what the guest has not written is lost",
                         run_stop };
