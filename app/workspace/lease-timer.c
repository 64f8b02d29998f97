/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/workspace/lease-timer.h"

#include "app/vm/program-path.h"

/* Its end isn't waited for: GLib reaps it. */
static void
run_quietly (char **argv)
{
  g_autoptr (GError) error = NULL;

  if (!g_spawn_async (NULL, argv, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL,
                      NULL, NULL, &error))
    g_info ("No look at workspaces could be planned: %s", error->message);
}

void
lease_timer_plan (int64_t seconds)
{
  g_autofree char *program = program_path ("bonsai", NULL);
  int64_t due = g_get_real_time () / G_USEC_PER_SEC + seconds;
  g_autofree char *unit = g_strdup_printf ("--unit=bonsai-workspaces-at-%" G_GINT64_FORMAT, due);
  g_autofree char *after = g_strdup_printf ("--on-active=%" G_GINT64_FORMAT "s", seconds);
  char *argv[] = {
    (char *)"systemd-run",
    (char *)"--user",
    (char *)"--quiet",
    (char *)"--collect",
    unit,
    after,
    (char *)"--timer-property=AccuracySec=1s",
    program,
    (char *)"workspace",
    (char *)"enforce",
    NULL,
  };

  if (program != NULL && seconds > 0 && seconds < LEASE_TIMER_REGULAR_S)
    run_quietly (argv);
}
