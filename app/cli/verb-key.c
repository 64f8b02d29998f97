/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#define MAX_CHORD 8

static int
run_key (const Verb *verb, int argc, char **argv)
{
  int hold = 40, status;
  const GOptionEntry entries[] = {
    { "hold", 0, 0, G_OPTION_ARG_INT, &hold, "How long each is held down (40)", "MS" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  GError *error = NULL;
  KeyUsage usages[MAX_CHORD];

  if (!cli_parse (verb, entries, &argc, &argv, 2, -1, &status))
    return status;
  if (hold < 0 || hold > 60000)
    return cli_usage (verb, "--hold must be 0 to 60000 ms");
  for (int i = 2; i < argc; i++)
    if (cli_parse_chord (argv[i], usages, MAX_CHORD, &error) == 0)
      {
        cli_fail (error);
        return EXIT_STATUS_USAGE;
      }
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  for (int i = 2; i < argc; i++)
    {
      unsigned n = cli_parse_chord (argv[i], usages, MAX_CHORD, NULL);

      for (unsigned k = 0; k < n; k++)
        cli_send_key (session, usages[k], true);
      cli_pace ((unsigned)hold);
      while (n-- > 0)
        cli_send_key (session, usages[n], false);
      cli_pace ((unsigned)hold);
    }
  return cli_finish_input (session);
}

const Verb verb_key = { "key", "NAME KEY…", "Press keys: a, f1, ret, kp-enter, ctrl+alt+delete, …", run_key };
