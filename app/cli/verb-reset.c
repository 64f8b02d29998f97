/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_reset (const Verb *verb, int argc, char **argv)
{
  return cli_control (verb, argc, argv, BONSAI_CONTROL_RESET);
}

const Verb verb_reset = { "reset", "NAME", "Press a machine's reset button", run_reset };
