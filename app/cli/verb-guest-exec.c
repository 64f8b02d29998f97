/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service.h"
#include "app/base/error.h"
#include "app/cli/guest.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* --- programs --- */

static void
pass_on (GVariant *answer, const char *key, FILE *to)
{
  g_autoptr (GVariant) bytes = g_variant_lookup_value (answer, key, G_VARIANT_TYPE_BYTESTRING);
  gconstpointer content;
  gsize size;

  if (bytes == NULL)
    return;
  content = g_variant_get_fixed_array (bytes, &size, 1);
  fwrite (content, 1, size, to);
  fflush (to);
}

static void
add_bytes (JsonBuilder *builder, GVariant *answer, const char *key)
{
  g_autoptr (GVariant) bytes = g_variant_lookup_value (answer, key, G_VARIANT_TYPE_BYTESTRING);
  g_autofree char *encoded = NULL;
  gconstpointer content = NULL;
  gsize size = 0;

  if (bytes != NULL)
    content = g_variant_get_fixed_array (bytes, &size, 1);
  encoded = g_base64_encode (content, size);
  json_add_string (builder, key, encoded);
}

static void
print_json (GVariant *answer)
{
  static const char *const numbers[] = { "exit-status", "signal" };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  gboolean truncated = false;
  gint32 value;

  json_builder_begin_object (builder);
  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++)
    if (g_variant_lookup (answer, numbers[i], "i", &value))
      json_add_int (builder, numbers[i], value);
  add_bytes (builder, answer, "output");
  add_bytes (builder, answer, "errors");
  g_variant_lookup (answer, "truncated", "b", &truncated);
  json_add_bool (builder, "truncated", truncated);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
report (GVariant *answer, bool json)
{
  gboolean truncated = false;
  gint32 status = 0, signal = 0;

  if (json)
    print_json (answer);
  else
    {
      pass_on (answer, "output", stdout);
      pass_on (answer, "errors", stderr);
      g_variant_lookup (answer, "truncated", "b", &truncated);
      if (truncated)
        g_printerr ("bonsai: the agent kept no more than the beginning of the output\n");
    }
  if (g_variant_lookup (answer, "signal", "i", &signal))
    return 128 + signal;
  g_variant_lookup (answer, "exit-status", "i", &status);
  return status & 0xff;
}

static int
fail (GError *error)
{
  cli_fail (error);
  return GUEST_EXEC_FAILED;
}

static int
run_exec (const Verb *verb, int argc, char **argv)
{
  gboolean with_input = false, json = false;
  g_auto (GStrv) environment = NULL;
  int timeout = 0, status;
  const GOptionEntry entries[] = {
    { "input", 'i', 0, G_OPTION_ARG_NONE, &with_input, "The program reads this one's standard input", NULL },
    { "env", 'e', 0, G_OPTION_ARG_STRING_ARRAY, &environment, "A variable of its environment", "NAME=VALUE" },
    { "timeout", 't', 0, G_OPTION_ARG_INT, &timeout, "How long to wait for its end (for ever)", "SECONDS" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON, the output in base64", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) answer = NULL;
  GVariantDict arguments;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 2, -1, &status))
    return status;
  if (timeout < 0)
    return cli_usage (verb, "--timeout must be 0 or more seconds");
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return fail (error);
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert_value (&arguments, "command",
                               g_variant_new_strv ((const char *const *)argv + 2, argc - 2));
  if (environment != NULL)
    g_variant_dict_insert_value (&arguments, "environment",
                                 g_variant_new_strv ((const char *const *)environment, -1));
  g_variant_dict_insert (&arguments, "timeout", "u", (guint32)timeout);
  if (with_input)
    {
      g_autoptr (GBytes) input = guest_read_input (GUEST_INPUT_MAX, &error);

      if (input == NULL)
        {
          g_variant_dict_clear (&arguments);
          return fail (error);
        }
      g_variant_dict_insert_value (&arguments, "input",
                                   g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, input, TRUE));
    }
  answer = guest_ask (session, "exec", g_variant_dict_end (&arguments), &error);
  return answer != NULL ? report (answer, json) : fail (error);
}

const Verb verb_guest_exec = { "guest exec", "NAME PROGRAM [ARGUMENT…]",
                               "Run a program in a guest; its output comes when it has ended", run_exec };

/* --- files --- */

static GVariant *
ask_with_path (char **argv, const char *operation, GBytes *content, GError **error)
{
  g_autoptr (BonsaiSession) session = cli_find_session (argv[1], error);
  GVariantDict arguments;

  if (session == NULL)
    return NULL;
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "path", "s", argv[2]);
  if (content != NULL)
    g_variant_dict_insert_value (&arguments, "content",
                                 g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, content, TRUE));
  return guest_ask (session, operation, g_variant_dict_end (&arguments), error);
}

static int
run_read (const Verb *verb, int argc, char **argv)
{
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, 2, &status))
    return status;
  answer = ask_with_path (argv, "read-file", NULL, &error);
  if (answer == NULL)
    return cli_fail (error);
  pass_on (answer, "content", stdout);
  return EXIT_STATUS_OK;
}

const Verb verb_guest_read = { "guest read", "NAME FILE", "Print a file of a guest", run_read };

static int
run_write (const Verb *verb, int argc, char **argv)
{
  g_autoptr (GBytes) content = NULL;
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, 2, &status))
    return status;
  content = guest_read_input (GUEST_FILE_MAX, &error);
  if (content != NULL)
    answer = ask_with_path (argv, "write-file", content, &error);
  return answer != NULL ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_guest_write = { "guest write", "NAME FILE", "Write standard input to a file of a guest",
                                run_write };

/* --- passwords --- */

#define MAX_PASSWORD 1000

/* A line of standard input, not shown while it is typed. NULL if there is none, or none that fits. */
static char *
read_password (void)
{
  struct termios before, quiet;
  bool is_terminal = tcgetattr (STDIN_FILENO, &before) == 0;
  char line[MAX_PASSWORD + 2];
  char *got;

  if (is_terminal)
    {
      quiet = before;
      quiet.c_lflag &= ~(tcflag_t)ECHO;
      g_printerr ("New password: ");
      tcsetattr (STDIN_FILENO, TCSAFLUSH, &quiet);
    }
  got = fgets (line, sizeof line, stdin);
  if (is_terminal)
    {
      tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
      g_printerr ("\n");
    }
  return got != NULL && strcspn (line, "\n") <= MAX_PASSWORD ? g_strndup (line, strcspn (line, "\n")) : NULL;
}

static int
run_password (const Verb *verb, int argc, char **argv)
{
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) answer = NULL;
  g_autofree char *password = NULL;
  GVariantDict arguments;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 2, 2, &status))
    return status;
  session = cli_find_session (argv[1], &error);
  if (session == NULL)
    return cli_fail (error);
  password = read_password ();
  if (password == NULL || password[0] == '\0')
    return cli_usage (verb, "standard input gave no password of up to 1000 bytes");
  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "user", "s", argv[2]);
  g_variant_dict_insert (&arguments, "password", "s", password);
  answer = guest_ask (session, "set-password", g_variant_dict_end (&arguments), &error);
  return answer != NULL ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_guest_password = { "guest password", "NAME USER",
                                   "Set the password of a guest's user to a line of standard input",
                                   run_password };
