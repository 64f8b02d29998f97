/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/guest.h"

#include "app/base/error.h"

#include <stdio.h>
#include <unistd.h>

#define MAX_CONTENT (64u << 20)

static GVariant *
set_content (BonsaiSession *session, bool image, GError **error)
{
  g_autoptr (GBytes) bytes = guest_read_input (MAX_CONTENT, error);
  g_autofree char *text = NULL;
  const char *data;
  gsize size;
  GVariantDict arguments;

  if (bytes == NULL)
    return NULL;
  g_variant_dict_init (&arguments, NULL);
  if (image)
    {
      g_variant_dict_insert_value (&arguments, "image",
                                   g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, true));
      return guest_ask (session, "set-clipboard", g_variant_dict_end (&arguments), error);
    }
  data = g_bytes_get_data (bytes, &size);
  text = data != NULL ? g_strndup (data, size) : g_strdup ("");
  if (!g_utf8_validate (text, (gssize)size, NULL))
    {
      g_variant_dict_clear (&arguments);
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "Standard input is not text in UTF-8");
      return NULL;
    }
  g_variant_dict_insert (&arguments, "text", "s", text);
  return guest_ask (session, "set-clipboard", g_variant_dict_end (&arguments), error);
}

static GVariant *
get_content (BonsaiSession *session, const char *type, GError **error)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "type", "s", type);
  return guest_ask (session, "get-clipboard", g_variant_dict_end (&arguments), error);
}

static void
print_content (GVariant *answer)
{
  g_autoptr (GVariant) image = g_variant_lookup_value (answer, "image", G_VARIANT_TYPE_BYTESTRING);
  const char *text;

  if (image != NULL)
    fwrite (g_variant_get_data (image), 1, g_variant_get_size (image), stdout);
  else if (g_variant_lookup (answer, "text", "&s", &text))
    fputs (text, stdout);
}

static int
run_clipboard (const Verb *verb, int argc, char **argv)
{
  gboolean set = false;
  g_autofree char *type = NULL;
  bool image;
  int status;
  const GOptionEntry entries[] = {
    { "set", 0, 0, G_OPTION_ARG_NONE, &set, "Give it what standard input holds", NULL },
    { "type", 0, 0, G_OPTION_ARG_STRING, &type, "“text” or “image/png” (text)", "TYPE" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  image = g_strcmp0 (type, "image/png") == 0;
  if (type != NULL && !image && !g_str_equal (type, "text"))
    return cli_usage (verb, "--type must be text or image/png");
  if (image && !set && isatty (STDOUT_FILENO))
    return cli_usage (verb, "an image is nothing for a terminal: send it to a file, with “> FILE.png”");
  session = cli_find_session (argv[1], &error);
  if (session != NULL)
    answer = set ? set_content (session, image, &error)
                 : get_content (session, type != NULL ? type : "text", &error);
  if (answer == NULL)
    return cli_fail (error);
  if (!set)
    print_content (answer);
  return EXIT_STATUS_OK;
}

const Verb verb_guest_clipboard = {
  "guest clipboard", "NAME",
  "Print the text (or an image) in a guest's clipboard, or set it (needs spice-vdagent)", run_clipboard
};
