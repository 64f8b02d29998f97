/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power goes at a random moment of a random load. Then the image must open, hold every byte that was
 * flushed, and be clean once it is repaired; sometimes the power goes in the middle of the repair as well.
 */
#include "tests/image/crash-disk.h"
#include "tests/image/crash-load.h"
#include "tests/image/power-cut-store.h"

#include <glib/gstdio.h>

#define MEDIUM_MOST UINT64_C (0x20000000) /* bytes */

/* --- the power goes --- */

static void
replace_by_survivor (CrashDisk *crashed, PowerDisk *disk)
{
  PowerTearing tearing = crashed->kind->any_words                                     ? POWER_WORDS
                         : crashed->kind->torn_words && run_once_in (crashed->run, 2) ? POWER_TORN_ONCE
                                                                                      : POWER_SECTORS;
  Medium *survivor = power_disk_survivor (disk, tearing);

  run_log (crashed->run,
           "power off after %" G_GUINT64_FORMAT " changes, %" G_GUINT64_FORMAT " syncs, %u acts",
           power_disk_changes (disk), power_disk_syncs (disk), crashed->log->n_acts);
  power_disk_unref (disk);
  medium_unref (crashed->medium);
  crashed->medium = survivor;
}

static void
play_until_cut (CrashDisk *crashed)
{
  Run *run = crashed->run;
  CrashLoad load = { .acts = (unsigned)run_between (run, 1, 600),
                     .depth = run_once_in (run, 3) ? 1 : (unsigned)run_between (run, 1, 16),
                     .grows = !crashed->kind->fixed_size,
                     .write_through = run_once_in (run, 8),
                     .may_fail = true };
  PowerDisk *disk = power_disk_new (crashed->medium, g_rand_int (run->rand));
  ImageStore *store = power_disk_store (disk, crashed->loop, crashed->path);
  uint64_t changes = run_scale (run, 12);
  ImageOptions options = crash_disk_options (crashed);
  Image *image;

  run_log (run, "load: %u acts, depth %u%s, power for %" G_GUINT64_FORMAT " changes", load.acts, load.depth,
           load.write_through ? ", write-through" : "", changes);
  power_disk_cut_after (disk, changes);
  options.write_through = load.write_through;
  image = image_open_store (crashed->loop, store, &options, NULL);
  if (image != NULL)
    crash_load_run (&load, crashed->log, run, image);
  else if (!power_disk_is_off (disk))
    run_fail (run, "it can't be opened");
  if (run_once_in (run, 2))
    power_disk_cut_now (disk);
  image_close (image);
  power_disk_cut_now (disk);
  replace_by_survivor (crashed, disk);
}

/* The repair loses its power too. */
static void
cut_while_opening (CrashDisk *crashed)
{
  PowerDisk *disk = power_disk_new (crashed->medium, g_rand_int (crashed->run->rand));
  ImageStore *store = power_disk_store (disk, crashed->loop, crashed->path);
  g_autoptr (GError) error = NULL;
  ImageOptions options = crash_disk_options (crashed);
  Image *image;

  power_disk_cut_after (disk, run_scale (crashed->run, 5));
  image = image_open_store (crashed->loop, store, &options, &error);
  if (image == NULL && !power_disk_is_off (disk))
    run_fail (crashed->run, "opening: %s", error->message);
  image_close (image);
  power_disk_cut_now (disk);
  replace_by_survivor (crashed, disk);
}

static void
begin (CrashDisk *crashed, const void *data, Run *run)
{
  crash_disk_init (crashed, data, run);
  crash_disk_start_loop (crashed);
  crash_disk_plan (crashed);
  crash_disk_make (crashed);
  crashed->medium = medium_new_from_file (crashed->path, MEDIUM_MOST);
  g_unlink (crashed->path);
}

static void
run_cuts (Run *run, const void *data)
{
  CrashDisk crashed;

  begin (&crashed, data, run);
  for (unsigned n = run_once_in (run, 4) ? 3 : 1; n > 0; n--)
    {
      play_until_cut (&crashed);
      crash_disk_look (&crashed);
      if (run_once_in (run, 3))
        cut_while_opening (&crashed);
      crash_disk_examine (&crashed);
    }
  if (!crashed.kind->no_peer && run_once_in (run, 4))
    crash_disk_ask_peer (&crashed);
  crash_disk_clear (&crashed);
}

/* The disk is full, or fails, now and then, in the middle of whatever the format does: what failed is tried
 * again, as a machine does that was paused and goes on; then the power goes, or doesn't. */
static void
run_faults (Run *run, const void *data)
{
  CrashDisk crashed;
  ImageOptions options;
  CrashLoad load = { .acts = (unsigned)run_between (run, 1, 600),
                     .depth = (unsigned)run_between (run, 1, 16),
                     .write_through = run_once_in (run, 8),
                     .tries_again = true };
  g_autoptr (GError) error = NULL;
  PowerDisk *disk;
  Image *image;

  begin (&crashed, data, run);
  load.grows = !crashed.kind->fixed_size;
  disk = power_disk_new (crashed.medium, g_rand_int (run->rand));
  options = crash_disk_options (&crashed);
  options.write_through = load.write_through;
  image =
    image_open_store (crashed.loop, power_disk_store (disk, crashed.loop, crashed.path), &options, &error);
  crash_must (run, image != NULL, &error, "opening");
  /* Small blocks take so many writes to move that a worse disk never does it. */
  power_disk_set_faults (disk, (unsigned)run_scale (run, 8) + (crashed.kind->small ? 40 : 2));
  crash_load_run (&load, crashed.log, run, image);
  power_disk_set_faults (disk, 0);
  if (run_once_in (run, 2))
    power_disk_cut_now (disk);
  image_close (image);
  power_disk_cut_now (disk);
  replace_by_survivor (&crashed, disk);
  crash_disk_look (&crashed);
  crash_disk_examine (&crashed);
  if (!crashed.kind->no_peer && run_once_in (run, 4))
    crash_disk_ask_peer (&crashed);
  crash_disk_clear (&crashed);
}

static const CrashKind raw = { .format = "raw", .torn_words = true };
static const CrashKind qcow2 = { .format = "qcow2" };
static const CrashKind qcow2_old = { .format = "qcow2", .version_2 = true };
static const CrashKind qcow2_lazy = { .format = "qcow2", .lazy = true };
static const CrashKind qcow2_extended = { .format = "qcow2", .extended = true };
static const CrashKind qcow2_overlay = { .format = "qcow2", .overlay = true };
static const CrashKind qcow2_overlay_extended = {
  .format = "qcow2", .overlay = true, .extended = true, .lazy = true
};
/* Each entry of a table is a word, so it is whole whatever becomes of its sector. */
static const CrashKind qcow2_words = { .format = "qcow2", .any_words = true };
static const CrashKind qcow2_old_words = { .format = "qcow2", .version_2 = true, .any_words = true };
static const CrashKind qcow2_lazy_words = {
  .format = "qcow2", .lazy = true, .overlay = true, .any_words = true
};
static const CrashKind qcow2_peer = { .format = "qcow2", .by_peer = true };
static const CrashKind qcow2_encrypted = { .format = "qcow2", .by_peer = true, .encrypted = true };
static const CrashKind vhd = { .format = "vhd", .subformat = "dynamic" };
static const CrashKind vhd_small = { .format = "vhd", .subformat = "dynamic", .small = true };
static const CrashKind vhd_fixed = { .format = "vhd", .subformat = "fixed" };
static const CrashKind vhd_differencing = {
  .format = "vhd", .subformat = "differencing", .overlay = true, .fixed_size = true, .no_peer = true
};
static const CrashKind vmdk = { .format = "vmdk", .subformat = "monolithicSparse" };
static const CrashKind vmdk_full = { .format = "vmdk", .subformat = "monolithicSparse", .small = true };
static const CrashKind vdi = { .format = "vdi", .subformat = "dynamic" };
static const CrashKind vdi_fixed = { .format = "vdi", .subformat = "fixed" };
static const CrashKind vdi_small = {
  .format = "vdi", .subformat = "dynamic", .small = true, .no_peer = true
};

static const RunCase cases[] = {
  { "raw", run_cuts, &raw, 8 },
  { "qcow2", run_cuts, &qcow2, 16 },
  { "qcow2-version-2", run_cuts, &qcow2_old, 8 },
  { "qcow2-lazy", run_cuts, &qcow2_lazy, 8 },
  { "qcow2-extended", run_cuts, &qcow2_extended, 8 },
  { "qcow2-overlay", run_cuts, &qcow2_overlay, 8 },
  { "qcow2-overlay-extended", run_cuts, &qcow2_overlay_extended, 8 },
  { "qcow2-words", run_cuts, &qcow2_words, 8 },
  { "qcow2-version-2-words", run_cuts, &qcow2_old_words, 3 },
  { "qcow2-lazy-overlay-words", run_cuts, &qcow2_lazy_words, 4 },
  { "qcow2-of-the-peer", run_cuts, &qcow2_peer, 8 },
  { "qcow2-encrypted", run_cuts, &qcow2_encrypted, 1 },
  { "vhd-dynamic", run_cuts, &vhd, 8 },
  { "vhd-small-blocks", run_cuts, &vhd_small, 4 },
  { "vhd-fixed", run_cuts, &vhd_fixed, 4 },
  { "vhd-differencing", run_cuts, &vhd_differencing, 8 },
  { "vmdk", run_cuts, &vmdk, 8 },
  { "vmdk-full-table", run_cuts, &vmdk_full, 4 },
  { "vdi", run_cuts, &vdi, 8 },
  { "vdi-fixed", run_cuts, &vdi_fixed, 3 },
  { "vdi-small-blocks", run_cuts, &vdi_small, 4 },
  { "faults-raw", run_faults, &raw, 3 },
  { "faults-qcow2", run_faults, &qcow2, 8 },
  { "faults-qcow2-version-2", run_faults, &qcow2_old, 3 },
  { "faults-qcow2-lazy", run_faults, &qcow2_lazy, 3 },
  { "faults-qcow2-overlay-extended", run_faults, &qcow2_overlay_extended, 3 },
  { "faults-vhd-dynamic", run_faults, &vhd, 4 },
  { "faults-vhd-small-blocks", run_faults, &vhd_small, 4 },
  { "faults-vhd-fixed", run_faults, &vhd_fixed, 3 },
  { "faults-vhd-differencing", run_faults, &vhd_differencing, 3 },
  { "faults-vmdk", run_faults, &vmdk, 4 },
  { "faults-vmdk-full-table", run_faults, &vmdk_full, 4 },
  { "faults-vdi", run_faults, &vdi, 4 },
  { "faults-vdi-fixed", run_faults, &vdi_fixed, 3 },
  { "faults-vdi-small-blocks", run_faults, &vdi_small, 4 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
