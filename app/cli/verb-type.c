/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"
#include "app/session/key-text.h"

static void
type_char (BonsaiSession *session, gunichar character, unsigned delay)
{
  key_text_press (session, character, true);
  cli_pace (delay);
  key_text_press (session, character, false);
  cli_pace (delay);
}

static int
run_type (const Verb *verb, int argc, char **argv)
{
  int delay = 15, status;
  gboolean enter = false;
  const GOptionEntry entries[] = {
    { "delay", 0, 0, G_OPTION_ARG_INT, &delay, "Time between strokes (15); slow guests need more", "MS" },
    { "enter", 0, 0, G_OPTION_ARG_NONE, &enter, "Press Enter after it", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 2, 2, &status))
    return status;
  if (delay < 1 || delay > 10000)
    return cli_usage (verb, "--delay must be 1 to 10000 ms");
  if (!key_text_check (argv[2], &error))
    {
      g_printerr ("bonsai type: %s\n", error->message);
      g_error_free (error);
      return EXIT_STATUS_USAGE;
    }
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  for (const char *at = argv[2]; *at != '\0'; at = g_utf8_next_char (at))
    type_char (session, g_utf8_get_char (at), (unsigned)delay);
  if (enter)
    type_char (session, '\n', (unsigned)delay);
  return cli_finish_input (session);
}

const Verb verb_type = { "type", "NAME TEXT", "Type text on a machine's keyboard (US layout)", run_type };
