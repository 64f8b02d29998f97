/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

static int
run_undelete (const Verb *verb, int argc, char **argv)
{
  gboolean json = false;
  int status;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  GError *error = NULL;
  BonsaiVm *vm;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  library = cli_open_library (&error);
  vm = library != NULL ? bonsai_library_undelete (library, argv[1], &error) : NULL;
  if (vm == NULL)
    return cli_fail (error);
  if (json)
    {
      json_builder_begin_object (builder);
      json_add_string (builder, "name", bonsai_vm_get_name (vm));
      json_add_string (builder, "uuid", bonsai_vm_get_uuid (vm));
      json_add_string (builder, "path", bonsai_vm_get_path (vm));
      json_builder_end_object (builder);
      cli_print_json (builder);
    }
  else
    g_print ("“%s” is back.\n", bonsai_vm_get_name (vm));
  return EXIT_STATUS_OK;
}

const Verb verb_undelete = { "undelete", "NAME",
                             "Bring a deleted machine back; the last deleted one of that name",
                             run_undelete };
