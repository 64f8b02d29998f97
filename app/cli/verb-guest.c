/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/guest.h"

#include "app/base/error.h"

#include <errno.h>
#include <unistd.h>

static const Verb *const verbs[] = {
  &verb_guest_info,     &verb_guest_addresses, &verb_guest_exec,      &verb_guest_read,
  &verb_guest_write,    &verb_guest_time,      &verb_guest_freeze,    &verb_guest_thaw,
  &verb_guest_password, &verb_guest_shutdown,  &verb_guest_clipboard,
};

GVariant *
guest_ask (BonsaiSession *session, const char *operation, GVariant *arguments, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  bonsai_session_ask_guest_async (session, operation, arguments, NULL, cli_wait_ready, &wait);
  return bonsai_session_ask_guest_finish (session, cli_wait (&wait), error);
}

GVariant *
guest_ask_simply (const char *name, const char *operation, GError **error)
{
  g_autoptr (BonsaiSession) session = cli_find_session (name, error);

  return session != NULL ? guest_ask (session, operation, g_variant_new ("a{sv}", NULL), error) : NULL;
}

GBytes *
guest_read_input (gsize max, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint8 chunk[65536];
  ssize_t n;

  while ((n = read (STDIN_FILENO, chunk, sizeof chunk)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          bonsai_set_errno_error (error, errno, "Can't read standard input");
          return NULL;
        }
      g_byte_array_append (bytes, chunk, (guint)n);
      if (bytes->len > max)
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                       "Standard input is more than the %" G_GSIZE_FORMAT " MiB that fit", max >> 20);
          return NULL;
        }
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static void
print_help (const Verb *verb)
{
  g_print ("Usage: bonsai guest VERB [OPTION…] NAME …\n\n%s\n\n", verb->summary);
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name + sizeof "guest", verbs[i]->summary);
  g_print ("\nThe guest needs the package qemu-guest-agent.\n“bonsai guest VERB --help” has the options, "
           "bonsai(1) the rest.\n");
}

static int
run_guest (const Verb *verb, int argc, char **argv)
{
  if (argc < 2)
    return cli_usage (verb, "it needs a verb; see “bonsai guest --help”");
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help (verb);
      return EXIT_STATUS_OK;
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name + sizeof "guest", argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  return cli_usage (verb, "“%s” is no verb of it; see “bonsai guest --help”", argv[1]);
}

const Verb verb_guest = { "guest", "VERB …",
                          "Ask a guest's agent: addresses, programs, files, time, freezing", run_guest };
