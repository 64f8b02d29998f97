/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_resume (const Verb *verb, int argc, char **argv)
{
  return cli_control (verb, argc, argv, BONSAI_CONTROL_RESUME);
}

const Verb verb_resume = { "resume", "NAME", "Let a paused machine run on", run_resume };
