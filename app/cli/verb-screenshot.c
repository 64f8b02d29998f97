/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_screenshot (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  int head = 1, status;
  const GOptionEntry entries[] = {
    { "head", 0, 0, G_OPTION_ARG_INT, &head, "Which of its screens, from 1 (1)", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print the picture's path and size as JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (Surface) surface = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  bonsai_session_grab_async (session, head > 0 ? (unsigned)head - 1 : G_MAXUINT, 0, 0, NULL, cli_wait_ready,
                             &wait);
  surface = bonsai_session_grab_finish (session, cli_wait (&wait), &error);
  if (surface == NULL || !surface_save_png (surface, argv[2], &error))
    return cli_fail (error);
  if (json)
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "path", argv[2]);
      json_add_int (builder, "width", surface->width);
      json_add_int (builder, "height", surface->height);
      json_builder_end_object (builder);
      cli_print_json (builder);
    }
  return EXIT_STATUS_OK;
}

const Verb verb_screenshot = { "screenshot", "NAME FILE.png",
                               "Save a running machine's screen as a PNG picture", run_screenshot };
