/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_stop (const Verb *verb, int argc, char **argv)
{
  return cli_control (verb, argc, argv, BONSAI_CONTROL_POWER_OFF);
}

const Verb verb_stop = { "stop", "NAME", "Pull a machine's plug; what the guest has not written is lost",
                         run_stop };
