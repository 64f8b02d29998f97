/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What looks at workspaces. */
#include "app/cli/workspace.h"

#include "app/base/error.h"
#include "app/library/library-workspace.h"
#include "app/workspace/workspace-json.h"

/* --- list --- */

/* What can't be read is told as well: it is locked. */
static void
list_one (BonsaiVm *vm, JsonBuilder *builder)
{
  const VmConfig *config = bonsai_vm_get_config (vm);
  g_autoptr (GError) error = NULL;
  g_autoptr (Workspace) workspace = config != NULL ? library_read_workspace (vm, &error) : NULL;
  g_autofree char *span = NULL;

  if (config == NULL || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND))
    return;
  if (builder != NULL)
    {
      json_builder_begin_object (builder);
      if (workspace != NULL)
        workspace_add_json (builder, config->name, workspace);
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
  g_print ("%-11s  %-10s  %-12s  %s\n", workspace != NULL ? workspace_state_name (workspace) : "locked", span,
           workspace != NULL ? workspace->terms->subject : "", config->name);
}

static int
run_list (const Verb *verb, int argc, char **argv)
{
  return cli_tell_machines (verb, argc, argv, "STATE        REMAINING   FOR           NAME", list_one);
}

/* --- show --- */

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
  g_autofree char *issued = workspace_time_text (workspace->terms->issued);

  g_print ("Name       %s\nFor        %s\nState      %s\n", name, workspace->terms->subject,
           workspace_state_name (workspace));
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
  g_autofree char *text = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, argv[1], &error)) == NULL
      || (workspace = library_read_workspace (vm, &error)) == NULL)
    return cli_fail (error);
  if (json)
    g_print ("%s\n", text = workspace_to_json (bonsai_vm_get_name (vm), workspace));
  else
    print_text (bonsai_vm_get_name (vm), workspace);
  return EXIT_STATUS_OK;
}

const Verb verb_workspace_list = { "workspace list", "", "List the workspaces, and how long each lasts",
                                   run_list };
const Verb verb_workspace_show = { "workspace show", "MACHINE", "Show a workspace's terms and how it is",
                                   run_show };
