/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The power goes at a random moment of long work on disk images, also on a disk that somebody writes to
 * meanwhile. Then the disk must hold what was promised, and the work, done once more, must come to its end.
 *
 * The linker leads store_open here (--wrap): to disks whose power fails.
 */
#include "tests/image/crash-chain.h"
#include "tests/image/power-cut-store.h"

#define MEDIUM_MOST UINT64_C (0x20000000) /* bytes */

/* --- stores --- */

typedef struct {
  Medium *media[CHAIN_FILES];    /* NULL: the files themselves */
  PowerDisk *disks[CHAIN_FILES]; /* NULL: the power stays on */
} Disks;

static Disks the_disks; /* of this run, which has a process to itself */

ImageStore *__real_store_open (EventLoop *loop, const char *location, const StoreOptions *options,
                               GError **error);
ImageStore *__wrap_store_open (EventLoop *loop, const char *location, const StoreOptions *options,
                               GError **error);

ImageStore *
__wrap_store_open (EventLoop *loop, const char *location, const StoreOptions *options, GError **error)
{
  g_autofree char *name = g_path_get_basename (location);
  ImageStore *store;
  unsigned i = 0;

  while (i < CHAIN_FILES && !g_str_equal (name, crash_chain_names[i]))
    i++;
  if (i == CHAIN_FILES || the_disks.media[i] == NULL)
    return __real_store_open (loop, location, options, error);
  if (the_disks.disks[i] == NULL)
    return memory_store_new (loop, the_disks.media[i], location, options->read_only);
  store = power_disk_store (the_disks.disks[i], loop, location);
  store->read_only = options->read_only;
  return store;
}

static void
power_on (CrashChain *chain)
{
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    the_disks.disks[i] = i == 0 ? power_disk_new (the_disks.media[0], g_rand_int (chain->run->rand))
                                : power_disk_new_beside (the_disks.disks[0], the_disks.media[i]);
}

static void
power_off (CrashChain *chain)
{
  Medium *survivors[CHAIN_FILES];

  power_disk_cut_now (the_disks.disks[0]);
  run_log (chain->run, "power off after %" G_GUINT64_FORMAT " changes, %" G_GUINT64_FORMAT " syncs, %u acts",
           power_disk_changes (the_disks.disks[0]), power_disk_syncs (the_disks.disks[0]),
           chain->disks[0].log->n_acts);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    survivors[i] = power_disk_survivor (the_disks.disks[i], POWER_SECTORS);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    {
      g_clear_pointer (&the_disks.disks[i], power_disk_unref);
      medium_unref (the_disks.media[i]);
      the_disks.media[i] = survivors[i];
    }
}

/* --- a run --- */

static CrashLoad
draw_load (Run *run)
{
  return (CrashLoad){ .acts = (unsigned)run_scale (run, 9),
                      .depth = (unsigned)run_between (run, 1, 8),
                      .write_through = run_once_in (run, 8),
                      .may_fail = true };
}

static void
work_until_cut (CrashChain *chain)
{
  Run *run = chain->run;
  const CrashLoad load = draw_load (run);
  g_autoptr (GError) error = NULL;
  bool done;

  power_on (chain);
  power_disk_cut_after (the_disks.disks[0], run_scale (run, 11));
  done = crash_chain_work (chain, &load, NULL, NULL, &error);
  if (!done && !power_disk_is_off (the_disks.disks[0]))
    run_fail (run, "the work: %s", error->message);
  /* The record is gone by now, because the work failed; a real cut would have left it. */
  if (crash_chain_is_live (chain) && (!done || run_once_in (run, 2)))
    crash_chain_record (chain);
  power_off (chain);
}

static void
begin (CrashChain *chain, const void *data, Run *run)
{
  crash_chain_init (chain, data, run);
  crash_chain_start_loop (chain);
  crash_chain_make (chain);
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    the_disks.media[i] = medium_new_from_file (chain->disks[i].path, MEDIUM_MOST);
}

static void
end (CrashChain *chain)
{
  for (unsigned i = 0; i < CHAIN_FILES; i++)
    g_clear_pointer (&the_disks.media[i], medium_unref);
  crash_chain_clear (chain);
}

static void
run_cuts (Run *run, const void *data)
{
  CrashChain chain;

  begin (&chain, data, run);
  for (unsigned n = run_once_in (run, 3) ? 3 : 1; n > 0; n--)
    {
      work_until_cut (&chain);
      crash_chain_look (&chain);
    }
  crash_chain_finish (&chain);
  end (&chain);
}

/* The disk is full, or fails, now and then: work gives up with an error, and nothing is lost. */
static void
run_faults (Run *run, const void *data)
{
  CrashChain chain;
  CrashLoad load = draw_load (run);
  g_autoptr (GError) error = NULL;

  load.may_fail = false;
  load.tries_again = true;
  begin (&chain, data, run);
  power_on (&chain);
  power_disk_set_faults (the_disks.disks[0], (unsigned)run_scale (run, 8) + 3);
  if (!crash_chain_work (&chain, &load, NULL, NULL, &error))
    run_log (run, "the work: %s", error->message);
  power_disk_set_faults (the_disks.disks[0], 0);
  if (run_once_in (run, 2))
    power_off (&chain);
  crash_chain_look (&chain);
  crash_chain_finish (&chain);
  if (the_disks.disks[0] != NULL)
    power_off (&chain);
  end (&chain);
}

#define QCOW2    .layer = { .format = "qcow2" }
#define OLD      .layer = { .format = "qcow2", .version_2 = true }
#define EXTENDED .layer = { .format = "qcow2", .extended = true, .lazy = true }
#define VMDK     .layer = { .format = "vmdk", .subformat = "monolithicSparse" }
#define VHD      .layer = { .format = "vhd" }

static const CrashChainKind commit = { QCOW2, .work = CRASH_COMMIT };
static const CrashChainKind rebase = { QCOW2, .work = CRASH_REBASE };
static const CrashChainKind flatten = { QCOW2, .work = CRASH_FLATTEN };
static const CrashChainKind compact = { QCOW2, .work = CRASH_COMPACT };
static const CrashChainKind resize = { QCOW2, .work = CRASH_RESIZE };
static const CrashChainKind live_flatten = { QCOW2, .work = CRASH_LIVE_FLATTEN };
static const CrashChainKind live_commit = { QCOW2, .work = CRASH_LIVE_COMMIT };
static const CrashChainKind live_merge = { QCOW2, .work = CRASH_LIVE_MERGE };
static const CrashChainKind live_rebase = { QCOW2, .work = CRASH_LIVE_REBASE };
static const CrashChainKind old_live_rebase = { OLD, .work = CRASH_LIVE_REBASE };
static const CrashChainKind extended_live_commit = { EXTENDED, .work = CRASH_LIVE_COMMIT };
static const CrashChainKind vmdk_commit = { VMDK, .work = CRASH_COMMIT };
static const CrashChainKind vmdk_live_commit = { VMDK, .work = CRASH_LIVE_COMMIT };
static const CrashChainKind vhd_commit = { VHD, .work = CRASH_COMMIT };
static const CrashChainKind vhd_live_commit = { VHD, .work = CRASH_LIVE_COMMIT };

static const RunCase cases[] = {
  { "commit", run_cuts, &commit, 4 },
  { "rebase", run_cuts, &rebase, 4 },
  { "flatten", run_cuts, &flatten, 4 },
  { "compact", run_cuts, &compact, 4 },
  { "resize", run_cuts, &resize, 4 },
  { "live-flatten", run_cuts, &live_flatten, 4 },
  { "live-commit", run_cuts, &live_commit, 6 },
  { "live-merge", run_cuts, &live_merge, 4 },
  { "live-rebase", run_cuts, &live_rebase, 4 },
  { "version-2-live-rebase", run_cuts, &old_live_rebase, 3 },
  { "extended-live-commit", run_cuts, &extended_live_commit, 3 },
  { "vmdk-commit", run_cuts, &vmdk_commit, 3 },
  { "vmdk-live-commit", run_cuts, &vmdk_live_commit, 3 },
  { "vhd-commit", run_cuts, &vhd_commit, 3 },
  { "vhd-live-commit", run_cuts, &vhd_live_commit, 3 },
  { "faults-commit", run_faults, &commit, 3 },
  { "faults-rebase", run_faults, &rebase, 3 },
  { "faults-live-flatten", run_faults, &live_flatten, 3 },
  { "faults-live-commit", run_faults, &live_commit, 6 },
  { "faults-live-merge", run_faults, &live_merge, 3 },
  { "faults-live-rebase", run_faults, &live_rebase, 3 },
  { "faults-vmdk-live-commit", run_faults, &vmdk_live_commit, 3 },
  { "faults-vhd-live-commit", run_faults, &vhd_live_commit, 3 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
