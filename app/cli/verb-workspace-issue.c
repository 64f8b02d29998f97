/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What issuers of workspaces do. */
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/library/library-workspace.h"

/* --- issue --- */

static int
run_issue (const Verb *verb, int argc, char **argv)
{
  g_auto (CliExpiry) options = { 0 };
  g_autofree char *subject = NULL, *profile = NULL;
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "for", 0, 0, G_OPTION_ARG_STRING, &subject, "Whose it is (yours)", "NAME" },
    { "profile", 'p', 0, G_OPTION_ARG_STRING, &profile,
      "What may be done with it: corporate, secure, entertainment, test, or one of your own (test)", "NAME" },
    CLI_EXPIRY_OPTIONS (&options),
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (Terms) terms = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GError *error = NULL;
  BonsaiVm *vm;
  Expiry expiry;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_read_expiry (&options, &expiry, &error) || (library = cli_open_library (&error)) == NULL
      || (vm = cli_find_vm (library, argv[1], &error)) == NULL
      || (terms = library_issue_workspace (library, vm, subject, profile != NULL ? profile : "test", &expiry,
                                           &error))
           == NULL)
    return cli_fail (error);
  json_builder_begin_object (builder);
  json_add_string (builder, "name", bonsai_vm_get_name (vm));
  json_add_string (builder, "id", terms->id);
  json_add_string (builder, "issuer", terms->issuer);
  json_builder_end_object (builder);
  if (json)
    cli_print_json (builder);
  else
    g_print ("“%s” is a workspace of %s now, by the profile “%s”.\n", bonsai_vm_get_name (vm), terms->subject,
             terms->profile);
  return EXIT_STATUS_OK;
}

/* --- renew --- */

static bool
renew_issued (const char *uuid, const Expiry *expiry, bool mend, const char *out, GError **error)
{
  g_autofree char *text = workspace_renew_issued (g_get_user_data_dir (), uuid, expiry, mend, error);

  return text != NULL && cli_write_signed (out, text, error);
}

bool
cli_renew_workspace (const char *workspace, const Expiry *expiry, bool mend, const char *out, GError **error)
{
  g_autoptr (BonsaiLibrary) library = cli_open_library (error);
  BonsaiVm *vm;

  if (library == NULL)
    return false;
  if (out != NULL)
    return renew_issued (workspace, expiry, mend, out, error);
  vm = cli_find_vm (library, workspace, error);
  return vm != NULL && library_renew_workspace (vm, expiry, mend, error);
}

static int
run_renew (const Verb *verb, int argc, char **argv)
{
  g_auto (CliExpiry) options = { 0 };
  g_autofree char *out = NULL;
  gboolean mend = false;
  const GOptionEntry entries[] = {
    CLI_EXPIRY_OPTIONS (&options),
    { "mend", 0, 0, G_OPTION_ARG_NONE, &mend,
      "Also if its record is lost, or its clock ran ahead: it begins anew, now", NULL },
    CLI_SIGNED_OUT (&out, "Of what you have offered: write the renewal into this file, for its user"),
    G_OPTION_ENTRY_NULL,
  };
  GError *error = NULL;
  Expiry expiry;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_read_expiry (&options, &expiry, &error)
      || !cli_renew_workspace (argv[1], &expiry, mend, out, &error))
    return cli_fail (error);
  if (out != NULL)
    g_print ("%s renews it: its user accepts that file (bonsai workspace accept).\n", out);
  else
    g_print ("“%s” is renewed.\n", argv[1]);
  return EXIT_STATUS_OK;
}

static int
run_revoke (const Verb *verb, int argc, char **argv)
{
  g_autofree char *out = NULL;
  const GOptionEntry entries[] = {
    CLI_SIGNED_OUT (&out, "Of what you have offered: write it into this file, for its user"),
    G_OPTION_ENTRY_NULL,
  };
  const Expiry over = { EXPIRY_DATE, g_get_real_time () / G_USEC_PER_SEC };
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_renew_workspace (argv[1], &over, false, out, &error))
    return cli_fail (error);
  if (out != NULL)
    g_print ("%s ends it once it is accepted where it is (bonsai workspace accept).\n", out);
  else
    g_print ("The time of “%s” is over.\n", argv[1]);
  return EXIT_STATUS_OK;
}

const Verb verb_workspace_issue = { "workspace issue", "MACHINE",
                                    "Put a machine, which is off, under terms that you sign", run_issue };
const Verb verb_workspace_renew = { "workspace renew", "WORKSPACE",
                                    "Change how long a workspace that you issued lasts", run_renew };
const Verb verb_workspace_revoke = { "workspace revoke", "WORKSPACE",
                                     "End a workspace that you issued, from now on", run_revoke };
