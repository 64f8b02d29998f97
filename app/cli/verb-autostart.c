/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static void
print_list (BonsaiLibrary *library, bool json)
{
  g_autoptr (GPtrArray) machines = bonsai_library_list_autostart (library);
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  json_builder_begin_array (builder);
  for (guint i = 0; i < machines->len; i++)
    {
      const VmConfig *config = bonsai_vm_get_config (g_ptr_array_index (machines, i));

      if (!json)
        g_print ("%4u  %s\n", config->autostart_order, config->name);
      json_builder_begin_object (builder);
      json_add_string (builder, "name", config->name);
      json_add_string (builder, "uuid", config->uuid);
      json_add_int (builder, "order", config->autostart_order);
      json_builder_end_object (builder);
    }
  json_builder_end_array (builder);
  if (json)
    cli_print_json (builder);
}

static bool
is_locked (BonsaiVm *vm, GError **error)
{
  g_auto (CliWait) wait = { 0 };
  g_auto (GStrv) disks = NULL;

  bonsai_vm_find_locked_async (vm, NULL, cli_wait_ready, &wait);
  disks = bonsai_vm_find_locked_finish (vm, cli_wait (&wait), error);
  if (disks != NULL && disks[0] == NULL)
    return false;
  if (disks != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                 "%s needs a passphrase, and nobody is asked at log-in; give the disk a “secret-file”",
                 disks[0]);
  return true;
}

static bool
start (BonsaiVm *vm, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (is_locked (vm, error))
    return false;
  bonsai_vm_start_async (vm, BONSAI_START_OWN_PROCESS | BONSAI_START_HEADLESS, NULL, cli_wait_ready, &wait);
  return bonsai_vm_start_finish (vm, cli_wait (&wait), error);
}

/* One after the other, each when the one before it runs; one that can't start holds up no other. */
static int
start_all (BonsaiLibrary *library)
{
  g_autoptr (GPtrArray) machines = bonsai_library_list_autostart (library);
  int status = EXIT_STATUS_OK;

  for (guint i = 0; i < machines->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (machines, i);
      g_autoptr (GError) error = NULL;

      if (bonsai_vm_get_session (vm) != NULL || start (vm, &error))
        continue;
      g_printerr ("bonsai: %s: %s\n", bonsai_vm_get_name (vm), error->message);
      status = EXIT_STATUS_ERROR;
    }
  return status;
}

static int
change (BonsaiLibrary *library, const char *name, bool on, int order)
{
  GError *error = NULL;
  BonsaiVm *vm = cli_find_vm (library, name, &error);
  g_autoptr (VmConfig) config = vm != NULL ? cli_copy_config (vm, &error) : NULL;

  if (config == NULL)
    return cli_fail (error);
  config->autostart = on;
  if (order >= 0)
    config->autostart_order = (unsigned)order;
  if (!bonsai_vm_save_config (vm, config, &error) || !bonsai_library_update_desktop (library, &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

static int
run_autostart (const Verb *verb, int argc, char **argv)
{
  gboolean json = false, list = false, on = false;
  int order = -1, status;
  const GOptionEntry entries[] = {
    { "list", 0, 0, G_OPTION_ARG_NONE, &list, "List the machines that start, in their order", NULL },
    { "order", 0, 0, G_OPTION_ARG_INT, &order, "Its place: lower numbers start earlier (0)", "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  GError *error = NULL;

  if (!cli_parse (verb, entries, &argc, &argv, 0, 2, &status))
    return status;
  if (argc > 1 && (argc == 2 || !cli_parse_switch (argv[2], &on)))
    return cli_usage (verb, "say “on” or “off” after the machine");
  library = cli_open_library (&error);
  if (library == NULL)
    return cli_fail (error);
  if (argc > 1)
    return change (library, argv[1], on, order);
  if (!list && !json)
    return start_all (library);
  print_list (library, json);
  return EXIT_STATUS_OK;
}

const Verb verb_autostart = { "autostart", "[NAME on | off]",
                              "Start the machines that are to run when you log in; or say whether one is",
                              run_autostart };
