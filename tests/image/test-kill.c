/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process is killed (SIGKILL) at a random moment of a random load on a disk image. Then the image must
 * open, hold every byte that was flushed, and be clean once it is repaired.
 */
#include "tests/image/crash-disk.h"
#include "tests/image/crash-load.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* --- processes: whoever forks must have no threads --- */

typedef void (*ProcessFunc) (CrashDisk *disk, int ready);

static pid_t
start (CrashDisk *disk, ProcessFunc func, int ready)
{
  pid_t pid;

  fflush (NULL);
  pid = fork ();
  if (pid < 0)
    run_fail (disk->run, "fork: %s", g_strerror (errno));
  if (pid == 0)
    {
      func (disk, ready);
      if (disk->run->journal->len > 0)
        fputs (disk->run->journal->str, stderr);
      fflush (NULL);
      _exit (0);
    }
  return pid;
}

/* Fails the run unless the process went well, or was killed if that was to be. */
static void
await (CrashDisk *disk, pid_t pid, bool killed)
{
  int status;

  if (waitpid (pid, &status, 0) != pid)
    run_fail (disk->run, "waitpid: %s", g_strerror (errno));
  if (status != 0 && !(killed && WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL))
    run_fail (disk->run, "a process ended with the status 0x%x", (unsigned)status);
}

/* Any moment from the start on, early ones as often as late ones. */
static void
wait_a_moment (CrashDisk *disk, int ready)
{
  struct timespec moment = { .tv_nsec = (long)(1000 * run_scale (disk->run, 15)) };
  char byte;

  if (read (ready, &byte, 1) < 0)
    run_fail (disk->run, "the pipe: %s", g_strerror (errno));
  while (nanosleep (&moment, &moment) < 0 && errno == EINTR)
    continue;
}

static void
run_and_kill (CrashDisk *disk, ProcessFunc func)
{
  int ready[2];
  pid_t pid;

  if (pipe2 (ready, O_CLOEXEC) < 0)
    run_fail (disk->run, "pipe: %s", g_strerror (errno));
  pid = start (disk, func, ready[1]);
  close (ready[1]);
  wait_a_moment (disk, ready[0]);
  kill (pid, SIGKILL);
  await (disk, pid, true);
  close (ready[0]);
}

static void
say_ready (int ready)
{
  if (write (ready, "r", 1) != 1)
    _exit (1);
}

/* --- a random load --- */

static void
make (CrashDisk *disk, int ready)
{
  (void)ready;
  crash_disk_start_loop (disk);
  crash_disk_make (disk);
}

static void
play (CrashDisk *disk, int ready)
{
  Run *run = disk->run;
  ImageOptions options = crash_disk_options (disk);
  CrashLoad load = { .acts = (unsigned)run_scale (run, 13),
                     .depth = (unsigned)run_between (run, 1, 16),
                     .grows = !disk->kind->fixed_size,
                     .write_through = run_once_in (run, 8) };
  g_autoptr (GError) error = NULL;
  Image *image;

  crash_disk_start_loop (disk);
  options.write_through = load.write_through;
  options.direct = run_once_in (run, 4);
  image = image_open (disk->loop, disk->path, &options, &error);
  crash_must (run, image != NULL, &error, "opening");
  say_ready (ready);
  crash_load_run (&load, disk->log, run, image);
  image_close (image);
}

static void
run_load (Run *run, const void *data)
{
  CrashDisk disk;

  crash_disk_init (&disk, data, run);
  crash_disk_plan (&disk);
  await (&disk, start (&disk, make, -1), false);
  run_and_kill (&disk, play);
  run_log (run, "killed after %u acts", disk.log->n_acts);
  crash_disk_start_loop (&disk);
  crash_disk_look (&disk);
  crash_disk_examine (&disk);
  if (!disk.kind->no_peer && run_once_in (run, 4))
    crash_disk_ask_peer (&disk);
  crash_disk_clear (&disk);
}

static const CrashKind raw = { .format = "raw" };
static const CrashKind qcow2 = { .format = "qcow2" };
static const CrashKind qcow2_lazy = { .format = "qcow2", .lazy = true };
static const CrashKind qcow2_extended = { .format = "qcow2", .extended = true };
static const CrashKind qcow2_overlay = { .format = "qcow2", .overlay = true };
static const CrashKind vhd = { .format = "vhd", .subformat = "dynamic" };
static const CrashKind vhd_differencing = {
  .format = "vhd", .subformat = "differencing", .overlay = true, .fixed_size = true, .no_peer = true
};
static const CrashKind vmdk = { .format = "vmdk", .subformat = "monolithicSparse" };
static const CrashKind vdi = { .format = "vdi", .subformat = "dynamic" };

static const RunCase cases[] = {
  { "raw", run_load, &raw, 8 },
  { "qcow2", run_load, &qcow2, 16 },
  { "qcow2-lazy", run_load, &qcow2_lazy, 8 },
  { "qcow2-extended", run_load, &qcow2_extended, 8 },
  { "qcow2-overlay", run_load, &qcow2_overlay, 8 },
  { "vhd-dynamic", run_load, &vhd, 8 },
  { "vhd-differencing", run_load, &vhd_differencing, 8 },
  { "vmdk", run_load, &vmdk, 8 },
  { "vdi", run_load, &vdi, 8 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
