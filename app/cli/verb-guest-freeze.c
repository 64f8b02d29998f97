/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/agent/guest-service.h"
#include "app/cli/guest.h"

#include <glib-unix.h>
#include <signal.h>

/* The connection holds the guest frozen: whatever ends this process thaws it. */

typedef struct {
  GMainLoop *loop;
  int status; /* the command's */
} Hold;

static gboolean
on_enough (gpointer data)
{
  g_main_loop_quit (((Hold *)data)->loop);
  return G_SOURCE_CONTINUE;
}

static void
on_command_end (GObject *source, GAsyncResult *result, gpointer data)
{
  GSubprocess *command = G_SUBPROCESS (source);
  Hold *hold = data;

  g_subprocess_wait_finish (command, result, NULL);
  hold->status = g_subprocess_get_if_exited (command) ? g_subprocess_get_exit_status (command)
                                                      : 128 + g_subprocess_get_term_sig (command);
  g_main_loop_quit (hold->loop);
}

/* Until a signal, the command's end or the time limit. */
static bool
hold_frozen (Hold *hold, char **command, unsigned seconds, GError **error)
{
  g_autoptr (GSubprocess) process = NULL;
  guint sources[4] = { 0 };

  if (command[0] != NULL)
    {
      process = g_subprocess_newv ((const char *const *)command, G_SUBPROCESS_FLAGS_STDIN_INHERIT, error);
      if (process == NULL)
        return false;
      g_subprocess_wait_async (process, NULL, on_command_end, hold);
    }
  sources[0] = g_unix_signal_add (SIGINT, on_enough, hold);
  sources[1] = g_unix_signal_add (SIGTERM, on_enough, hold);
  sources[2] = g_unix_signal_add (SIGHUP, on_enough, hold);
  if (process == NULL)
    sources[3] = g_timeout_add_seconds (seconds, on_enough, hold);
  g_main_loop_run (hold->loop);
  for (unsigned i = 0; i < G_N_ELEMENTS (sources); i++)
    if (sources[i] != 0)
      g_source_remove (sources[i]);
  return true;
}

static GVariant *
freeze (BonsaiSession *session, unsigned seconds, GError **error)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "timeout", "u", seconds);
  return guest_ask (session, "freeze", g_variant_dict_end (&arguments), error);
}

static GVariant *
thaw (BonsaiSession *session, guint32 id, GError **error)
{
  GVariantDict arguments;

  g_variant_dict_init (&arguments, NULL);
  g_variant_dict_insert (&arguments, "id", "u", id);
  return guest_ask (session, "thaw", g_variant_dict_end (&arguments), error);
}

static int
run_freeze (const Verb *verb, int argc, char **argv)
{
  int timeout = GUEST_FREEZE_DEFAULT_S, status;
  const GOptionEntry entries[] = {
    { "timeout", 't', 0, G_OPTION_ARG_INT, &timeout, "After which they are thawed in any case (60)",
      "SECONDS" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiSession) session = NULL;
  g_autoptr (GVariant) frozen = NULL, thawed = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Hold hold = { loop, EXIT_STATUS_OK };
  GError *error = NULL, *held = NULL;
  guint32 count = 0, id = 0;
  gboolean in_force = true;

  if (!cli_parse (verb, entries, &argc, &argv, 1, -1, &status))
    return status;
  if (timeout < 1 || timeout > (int)GUEST_FREEZE_MAX_S)
    return cli_usage (verb, "--timeout must be 1 to %u seconds", GUEST_FREEZE_MAX_S);
  session = cli_find_session (argv[1], &error);
  if (session != NULL)
    frozen = freeze (session, (unsigned)timeout, &error);
  if (frozen == NULL)
    return cli_fail (error);
  g_variant_lookup (frozen, "count", "u", &count);
  g_variant_lookup (frozen, "id", "u", &id);
  g_printerr ("%u file systems are frozen%s\n", count, argc > 2 ? "" : "; Ctrl+C thaws them");
  hold_frozen (&hold, argv + 2, (unsigned)timeout, &held);
  thawed = thaw (session, id, &error);
  if (held != NULL)
    {
      g_clear_error (&error);
      return cli_fail (held);
    }
  if (thawed == NULL)
    return cli_fail (error);
  g_variant_lookup (thawed, "in-force", "b", &in_force);
  if (in_force)
    return hold.status;
  g_printerr ("bonsai: they were thawed after %d s, before this was done\n", timeout);
  return EXIT_STATUS_TIMEOUT;
}

const Verb verb_guest_freeze = { "guest freeze", "NAME [COMMAND…]",
                                 "Freeze a guest's file systems while a command runs, or until Ctrl+C",
                                 run_freeze };

static int
run_thaw (const Verb *verb, int argc, char **argv)
{
  g_autoptr (GVariant) answer = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (verb, NULL, &argc, &argv, 1, 1, &status))
    return status;
  answer = guest_ask_simply (argv[1], "thaw", &error);
  return answer != NULL ? EXIT_STATUS_OK : cli_fail (error);
}

const Verb verb_guest_thaw = { "guest thaw", "NAME", "Thaw a guest's file systems, whoever froze them",
                               run_thaw };
