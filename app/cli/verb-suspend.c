/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

static int
run_suspend (const Verb *verb, int argc, char **argv)
{
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) result = NULL;
  g_autofree char *path = NULL;
  gboolean show = false;
  const GOptionEntry entries[] = {
    { "progress", 0, 0, G_OPTION_ARG_NONE, &show, "Say how far it is also where there is no terminal", NULL },
    G_OPTION_ENTRY_NULL,
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  session = cli_find_session_of (argv[1], &path, &error);
  if (session == NULL)
    return cli_fail (error);
  result = cli_change_snapshots (session, "suspend", NULL, show, &error);
  if (result == NULL)
    return cli_fail (error);
  cli_await_release (path);
  return EXIT_STATUS_OK;
}

const Verb verb_suspend = {
  "suspend", "NAME",
  "Save what a running machine is doing to disk and switch it off; start goes on from there", run_suspend
};
