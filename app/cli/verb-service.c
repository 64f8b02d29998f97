/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/service/service.h"

#include <glib-unix.h>

#define REST_MS 30000 /* after the last caller has left the bus */

static void
end (gpointer loop)
{
  g_main_loop_quit (loop);
}

static gboolean
on_signal (gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_CONTINUE;
}

static int
run_service (const Verb *verb, int argc, char **argv)
{
  gboolean stay = false;
  const GOptionEntry entries[] = {
    { "stay", 0, 0, G_OPTION_ARG_NONE, &stay, "Don't end when nobody on the bus needs it", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GMainLoop) loop = NULL;
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (GDBusConnection) bus = NULL;
  g_autoptr (BonsaiService) service = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  if ((bus = g_bus_get_sync (G_BUS_TYPE_SESSION, NULL, &error)) == NULL
      || (library = cli_open_library (&error)) == NULL)
    return cli_fail (error);
  loop = g_main_loop_new (NULL, FALSE);
  g_unix_signal_add (SIGTERM, on_signal, loop);
  g_unix_signal_add (SIGINT, on_signal, loop);
  service = bonsai_service_new (library, bus, stay ? 0 : REST_MS, end, loop, &error);
  if (service == NULL)
    return cli_fail (error);
  g_main_loop_run (loop);
  bonsai_library_flush_events (library);
  return EXIT_STATUS_OK;
}

const Verb verb_service = {
  "service", "", "Offer all this to other programs on the session's bus, which starts it by itself",
  run_service
};
