/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/base/error.h"

#define DEFAULT_TIMEOUT_S 60

static int
run_shutdown (const Verb *verb, int argc, char **argv)
{
  int timeout = DEFAULT_TIMEOUT_S, status;
  const GOptionEntry entries[] = {
    { "timeout", 't', 0, G_OPTION_ARG_INT, &timeout, "How long the guest may take (60)", "SECONDS" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autofree char *path = NULL;
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (timeout < 1 || timeout > 86400)
    return cli_usage (verb, "the timeout must be 1 to 86400 seconds");
  session = cli_find_session_of (argv[1], &path, &error);
  if (session == NULL)
    return cli_fail (error);
  bonsai_session_control_async (session, BONSAI_CONTROL_SHUTDOWN, (unsigned)timeout * 1000, NULL,
                                cli_wait_ready, &wait);
  if (bonsai_session_control_finish (session, cli_wait (&wait), &error))
    {
      cli_await_release (path);
      return EXIT_STATUS_OK;
    }
  status =
    g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_TIMED_OUT) ? EXIT_STATUS_TIMEOUT : EXIT_STATUS_ERROR;
  cli_fail (error);
  return status;
}

const Verb verb_shutdown = { "shutdown", "NAME",
                             "Ask a guest to shut down (ACPI power button), and wait until it is off",
                             run_shutdown };
