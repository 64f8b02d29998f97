/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/guest.h"

#include "app/base/error.h"

#include <stdio.h>

#define MAX_TEXT (64u << 20)

static GVariant *
set_text (BonsaiSession *session, GError **error)
{
  g_autoptr (GBytes) bytes = guest_read_input (MAX_TEXT, error);
  g_autofree char *text = NULL;
  GVariantDict arguments;

  if (bytes == NULL)
    return NULL;
  text = g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "Standard input is not text in UTF-8");
      return NULL;
    }
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "text", "s", text);
  return guest_ask (session, "set-clipboard", g_variant_dict_end (&arguments), error);
}

static int
run_clipboard (const Verb *verb, int argc, char **argv)
{
  gboolean set = false;
  int status;
  const GOptionEntry entries[] = {
    { "set", 0, 0, G_OPTION_ARG_NONE, &set, "Give it what standard input holds", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  const char *text = "";

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  session = cli_find_session (argv[1], &error);
  if (session != NULL && set)
    answer = set_text (session, &error);
  else if (session != NULL)
    answer = guest_ask (session, "get-clipboard", g_variant_new ("a{sv}", NULL), &error);
  if (answer == NULL)
    return cli_fail (error);
  if (!set && g_variant_lookup (answer, "text", "&s", &text))
    fputs (text, stdout);
  return EXIT_STATUS_OK;
}

const Verb verb_guest_clipboard = { "guest clipboard", "NAME",
                                    "Print the text in a guest's clipboard, or set it (needs spice-vdagent)",
                                    run_clipboard };
