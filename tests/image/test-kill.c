/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process is killed (SIGKILL) at a random moment of a random load on a disk image. Then the image must
 * open, hold every byte that was flushed, and be clean once it is repaired.
 */
#include "tests/image/crash-disk.h"
#include "tests/image/crash-load.h"
#include "tests/image/crash-process.h"

/* --- a random load --- */

static void
make (Run *run, int ready, void *data)
{
  CrashDisk *disk = data;

  crash_disk_start_loop (disk);
  crash_disk_make (disk);
}

static void
play (Run *run, int ready, void *data)
{
  CrashDisk *disk = data;
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
  crash_process_ready (ready);
  crash_load_run (&load, disk->log, run, image);
  image_close (image);
}

static void
run_load (Run *run, const void *data)
{
  CrashDisk disk;

  crash_disk_init (&disk, data, run);
  crash_disk_plan (&disk);
  crash_process_run (run, make, &disk);
  crash_process_run_and_kill (run, play, &disk);
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
