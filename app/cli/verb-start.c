/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/base/error.h"
#include "app/cli/disk.h"
#include "app/host/host-session.h"
#include "vmm/base/number.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_TRIES 3

/* Of a process that does nothing else: its signal sources stay to the end. */
typedef struct {
  BonsaiVm *vm;
  HostSession *host;
  bool leaving, interrupted;
} Foreground;

static void
ignore_control (GObject *source, GAsyncResult *result, gpointer data)
{
  bonsai_vm_control_finish (BONSAI_VM (source), result, NULL);
}

/* Ctrl+C. A second one does what signals do by default: end the process at once. */
static gboolean
on_interrupt (gpointer data)
{
  Foreground *foreground = data;

  foreground->leaving = foreground->interrupted = true;
  if (bonsai_vm_get_session (foreground->vm) != NULL)
    bonsai_vm_control_async (foreground->vm, BONSAI_CONTROL_POWER_OFF, 0, NULL, ignore_control, NULL);
  return G_SOURCE_REMOVE;
}

static void
ended (GObject *source, GAsyncResult *result, gpointer data)
{
  host_session_end_finish (result);
}

/* The session or the host ends, or somebody wants this process to. */
static gboolean
on_end (gpointer data)
{
  Foreground *foreground = data;

  foreground->leaving = true;
  host_session_end_async (foreground->host, ended, NULL);
  return G_SOURCE_REMOVE;
}

/* Says to whoever started this process how the start went: "ok", or the message on one line. */
static void
tell_status (int fd, const char *text)
{
  g_autofree char *escaped = g_strescape (text, "“”…–’");
  g_autofree char *line = g_strconcat (escaped, "\n", NULL);

  if (fd < 0)
    return;
  if (write (fd, line, strlen (line)) < 0)
    g_info ("nobody waits for the start");
  close (fd);
}

/* For host.log: what the state text says is soon forgotten otherwise. */
static void
on_state_text (BonsaiVm *vm)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format_iso8601 (now);
  BonsaiReason reason = bonsai_vm_get_reason (vm);

  if (reason == BONSAI_REASON_GUEST_PANIC || reason == BONSAI_REASON_WATCHDOG
      || reason == BONSAI_REASON_IO_ERROR)
    g_printerr ("%s %s: %s\n", time, bonsai_state_name (bonsai_vm_get_state (vm)),
                bonsai_vm_get_state_text (vm));
}

/* What helps, in this program's words. */
static void
say_how (GError *error)
{
  g_autofree char *message = error->message;

  error->message = g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NO_ROOM)
                     ? g_strconcat (message, " (bonsai start --overcommit)", NULL)
                     : g_steal_pointer (&message);
}

static int
run_in_foreground (BonsaiLibrary *library, BonsaiVm *vm, BonsaiStartFlags flags, int status_fd)
{
  g_autoptr (HostSession) host = host_session_new (library, NULL);
  Foreground foreground = { .vm = vm, .host = host };
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  bonsai_library_keep_only (library, vm);
  g_unix_signal_add (SIGINT, on_interrupt, &foreground);
  g_unix_signal_add (SIGTERM, on_end, &foreground);
  g_unix_signal_add (SIGHUP, on_end, &foreground);
  signal (SIGPIPE, SIG_IGN);
  g_signal_connect (vm, "notify::state-text", G_CALLBACK (on_state_text), NULL);
  bonsai_vm_start_async (vm, flags, NULL, cli_wait_ready, &wait);
  if (!bonsai_vm_start_finish (vm, cli_wait (&wait), &error))
    {
      say_how (error);
      tell_status (status_fd, error->message);
      return cli_fail (error);
    }
  tell_status (status_fd, "ok");
  if (foreground.interrupted)
    on_interrupt (&foreground);
  /* The window of a guest that crashed stays until its user has read it. */
  while (bonsai_vm_is_hosted_here (vm)
         || ((bonsai_vm_get_console_open (vm) || bonsai_vm_is_restarting (vm)) && !foreground.leaving))
    g_main_context_iteration (NULL, true);
  if (bonsai_vm_get_state (vm) == BONSAI_STATE_CRASHED)
    g_printerr ("bonsai: %s\n", bonsai_vm_get_state_text (vm));
  return bonsai_vm_get_exit_status (vm);
}

static int
run_in_background (BonsaiVm *vm, BonsaiStartFlags flags)
{
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  bonsai_vm_start_async (vm, flags | BONSAI_START_OWN_PROCESS, NULL, cli_wait_ready, &wait);
  if (!bonsai_vm_start_finish (vm, cli_wait (&wait), &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

static int
show_running (BonsaiVm *vm)
{
  g_auto (CliWait) wait = { 0 };
  GError *error = NULL;

  bonsai_vm_show_console_async (vm, true, NULL, cli_wait_ready, &wait);
  if (!bonsai_vm_show_console_finish (vm, cli_wait (&wait), &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}

/* --- passphrases --- */

/* What the process that started this one hands over: "disk0:4", with the passphrase in descriptor 4. */
static bool
take_secrets (BonsaiVm *vm, char **texts, GError **error)
{
  for (unsigned i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      char *colon = strrchr (texts[i], ':');
      uint64_t fd;
      GBytes *secret;

      if (colon == NULL || !number_parse (colon + 1, 10, 3, G_MAXINT, &fd))
        {
          g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "--disk-secret-fd: “%s” is not DISK:FD",
                       texts[i]);
          return false;
        }
      *colon = '\0';
      secret = disk_secret_receive ((int)fd, error);
      close ((int)fd);
      if (secret == NULL)
        return false;
      bonsai_vm_keep_secret (vm, texts[i], secret);
    }
  return true;
}

static char **
find_locked (BonsaiVm *vm, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  bonsai_vm_find_locked_async (vm, NULL, cli_wait_ready, &wait);
  return bonsai_vm_find_locked_finish (vm, cli_wait (&wait), error);
}

/* @secret: (transfer full) */
static bool
try_secret (BonsaiVm *vm, DiskSecret *secret, GError **error)
{
  g_auto (CliWait) wait = { 0 };

  bonsai_vm_unlock_async (vm, secret, NULL, cli_wait_ready, &wait);
  return bonsai_vm_unlock_finish (vm, cli_wait (&wait), error);
}

/* A slip is told, and another answer awaited, as often as a login allows. */
static bool
ask_for_secret (BonsaiVm *vm, const char *disk, GError **error)
{
  g_autofree char *prompt = g_strdup_printf ("Passphrase of %s of “%s”", disk, bonsai_vm_get_name (vm));

  for (unsigned tries = 1;; tries++)
    {
      g_autoptr (GError) failure = NULL;
      DiskSecret *secret = disk_secret_ask (prompt, error);

      if (secret == NULL)
        return false;
      if (try_secret (vm, secret, &failure))
        return true;
      if (tries == MAX_TRIES || !g_error_matches (failure, BONSAI_ERROR, BONSAI_ERROR_REFUSED))
        {
          g_propagate_error (error, g_steal_pointer (&failure));
          return false;
        }
      g_printerr ("bonsai: %s\n", failure->message);
    }
}

/* Until no encrypted disk waits: first what the options give, then what the user types. */
static bool
unlock (BonsaiVm *vm, CliSecret *given, GError **error)
{
  bool fresh = given->file != NULL || given->fd > 0;

  for (;;)
    {
      g_auto (GStrv) locked = find_locked (vm, error);
      const ImageSecret *image;

      if (locked == NULL || locked[0] == NULL)
        return locked != NULL;
      if (!fresh)
        {
          if (!ask_for_secret (vm, locked[0], error))
            return false;
          continue;
        }
      fresh = false;
      if (!cli_read_secret (given, NULL, &image, error)
          || !try_secret (vm, g_steal_pointer (&given->secret), error))
        return false;
    }
}

static int
run_start (const Verb *verb, int argc, char **argv)
{
  gboolean headless = false, foreground = false, boot_menu = false, discard_state = false, overcommit = false;
  g_auto (CliSecret) secret = { 0 };
  g_auto (GStrv) disk_secrets = NULL;
  int status_fd = -1, borrowed_fd = -1, status;
  const GOptionEntry entries[] = {
    { "headless", 0, 0, G_OPTION_ARG_NONE, &headless, "Without a console window", NULL },
    { "boot-menu", 0, 0, G_OPTION_ARG_NONE, &boot_menu,
      "Let the firmware wait 10 s for the key that opens its boot menu", NULL },
    { "discard-state", 0, 0, G_OPTION_ARG_NONE, &discard_state,
      "Boot a suspended machine anew: what its guest was doing is lost", NULL },
    { "overcommit", 0, 0, G_OPTION_ARG_NONE, &overcommit, "Even if this host hasn't got the memory for it",
      NULL },
    { "foreground", 0, 0, G_OPTION_ARG_NONE, &foreground, "Run it in this process, and end as it ends",
      NULL },
    CLI_SECRET_OPTIONS (&secret, "", "its encrypted disks"),
    { "disk-secret-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING_ARRAY, &disk_secrets, NULL, "DISK:FD" },
    { "borrowed-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &borrowed_fd, NULL, "FD" },
    { "status-fd", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &status_fd, NULL, "FD" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (BonsaiLibrary) library = NULL;
  BonsaiStartFlags flags;
  GError *error = NULL;
  BonsaiVm *vm;

  if (!cli_parse (verb, entries, &argc, &argv, 1, 1, &status))
    return status;
  flags = headless ? BONSAI_START_HEADLESS : BONSAI_START_DEFAULT;
  if (boot_menu)
    flags |= BONSAI_START_BOOT_MENU;
  if (discard_state)
    flags |= BONSAI_START_DISCARD_STATE;
  if (overcommit)
    flags |= BONSAI_START_OVERCOMMIT;
  library = cli_open_library (&error);
  vm = library != NULL ? cli_find_vm (library, argv[1], &error) : NULL;
  if (vm == NULL)
    return cli_fail (error);
  if (bonsai_vm_get_session (vm) != NULL && !headless && !foreground)
    return show_running (vm);
  if (foreground && borrowed_fd >= 0)
    bonsai_vm_set_borrowed (vm, borrowed_fd);
  if (!take_secrets (vm, disk_secrets, &error)
      || (status_fd < 0 && bonsai_vm_get_session (vm) == NULL && !unlock (vm, &secret, &error)))
    {
      tell_status (status_fd, error->message);
      return cli_fail (error);
    }
  if (foreground)
    return run_in_foreground (library, vm, flags, status_fd);
  return run_in_background (vm, flags);
}

const Verb verb_start = {
  "start", "NAME", "Start a machine in the background, with a window; or show the window of one that runs",
  run_start
};
