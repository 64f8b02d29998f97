/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static void
print_launchers (BonsaiLibrary *library, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
      const VmConfig *config = bonsai_vm_get_config (vm);

      if (config == NULL)
        continue;
      if (!json)
        g_print ("%-3s  %s\n", config->launcher ? "on" : "off", config->name);
      json_builder_begin_object (builder);
      json_add_string (builder, "name", config->name);
      json_add_string (builder, "uuid", config->uuid);
      json_add_bool (builder, "launcher", config->launcher);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
}

static int
run_launcher (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, on = false;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (VmConfig) config = NULL;
  GError *error = NULL;
  BonsaiVm *vm;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 2, &status))
    return status;
  if (argc > 1 && (argc == 2 || !cli_parse_switch (argv[2], &on)))
    return cli_usage (verb, "say “on” or “off” after the machine");
  library = cli_open_library (&error);
  if (library == NULL)
    return cli_fail (error);
  if (argc == 1)
    {
      print_launchers (library, json);
      return EXIT_STATUS_OK;
    }
  vm = cli_find_vm (library, argv[1], &error);
  config = vm != NULL ? cli_copy_config (vm, &error) : NULL;
  if (config == NULL)
    return cli_fail (error);
  config->launcher = on;
  if (!bonsai_vm_save_config (vm, config, &error) || !bonsai_library_update_desktop (library, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

const Verb verb_launcher = { "launcher", "[NAME on | off]",
                             "Machines in the desktop's menu of applications: list them, add, remove",
                             run_launcher };
