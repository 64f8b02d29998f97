/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_pause (const Verb *verb, int argc, char **argv)
{
  return cli_control (verb, argc, argv, BONSAI_CONTROL_PAUSE);
}

const Verb verb_pause = { "pause", "NAME", "Stop a machine's clock and processors for a while", run_pause };
