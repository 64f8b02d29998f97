/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/disk.h"

#include <string.h>

static bool
detach (const CliMachine *machine, const char *id, bool force, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  if (machine->vm == NULL)
    {
      bonsai_session_detach_disk_async (machine->session, id, force, NULL, cli_wait_ready, &wait);
      return bonsai_session_detach_disk_finish (machine->session, cli_wait (&wait), error);
    }
  bonsai_vm_detach_disk_async (machine->vm, id, force, NULL, cli_wait_ready, &wait);
  return bonsai_vm_detach_disk_finish (machine->vm, cli_wait (&wait), error);
}

static void
print (const char *id, const char *name, bool running, bool json)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();

  if (!json)
    {
      g_print ("%s is detached from “%s”.\n", id, name);
      return;
    }
  json_builder_begin_object (builder);
  json_add_string (builder, "id", id);
  json_add_bool (builder, "running", running);
  json_builder_end_object (builder);
  cli_print_json (builder);
}

static int
run_detach (const Verb *verb, int argc, char **argv)
{
  gboolean force = false, json = false;
  const GOptionEntry entries[] = {
    { "force", 0, 0, G_OPTION_ARG_NONE, &force,
      "Even if what the guest wrote can't be made stable, or it has locked the tray", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (CliMachine) machine = { 0 };
  g_autofree char *name = NULL;
  GError *error = NULL;
  const char *colon;
  bool running;
  int status;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  colon = strrchr (argv[1], ':');
  if (colon == NULL || colon == argv[1] || colon[1] == '\0')
    return cli_usage (verb, "say MACHINE:DISK, as in “Debian:disk1”");
  name = g_strndup (argv[1], (gsize)(colon - argv[1]));
  if (!cli_find_machine (name, &machine, &error))
    return cli_fail (error);
  running = machine.session != NULL;
  if (!detach (&machine, colon + 1, force, &error))
    return cli_fail (error);
  print (colon + 1, name, running, json);
  return EXIT_STATUS_OK;
}

const Verb verb_disk_detach = { "disk detach", "MACHINE:DISK",
                                "Take a disk out of a machine, also while it runs; its image stays",
                                run_detach };
