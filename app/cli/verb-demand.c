/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/demand/demand.h"

#include <glib-unix.h>
#include <signal.h>

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static int
run_demand (const Verb *verb, int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (Demand) demand = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 0, 0, &status))
    return status;
  library = cli_open_library (&error);
  demand = library != NULL ? demand_new (library, &error) : NULL;
  if (demand == NULL)
    return cli_fail (error);
  g_unix_signal_add (SIGINT, on_signal, loop);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_main_loop_run (loop);
  return EXIT_STATUS_OK;
}

const Verb verb_demand = {
  "demand", "", "Start machines when somebody connects to their ports; a service does so by itself",
  run_demand
};
