/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/vm/program-path.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const Verb *const verbs[] = {
  &verb_create,     &verb_list,     &verb_show,      &verb_start,   &verb_shutdown,  &verb_stop,
  &verb_reset,      &verb_pause,    &verb_suspend,   &verb_resume,  &verb_key,       &verb_type,
  &verb_mouse,      &verb_memory,   &verb_console,   &verb_cd,      &verb_link,      &verb_forward,
  &verb_screenshot, &verb_delete,   &verb_undelete,  &verb_purge,   &verb_snapshot,  &verb_clone,
  &verb_template,   &verb_launcher, &verb_autostart, &verb_disk,    &verb_guest,     &verb_run,
  &verb_host,       &verb_doctor,   &verb_label,     &verb_stats,   &verb_workspace, &verb_events,
  &verb_report,     &verb_policy,   &verb_apply,     &verb_service, &verb_share,     &verb_shared,
  &verb_demand,     &verb_usb,
};

static void
print_help (void)
{
  g_print ("Usage: bonsai [VERB …]\n\nMachines, their guests and their windows. Without a verb the desktop "
           "app opens.\n\n");
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_print ("  %-11s %s\n", verbs[i]->name, verbs[i]->summary);
  g_print ("\n“bonsai VERB --help” has the options, bonsai(1) the rest.\n");
}

/* Only returns if it can't. */
static int
open_desktop (void)
{
  GError *error = NULL;
  g_autofree char *program = program_path ("bonsai-desktop", &error);

  if (program == NULL)
    return cli_fail (error);
  execl (program, "bonsai-desktop", (char *)NULL);
  g_printerr ("bonsai: can't start %s: %s\n", program, g_strerror (errno));
  return EXIT_STATUS_ERROR;
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  g_set_prgname ("bonsai");
  g_set_application_name ("Bonsai");
  if (argc < 2)
    return open_desktop ();
  for (unsigned i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (g_str_equal (verbs[i]->name, argv[1]))
      return verbs[i]->run (verbs[i], argc - 1, argv + 1);
  if (g_str_equal (argv[1], "--help") || g_str_equal (argv[1], "-h") || g_str_equal (argv[1], "help"))
    {
      print_help ();
      return EXIT_STATUS_OK;
    }
  if (g_str_equal (argv[1], "--version"))
    {
      g_print ("bonsai %s\n", BONSAI_VERSION);
      return EXIT_STATUS_OK;
    }
  g_printerr ("bonsai: “%s” is no verb; see “bonsai --help”\n", argv[1]);
  return EXIT_STATUS_USAGE;
}
