/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/crash-process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t
start (Run *run, CrashProcessFunc func, int ready, void *data)
{
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    run_fail (run, "fork: %s", g_strerror (errno));
  if (pid == 0)
    {
      func (run, ready, data);
      if (run->journal->len > 0)
        fputs (run->journal->str, stderr);
      fflush (NULL);
      _exit (0);
    }
  return pid;
}

/* Fails the run unless the process went well, or was killed if that was to be. */
static void
await (Run *run, pid_t pid, bool killed)
{
  int status;

  if (waitpid (pid, &status, 0) != pid)
    run_fail (run, "waitpid: %s", g_strerror (errno));
  if (status != 0 && !(killed && WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL))
    run_fail (run, "a process ended with the status 0x%x", (unsigned)status);
}

static void
wait_a_moment (Run *run, int ready)
{
  struct timespec moment = { .tv_nsec = (long)(1000 * run_scale (run, 15)) };
  char byte;

  if (read (ready, &byte, 1) < 0)
    run_fail (run, "the pipe: %s", g_strerror (errno));
  while (nanosleep (&moment, &moment) < 0 && errno == EINTR)
    continue;
}

void
crash_process_run (Run *run, CrashProcessFunc func, void *data)
{
  await (run, start (run, func, -1, data), false);
}

void
crash_process_run_and_kill (Run *run, CrashProcessFunc func, void *data)
{
  int ready[2];
  pid_t pid;

  if (pipe2 (ready, O_CLOEXEC) < 0)
    run_fail (run, "pipe: %s", g_strerror (errno));
  pid = start (run, func, ready[1], data);
  close (ready[1]);
  wait_a_moment (run, ready[0]);
  kill (pid, SIGKILL);
  await (run, pid, true);
  close (ready[0]);
}

void
crash_process_ready (int ready)
{
  if (ready >= 0 && write (ready, "r", 1) != 1)
    _exit (1);
}
