/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Machines that users of one computer share. */
#include "app/cli/cli.h"

#include "app/session/shared-dir.h"
#include "app/vm/vm-settings.h"

#include <pwd.h>

/* --- share --- */

typedef struct {
  char **operators, **viewers, **nobody;
  gboolean json;
} Options;

static void
options_clear (Options *options)
{
  g_strfreev (options->operators);
  g_strfreev (options->viewers);
  g_strfreev (options->nobody);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static bool
give (VmSharing **sharing, char **users, VmRole role, GError **error)
{
  for (guint i = 0; users != NULL && users[i] != NULL; i++)
    {
      VmSharing *changed = vm_sharing_with (*sharing, users[i], role, error);

      if (changed == NULL)
        return false;
      vm_sharing_unref (*sharing);
      *sharing = changed;
    }
  return true;
}

static void
print (const VmSharing *sharing, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (VmRole role = VM_ROLE_VIEWER; role < VM_N_ROLES; role++)
    for (guint i = 0; sharing->users[role] != NULL && sharing->users[role][i] != NULL; i++)
      if (!json)
        g_print ("%-9s %s\n", vm_role_names[role], sharing->users[role][i]);
      else
        {
          json_builder_begin_object (builder);
          json_add_string (builder, "user", sharing->users[role][i]);
          json_add_string (builder, "role", vm_role_names[role]);
          json_builder_end_object (builder);
        }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
}

static int
share (const char *machine, const Options *options)
{
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autoptr (VmSharing) sharing = NULL;
  GError *error = NULL;
  BonsaiVm *vm;

  if ((library = cli_open_library (&error)) == NULL || (vm = cli_find_vm (library, machine, &error)) == NULL
      || (config = cli_copy_config (vm, &error)) == NULL)
    return cli_fail (error);
  sharing = vm_sharing_ref (config->sharing);
  if (!give (&sharing, options->operators, VM_ROLE_OPERATOR, &error)
      || !give (&sharing, options->viewers, VM_ROLE_VIEWER, &error)
      || !give (&sharing, options->nobody, VM_ROLE_NONE, &error))
    return cli_fail (error);
  if (!vm_sharing_equal (sharing, config->sharing))
    {
      vm_config_set_sharing (config, sharing);
      if (!bonsai_vm_apply_config (vm, config, &error))
        return cli_fail (error);
    }
  print (sharing, options->json);
  return EXIT_STATUS_OK;
}

static int
run_share (const Verb *verb, int argc, char **argv)
{
  g_auto (Options) options = { 0 };
  const GOptionEntry entries[] = {
    { "operator", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.operators,
      "Who may work with it while you run it; “@GROUP”: all of a group", "USER" },
    { "viewer", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.viewers, "Who may see it", "USER" },
    { "remove", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.nobody, "Who may not, from now on", "USER" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  return share (argv[1], &options);
}

/* --- shared --- */

static void
tell (const SharedSocket *shared, BonsaiSession *session, JsonBuilder *builder)
{
  const struct passwd *owner = getpwuid (shared->owner);
  g_autofree char *number = g_strdup_printf ("%u", (unsigned)shared->owner);
  const char *name = owner != NULL ? owner->pw_name : number;

  if (builder == NULL)
    {
      g_print ("%-9s %s/%s\n", bonsai_state_name (bonsai_session_get_state (session)), name,
               bonsai_session_get_name (session));
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "owner", name);
  json_add_string (builder, "name", bonsai_session_get_name (session));
  json_add_string (builder, "uuid", bonsai_session_get_uuid (session));
  json_add_string (builder, "state", bonsai_state_name (bonsai_session_get_state (session)));
  json_builder_end_object (builder);
}

static int
run_shared (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GPtrArray) list = NULL;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 0, &status))
    return status;
  list = shared_dir_list ();
  json_builder_begin_array (builder);
  for (guint i = 0; i < list->len; i++)
    {
      g_autoptr (BonsaiSession) session = cli_connect_shared (g_ptr_array_index (list, i), NULL);

      if (session != NULL)
        tell (g_ptr_array_index (list, i), session, json ? builder : NULL);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
  return EXIT_STATUS_OK;
}

const Verb verb_share = { "share", "NAME", "Let other users of this computer see a machine, or work with it",
                          run_share };
const Verb verb_shared = { "shared", "", "List what others share with you, as OWNER/NAME", run_shared };
