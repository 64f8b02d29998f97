/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include <string.h>

static bool
set_link (const CliMachine *machine, const char *nic, bool up, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm == NULL)
    {
      bonsai_session_set_link_async (machine->session, nic, up, NULL, cli_wait_ready, &wait);
      return bonsai_session_set_link_finish (machine->session, cli_wait (&wait), error);
    }
  bonsai_vm_set_link_async (machine->vm, nic, up, NULL, cli_wait_ready, &wait);
  return bonsai_vm_set_link_finish (machine->vm, cli_wait (&wait), error);
}

/* Cuts "MACHINE:NIC" in two, at the last colon. */
static char *
split (const char *argument, char **name)
{
  const char *colon = strrchr (argument, ':');

  if (colon == NULL || colon == argument || colon[1] == '\0')
    return NULL;
  *name = g_strndup (argument, (gsize)(colon - argument));
  return g_strdup (colon + 1);
}

static int
run_link (const Verb *verb, int argc, char **argv)
{
  g_autofree char *name = NULL, *nic = NULL;
  g_auto (CliMachine) machine = { 0 };
  GError *error = NULL;
  int status;
  bool up;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, 2, &status))
    return status;
  nic = split (argv[1], &name);
  up = g_str_equal (argv[2], "up");
  if (nic == NULL || (!up && !g_str_equal (argv[2], "down")))
    return cli_usage (verb, "say MACHINE:NIC, as in “Debian:net0”, and “up” or “down”");
  if (!cli_find_machine (name, &machine, &error) || !set_link (&machine, nic, up, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_link = { "link", "MACHINE:NIC up | down", "Plug a network card's cable in, or pull it out",
                         run_link };
