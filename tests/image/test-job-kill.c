/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A process is killed (SIGKILL) at a random moment of long work on disk images: commit, rebase, convert and
 * so on, also on a disk that somebody writes to meanwhile. Then the disk must hold what it held, and the
 * work, done once more, must come to its end.
 */
#include "tests/image/crash-chain.h"
#include "tests/image/crash-process.h"

static void
make (Run *run, int ready, void *data)
{
  crash_chain_start_loop (data);
  crash_chain_make (data);
}

static void
tell_begun (void *data)
{
  crash_process_ready (GPOINTER_TO_INT (data));
}

static void
work (Run *run, int ready, void *data)
{
  CrashChain *chain = data;
  const CrashLoad load = { .acts = (unsigned)run_scale (run, 11),
                           .depth = (unsigned)run_between (run, 1, 8),
                           .write_through = run_once_in (run, 8) };
  g_autoptr (GError) error = NULL;

  crash_chain_start_loop (chain);
  crash_must (run, crash_chain_work (chain, &load, tell_begun, GINT_TO_POINTER (ready), &error), &error,
              "the work");
}

static void
look (Run *run, int ready, void *data)
{
  crash_chain_start_loop (data);
  crash_chain_look (data);
}

static void
run_kills (Run *run, const void *data)
{
  CrashChain chain;

  crash_chain_init (&chain, data, run);
  crash_process_run (run, make, &chain);
  for (unsigned n = run_once_in (run, 3) ? 3 : 1; n > 0; n--)
    {
      crash_process_run_and_kill (run, work, &chain);
      run_log (run, "killed after %u acts", chain.disks[0].log->n_acts);
      crash_process_run (run, look, &chain);
    }
  crash_chain_start_loop (&chain);
  crash_chain_finish (&chain);
  if (!chain.kind->layer.no_peer && run_once_in (run, 4))
    crash_disk_ask_peer (&chain.disks[CHAIN_TOP]);
  crash_chain_clear (&chain);
}

#define QCOW2    .layer = { .format = "qcow2" }
#define OLD      .layer = { .format = "qcow2", .version_2 = true }
#define EXTENDED .layer = { .format = "qcow2", .extended = true, .lazy = true }
#define VMDK     .layer = { .format = "vmdk", .subformat = "monolithicSparse", .no_peer = true }
#define VHD      .layer = { .format = "vhd", .no_peer = true }

static const CrashChainKind kinds[] = {
  { QCOW2, .work = CRASH_COMMIT },         { QCOW2, .work = CRASH_REBASE },
  { QCOW2, .work = CRASH_FLATTEN },        { QCOW2, .work = CRASH_COMPACT },
  { QCOW2, .work = CRASH_CONVERT },        { QCOW2, .work = CRASH_RESIZE },
  { QCOW2, .work = CRASH_LIVE_FLATTEN },   { QCOW2, .work = CRASH_LIVE_COMMIT },
  { QCOW2, .work = CRASH_LIVE_MERGE },     { QCOW2, .work = CRASH_LIVE_REBASE },
  { VMDK, .work = CRASH_COMMIT },          { VMDK, .work = CRASH_REBASE },
  { VMDK, .work = CRASH_COMPACT },         { VMDK, .work = CRASH_LIVE_COMMIT },
  { VMDK, .work = CRASH_LIVE_MERGE },      { VMDK, .work = CRASH_LIVE_REBASE },
  { VHD, .work = CRASH_COMMIT },           { VHD, .work = CRASH_REBASE },
  { VHD, .work = CRASH_COMPACT },          { VHD, .work = CRASH_LIVE_COMMIT },
  { VHD, .work = CRASH_LIVE_MERGE },       { VHD, .work = CRASH_LIVE_REBASE },
  { OLD, .work = CRASH_LIVE_REBASE },      { OLD, .work = CRASH_LIVE_COMMIT },
  { EXTENDED, .work = CRASH_LIVE_COMMIT }, { EXTENDED, .work = CRASH_LIVE_MERGE },
};

static const RunCase cases[] = {
  { "commit", run_kills, &kinds[0], 4 },
  { "rebase", run_kills, &kinds[1], 4 },
  { "flatten", run_kills, &kinds[2], 4 },
  { "compact", run_kills, &kinds[3], 4 },
  { "convert", run_kills, &kinds[4], 4 },
  { "resize", run_kills, &kinds[5], 4 },
  { "live-flatten", run_kills, &kinds[6], 4 },
  { "live-commit", run_kills, &kinds[7], 6 },
  { "live-merge", run_kills, &kinds[8], 4 },
  { "live-rebase", run_kills, &kinds[9], 4 },
  { "vmdk-commit", run_kills, &kinds[10], 3 },
  { "vmdk-rebase", run_kills, &kinds[11], 3 },
  { "vmdk-compact", run_kills, &kinds[12], 3 },
  { "vmdk-live-commit", run_kills, &kinds[13], 3 },
  { "vmdk-live-merge", run_kills, &kinds[14], 3 },
  { "vmdk-live-rebase", run_kills, &kinds[15], 3 },
  { "vhd-commit", run_kills, &kinds[16], 3 },
  { "vhd-rebase", run_kills, &kinds[17], 3 },
  { "vhd-compact", run_kills, &kinds[18], 3 },
  { "vhd-live-commit", run_kills, &kinds[19], 3 },
  { "vhd-live-merge", run_kills, &kinds[20], 3 },
  { "vhd-live-rebase", run_kills, &kinds[21], 3 },
  { "version-2-live-rebase", run_kills, &kinds[22], 3 },
  { "version-2-live-commit", run_kills, &kinds[23], 3 },
  { "extended-live-commit", run_kills, &kinds[24], 3 },
  { "extended-live-merge", run_kills, &kinds[25], 3 },
};

int
main (int argc, char **argv)
{
  return runner_main (argc, argv, cases, G_N_ELEMENTS (cases));
}
