/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What looks at workspaces. */
#include "app/cli/workspace.h"

#include "app/base/error.h"

static Workspace *
read_one (BonsaiVm *vm, const VmConfig *config, GError **error)
{
  const LeasePlace place = workspace_place (bonsai_vm_get_path (vm), config->uuid);

  return workspace_read (&place, bonsai_vm_get_session (vm) != NULL, error);
}

static const char *
stage_of (const Workspace *workspace)
{
  if (workspace->damage != NULL || workspace->step.verdict == LEASE_CLOCK)
    return "locked";
  return lease_stage_names[workspace->step.record.stage];
}

static void
add_state (JsonBuilder *builder, const char *name, const Workspace *workspace)
{
  g_autofree char *trusted = cli_workspace_time (workspace->step.record.time.trusted);

  json_add_string (builder, "name", name);
  json_add_string (builder, "state", stage_of (workspace));
  json_add_string (builder, "trouble", workspace->damage != NULL ? workspace->damage : workspace->clock);
  json_add_string (builder, "for", workspace->terms->subject);
  json_builder_set_member_name (builder, "remaining");
  if (workspace->damage != NULL || workspace->step.remaining == G_MAXINT64)
    json_builder_add_null_value (builder);
  else
    json_builder_add_int_value (builder, MAX (0, workspace->step.remaining));
  json_add_string (builder, "trusted-time", trusted);
}

/* --- list --- */

/* What can't be read is told as well: it is locked. */
static void
list_one (BonsaiVm *vm, JsonBuilder *builder)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autoptr (GError) error = NULL;
  g_autoptr (Workspace) workspace = config != NULL ? read_one (vm, config, &error) : NULL;
  g_autofree char *span = NULL;

  if (config == NULL || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
    return;
  if (builder != NULL)
    {
      json_builder_begin_object (builder);
      if (workspace != NULL)
        add_state (builder, config->name, workspace);
      else
        {
          json_add_string (builder, "name", config->name);
          json_add_string (builder, "state", "locked");
          json_add_string (builder, "trouble", error->message);
        }
      json_builder_end_object (builder);
      return;
    }
  span = workspace != NULL && workspace->damage == NULL ? cli_workspace_span (workspace->step.remaining)
                                                        : g_strdup ("");
  g_print ("%-11s  %-10s  %-12s  %s\n", workspace != NULL ? stage_of (workspace) : "locked", span,
           workspace != NULL ? workspace->terms->subject : "", config->name);
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  return cli_tell_machines (verb, argc, argv, "STATE        REMAINING   FOR           NAME", list_one);
}

/* --- show --- */

static void
print_json (const char *name, const Workspace *workspace)
{
  const Terms *terms = workspace->terms;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *issued = cli_workspace_time (terms->issued);

  json_builder_begin_object (builder);
  add_state (builder, name, workspace);
  json_add_string (builder, "id", terms->id);
  json_add_string (builder, "issuer", terms->issuer);
  json_add_string (builder, "issued", issued);
  json_add_string (builder, "template", terms->origin);
  json_add_int (builder, "template-version", terms->version);
  json_add_string (builder, "profile", terms->profile);
  json_add_string (builder, "expiry", expiry_kind_names[workspace->expiry.kind]);
  json_add_int (builder, "expiry-at", workspace->expiry.at);
  json_add_int (builder, "grace", terms->grace);
  json_add_string (builder, "afterwards", afterwards_names[terms->afterwards]);
  json_add_int (builder, "renewals", workspace->renewals);
  json_add_int (builder, "used", workspace->step.record.used);
  json_builder_set_member_name (builder, "permissions");
  {
    JsonNode *node = json_node_new (JSON_NODE_OBJECT);

    json_node_take_object (node, permissions_write (&terms->permissions));
    json_builder_add_value (builder, node);
  }
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static const char *
yes (bool allowed)
{
  return allowed ? "yes" : "no";
}

static void
print_permissions (const Permissions *permissions)
{
  g_autofree char *networks =
    permissions->networks != NULL ? g_strjoinv (", ", permissions->networks) : g_strdup ("any");

  g_print ("Networks   %s\nClipboard  %s\nSnapshots  %s\nCopies     %s\nEncrypted  %s\n", networks,
           clipboard_policy_names[permissions->clipboard], yes (permissions->snapshots),
           yes (permissions->export), permissions->encryption ? "disks have to be" : "as you like");
  if (permissions->from != permissions->until)
    g_print ("Hours      %02u:%02u to %02u:%02u\n", permissions->from / 60, permissions->from % 60,
             permissions->until / 60, permissions->until % 60);
}

static void
print_text (const char *name, const Workspace *workspace)
{
  g_autofree char *span = cli_workspace_span (workspace->step.remaining);
  g_autofree char *issued = cli_workspace_time (workspace->terms->issued);

  g_print ("Name       %s\nFor        %s\nState      %s\n", name, workspace->terms->subject,
           stage_of (workspace));
  if (workspace->damage != NULL)
    g_print ("Locked     %s; its issuer can mend that (bonsai workspace renew --mend)\n", workspace->damage);
  else
    g_print ("Remaining  %s\n", span);
  if (workspace->clock != NULL)
    g_print ("Locked     %s\n", workspace->clock);
  g_print ("Issued     %s\nIssuer     %s\nProfile    %s\nRenewals   %u\n", issued, workspace->terms->issuer,
           workspace->terms->profile, workspace->renewals);
  print_permissions (&workspace->terms->permissions);
}

static int
run_show (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (Workspace) workspace = NULL;
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, argv[1], &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL
      || (workspace = read_one (vm, config, &error)) == NULL)
    return cli_fail (error);
  if (json)
    print_json (config->name, workspace);
  else
    print_text (config->name, workspace);
  return EXIT_STATUS_OK;
}

const Verb verb_workspace_list = { "workspace list", "", "List the workspaces, and how long each lasts",
                                   run_list };
const Verb verb_workspace_show = { "workspace show", "MACHINE", "Show a workspace's terms and how it is",
                                   run_show };
