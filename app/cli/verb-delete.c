/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_delete (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  int status;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autofree char *item = NULL;
  GError *error = NULL;
  BonsaiVm *vm;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  library = cli_open_library (&error);
  vm = library != NULL ? cli_find_vm (library, argv[1], &error) : NULL;
  item = vm != NULL ? bonsai_library_delete (library, vm, &error) : NULL;
  if (item == NULL)
    return cli_fail (error);
  if (json)
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "deleted", item);
      json_builder_end_object (builder);
      cli_print_json (builder);
    }
  else
    g_print ("Moved to the trash. To bring it back: bonsai undelete %s\n", item);
  return EXIT_STATUS_OK;
}

const Verb verb_delete = { "delete", "NAME",
                           "Move a machine to the trash, from where “bonsai undelete” brings it back",
                           run_delete };
