/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What issuers of workspaces do. */
#include "app/cli/template.h"
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/workspace/profile.h"

/* --- issue --- */

/* Of which version of a template the machine is made, if it is. */
static void
find_origin (const CliSnapshots *snapshots, const VmConfig *config, Terms *terms)
{
  BonsaiVm *origin =
    config->clone_of != NULL ? bonsai_library_find (snapshots->machine.library, config->clone_of) : NULL;
  g_autoptr (SnapshotTree) tree =
    origin != NULL ? snapshot_tree_read (bonsai_vm_get_path (origin), NULL) : NULL;
  SnapshotNode *node = tree != NULL && config->clone_snapshot != NULL
                         ? snapshot_tree_find (tree, config->clone_snapshot, NULL)
                         : NULL;

  if (node == NULL || node->template_version == 0)
    return;
  terms->origin = g_strdup (config->clone_of);
  terms->version = node->template_version;
}

static bool
issue (const CliSnapshots *snapshots, const char *subject, const char *profile_name, const Expiry *expiry,
       Terms *terms, GError **error)
{
  g_autofree char *folder = profile_folder (g_get_user_config_dir ());
  g_autoptr (Profile) profile = profile_load (folder, profile_name, error);
  g_autoptr (VmConfig) config = profile != NULL ? bundle_load (snapshots->bundle, error) : NULL;
  LeasePlace place;

  if (config == NULL)
    return false;
  place = workspace_place (snapshots->bundle, config->uuid);
  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (config->uuid);
  terms->subject = g_strdup (subject);
  terms->issued = g_get_real_time () / G_USEC_PER_SEC;
  terms->expiry = *expiry;
  profile_apply (profile, terms);
  find_origin (snapshots, config, terms);
  return workspace_issue (&place, terms, error);
}

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
  g_auto (CliSnapshots) snapshots = { 0 };
  g_autoptr (Terms) terms = g_new0 (Terms, 1);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GError *error = NULL;
  Expiry expiry;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if (!cli_read_expiry (&options, &expiry, &error)
      || !cli_open_template_to_change (argv[1], &snapshots, &error)
      || !issue (&snapshots, subject != NULL ? subject : g_get_user_name (),
                 profile != NULL ? profile : "test", &expiry, terms, &error))
    return cli_fail (error);
  json_builder_begin_object (builder);
  json_add_string (builder, "name", snapshots.name);
  json_add_string (builder, "id", terms->id);
  json_add_string (builder, "issuer", terms->issuer);
  json_builder_end_object (builder);
  if (json)
    cli_print_json (builder);
  else
    g_print ("“%s” is a workspace of %s now, by the profile “%s”.\n", snapshots.name, terms->subject,
             terms->profile);
  return EXIT_STATUS_OK;
}

/* --- renew --- */

static bool
renew_machine (BonsaiVm *vm, const Expiry *expiry, bool mend, GError **error)
{
  g_autoptr (VmConfig) config = cli_copy_config (vm, error);
  LeasePlace place;

  if (config == NULL)
    return false;
  place = workspace_place (bonsai_vm_get_path (vm), config->uuid);
  return workspace_renew (&place, expiry, mend, error);
}

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
  return vm != NULL && renew_machine (vm, expiry, mend, error);
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
