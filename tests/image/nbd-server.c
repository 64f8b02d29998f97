/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/nbd-server.h"

#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE 30000 /* ms */

static void
die_with_test (void *data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* Both servers write the file of their number once they listen. */
static void
wait_for_file (const char *path, int events, int process, const char *name)
{
  struct pollfd fds[] = { { .fd = events, .events = POLLIN }, { .fd = process, .events = POLLIN } };
  char drained[4096];

  while (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (poll (fds, G_N_ELEMENTS (fds), PATIENCE) <= 0 || (fds[1].revents & POLLIN))
        g_error ("%s does not start", name);
      if (read (events, drained, sizeof drained) < 0)
        g_error ("inotify: %m");
    }
}

void
nbd_server_start (NbdServer *server)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_path_get_dirname (server->pid_file);
  int events = inotify_init1 (IN_CLOEXEC), process;

  g_assert_cmpint (server->pid, ==, 0);
  g_assert_cmpint (inotify_add_watch (events, folder, IN_CREATE | IN_MOVED_TO), >=, 0);
  g_spawn_async (NULL, server->argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, die_with_test,
                 NULL, &server->pid, &error);
  g_assert_no_error (error);
  process = syscall (SYS_pidfd_open, server->pid, 0);
  wait_for_file (server->pid_file, events, process, server->argv[0]);
  close (process);
  close (events);
}

void
nbd_server_kill (NbdServer *server)
{
  if (server->pid == 0)
    return;
  kill (server->pid, SIGKILL);
  waitpid (server->pid, NULL, 0);
  server->pid = 0;
  unlink (server->socket);
  unlink (server->pid_file);
}

void
nbd_server_init (NbdServer *server, const char *folder, const char *command, const char *file)
{
  g_autoptr (GString) line = g_string_new (command);

  server->socket = g_build_filename (folder, "nbd.sock", NULL);
  server->pid_file = g_build_filename (folder, "nbd.pid", NULL);
  server->pid = 0;
  g_string_replace (line, "%S", server->socket, 0);
  g_string_replace (line, "%P", server->pid_file, 0);
  g_string_replace (line, "%F", file != NULL ? file : "", 0);
  server->argv = g_strsplit (line->str, " ", -1);
  nbd_server_start (server);
}

void
nbd_server_clear (NbdServer *server)
{
  nbd_server_kill (server);
  g_strfreev (server->argv);
  g_free (server->socket);
  g_free (server->pid_file);
}

char *
nbd_server_uri (const NbdServer *server, const char *export)
{
  return g_strdup_printf ("nbd+unix:///%s?socket=%s", export, server->socket);
}
