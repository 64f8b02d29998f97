/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workspaces that come as files, and renewals of them: their user's side. */
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/library/library-offer.h"

static void
tell (const char *name, const Terms *terms, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("“%s” is a workspace of %s, issued by %s.\n", name, terms->subject, terms->issuer);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "name", name);
  json_add_string (builder, "workspace", terms->machine);
  json_add_string (builder, "issuer", terms->issuer);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static bool
accept_offer (BonsaiLibrary *library, const Offer *offer, const char *issuer, const char *template, bool json,
              GError **error)
{
  g_auto (CliWait) wait = { 0 };
  BonsaiVm *vm;

  if (issuer != NULL && !g_str_equal (issuer, offer->terms->issuer))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED, "The offer is by %s, and not by %s",
                   offer->terms->issuer, issuer);
      return false;
    }
  library_accept_offer_async (library, offer, template, NULL, NULL, NULL, cli_wait_ready, &wait);
  vm = library_accept_offer_finish (library, cli_wait (&wait), error);
  if (vm == NULL)
    return false;
  cli_tell_desktop (library);
  tell (bonsai_vm_get_name (vm), offer->terms, json);
  return true;
}

static bool
accept_renewal (BonsaiLibrary *library, const char *text, gsize length, const char *file, GError **error)
{
  BonsaiVm *vm = library_accept_renewal (library, text, length, file, error);

  if (vm != NULL)
    g_print ("“%s” is renewed.\n", bonsai_vm_get_name (vm));
  return vm != NULL;
}

static int
run_accept (const Verb *verb, int argc, char **argv)
{
  g_autofree char *issuer = NULL, *template = NULL, *text = NULL;
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "issuer", 0, 0, G_OPTION_ARG_STRING, &issuer, "Only from this one: ed25519:…", "KEY" },
    { "template", 0, 0, G_OPTION_ARG_FILENAME, &template,
      "The folder of the template, if that isn't in the library yet", "FOLDER" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (Offer) offer = NULL;
  gsize length = 0;
  GError *error = NULL;
  bool done;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((text = cli_read_signed (argv[1], &length, &error)) == NULL
      || (library = cli_open_library (&error)) == NULL)
    return cli_fail (error);
  if (!offer_is_one (text, length))
    done = accept_renewal (library, text, length, argv[1], &error);
  else
    done = (offer = offer_read (text, length, argv[1], &error)) != NULL
           && accept_offer (library, offer, issuer, template, json, &error);
  return done ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_workspace_accept = { "workspace accept", "FILE",
                                     "Get the workspace that a file offers, or a renewal of one",
                                     run_accept };
