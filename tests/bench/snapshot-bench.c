/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * snapshot-bench ROM MIB FOLDER [fork]: what pictures of a running guest cost the engine: "name value unit" lines. ROM is
 * bios-touch-MIB.bin, which the peer can run as well (`bench`'s rows do). FOLDER holds two files as large as the guest's
 * memory for a while; none with "fork", by which only clones that are forks are measured.
 */
#include "vmm/device/device.h"
#include "vmm/loan/loan-client.h"
#include "vmm/machine/machine-loan.h"
#include "vmm/machine/machine-snapshot.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS      5
#define FORK_ROUNDS 9
#define SERIAL_PORT 0x3f8
#define LOW_MOST    (UINT64_C (2) << 30)

typedef struct {
  const char *rom;
  uint64_t size; /* of the guest's memory, bytes */
  GMutex lock;
  GCond changed;
  bool touched;
  uint64_t n_signs;
  int64_t first_sign; /* ns */
} Bench;

typedef struct {
  Device device;
  Bench *bench;
} BenchDevice;

static int64_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * NS_PER_SECOND + time.tv_nsec;
}

static uint64_t
bench_read (Device *device, uint64_t offset, unsigned size)
{
  return 0;
}

static void
bench_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Bench *bench = ((BenchDevice *) device)->bench;

  g_mutex_lock (&bench->lock);
  if (bench->n_signs++ == 0)
    bench->first_sign = now ();
  bench->touched |= value == 't';
  g_cond_signal (&bench->changed);
  g_mutex_unlock (&bench->lock);
}

static const BusOps ops = { .read = bench_read, .write = bench_write };

static bool
bench_realize (Device *device, const void *config, GError **error)
{
  ((BenchDevice *) device)->bench = (Bench *) config;
  return device_add_ports (device, &ops, SERIAL_PORT, 8);
}

static const DeviceClass bench_class = { .id = "bench", .size = sizeof (BenchDevice), .realize = bench_realize };

static bool
build (Board *board, void *data, GError **error)
{
  Bench *bench = data;
  uint64_t low = MIN (bench->size, LOW_MOST);
  g_autofree char *rom = NULL;
  gsize rom_size;
  MemoryBank *ram, *high, *bios;

  if (!g_file_get_contents (bench->rom, &rom, &rom_size, error))
    return false;
  ram = guest_memory_add_bank (board->memory, "ram-low", low, BANK_RAM, error);
  bios = guest_memory_add_bank (board->memory, "bios", rom_size, BANK_ROM, error);
  if (!ram || !bios || !memory_bank_map (ram, 0) || !memory_bank_map (bios, HIGH_RAM_START - rom_size))
    return false;
  memcpy (memory_bank_data (bios), rom, rom_size);
  if (bench->size > low)
    {
      high = guest_memory_add_bank (board->memory, "ram-high", bench->size - low, BANK_RAM, error);
      if (!high || !memory_bank_map (high, HIGH_RAM_START))
        return false;
    }
  return board_add (board, &bench_class, NULL, bench, error) != NULL;
}

static void
must (bool ok, GError *error)
{
  if (!ok)
    g_error ("%s", error ? error->message : "failed");
}

static Machine *
make (Bench *bench)
{
  g_autoptr (GError) error = NULL;
  Machine *machine = machine_new (
    &(MachineConfig) { .name = "bench", .n_cpus = 1, .build = build, .build_data = bench }, &error);

  must (machine != NULL, error);
  return machine;
}

static void
wait_signs (Bench *bench, uint64_t n)
{
  g_mutex_lock (&bench->lock);
  while (bench->n_signs < n)
    g_cond_wait (&bench->changed, &bench->lock);
  g_mutex_unlock (&bench->lock);
}

static void
wait_touched (Bench *bench)
{
  g_mutex_lock (&bench->lock);
  while (!bench->touched)
    g_cond_wait (&bench->changed, &bench->lock);
  g_mutex_unlock (&bench->lock);
}

static char *
node (const char *folder, const char *name)
{
  char *path = g_build_filename (folder, name, NULL);

  g_mkdir_with_parents (path, 0700);
  return path;
}

static void
clear_node (const char *path)
{
  static const char *const names[] = { "memory", "memory.index", MACHINE_STATE_FILE };

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *file = g_build_filename (path, names[i], NULL);

      g_unlink (file);
    }
  g_rmdir (path);
}

static uint64_t
signs (Bench *bench)
{
  uint64_t n;

  g_mutex_lock (&bench->lock);
  n = bench->n_signs;
  g_mutex_unlock (&bench->lock);
  return n;
}

static void
take (Bench *bench, Machine *machine, const char *folder, const char *parent, const char *name)
{
  g_autofree char *index = parent ? g_build_filename (parent, "memory.index", NULL) : NULL;
  g_autoptr (GError) error = NULL;
  const MachinePicture picture = { .folder = folder, .parent = index };
  int64_t begin = now ();
  g_autoptr (MachineSnapshot) snapshot = machine_snapshot_begin (machine, &picture, &error);
  uint64_t before = signs (bench);

  must (snapshot != NULL, error);
  must (machine_snapshot_finish (snapshot, NULL, &error), error);
  printf ("%s-pause %.2f ms\n", name, (double) machine_snapshot_pause (snapshot) / 1e6);
  printf ("%s-whole %.0f ms\n", name, (double) (now () - begin) / 1e6);
  printf ("%s-written %.0f MiB\n", name, (double) machine_snapshot_progress (snapshot).written / (1 << 20));
  printf ("%s-guest-writes %" G_GUINT64_FORMAT " MiB\n", name, signs (bench) - before);
}

typedef struct {
  int64_t paused, made, restored, runs, written; /* ns since the wish */
} Back;

/* From the wish to go back, with @old (NULL: it is a clone that is wished for) perhaps running, to what the guest does
 * first; then to its first 64 MiB. */
static Machine *
go_back (Bench *bench, Machine *old, const char *folder, Back *back)
{
  g_autoptr (GError) error = NULL;
  int64_t begin = now ();
  Machine *machine;

  bench->n_signs = 0;
  if (old)
    {
      machine_pause (old);
      machine_wait_while (old, MACHINE_RUNNING, -1);
    }
  back->paused = now () - begin;
  machine = make (bench);
  back->made = now () - begin;
  must (machine_restore (machine, folder, NULL, &error), error);
  back->restored = now () - begin;
  machine_run (machine);
  wait_signs (bench, 1);
  back->runs = bench->first_sign - begin;
  wait_signs (bench, 64);
  back->written = now () - begin;
  return machine;
}

/* Clones beside a machine that runs: one of it as it is now, upon the picture @parent (or NULL), and then some of the
 * picture that was taken for that. Prints the best of these. */
static void
measure_clones (Bench *origin, Machine *machine, const char *parent, const char *folder, const char *name)
{
  Bench bench = { .rom = origin->rom, .size = origin->size };
  g_autofree char *title = g_strconcat (name, "-take", NULL);
  int64_t begin = now (), best = INT64_MAX;

  take (origin, machine, folder, parent, title);
  for (unsigned i = 0; i < ROUNDS; i++)
    {
      Back back;
      Machine *made = go_back (&bench, NULL, folder, &back);

      if (i == 0)
        printf ("%s-new-guest-runs %.2f ms\n", name, (double) (bench.first_sign - begin) / 1e6);
      best = MIN (best, back.runs);
      machine_free (made);
    }
  printf ("%s-guest-runs %.2f ms\n", name, (double) best / 1e6);
}

/* --- clones that are forks: this program is the clone's as well, with "--borrowed" --- */

/* Says when, of the monotonic clock, the guest did something. */
static int
be_clone (const char *rom, const char *mib)
{
  Bench bench = { .rom = rom, .size = g_ascii_strtoull (mib, NULL, 10) << 20 };
  g_autoptr (GError) error = NULL;
  Machine *machine = make (&bench);

  must (machine_borrow (machine, 3, &error), error);
  machine_run (machine);
  wait_signs (&bench, 1);
  printf ("%" G_GINT64_FORMAT "\n", bench.first_sign);
  machine_free (machine);
  return 0;
}

static int64_t
start_clone (const Bench *bench, int lender)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *mib = g_strdup_printf ("%" G_GUINT64_FORMAT, bench->size >> 20);
  const char *arguments[] = { self, "--borrowed", bench->rom, mib, NULL };
  g_auto (GStrv) variables = g_get_environ ();
  g_autofree char *here = g_get_current_dir ();
  g_autoptr (GError) error = NULL;
  char said[64] = "";
  int pipe_fds[2], fds[] = { 0, 0, 2 };
  const LoanProgram program = { arguments, (const char *const *) variables, here, fds, G_N_ELEMENTS (fds), true };

  must (pipe (pipe_fds) == 0, NULL);
  fds[1] = pipe_fds[1];
  must (loan_start (lender, &program, &error) > 0, error);
  close (pipe_fds[1]);
  must (read (pipe_fds[0], said, sizeof said - 1) > 0, NULL);
  close (pipe_fds[0]);
  return g_ascii_strtoll (said, NULL, 10);
}

static int
compare (const void *a, const void *b)
{
  const int64_t *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/* Medians of some rounds, each of a machine that ran on since the last. */
static void
measure_forks (Bench *bench, Machine *machine, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "loan", NULL);
  int64_t pauses[FORK_ROUNDS], runs[FORK_ROUNDS];

  for (unsigned i = 0; i < FORK_ROUNDS; i++)
    {
      g_autoptr (GError) error = NULL;
      const MachineLoan loan = { .socket_path = path, .stood = &pauses[i] };
      int64_t begin = now ();
      uint64_t before;
      int lender;

      must (machine_lend (machine, &loan, &error), error);
      lender = loan_connect (path, &error);
      must (lender >= 0, error);
      runs[i] = start_clone (bench, lender) - begin;
      close (lender);
      before = signs (bench);
      wait_signs (bench, before + 64);
    }
  qsort (pauses, FORK_ROUNDS, sizeof *pauses, compare);
  qsort (runs, FORK_ROUNDS, sizeof *runs, compare);
  printf ("fork-pause %.2f ms\n", (double) pauses[FORK_ROUNDS / 2] / 1e6);
  printf ("fork-guest-runs-least %.2f ms\n", (double) runs[0] / 1e6);
  printf ("fork-guest-runs %.2f ms\n", (double) runs[FORK_ROUNDS / 2] / 1e6);
  printf ("fork-guest-runs-most %.2f ms\n", (double) runs[FORK_ROUNDS - 1] / 1e6);
}

/* Prints the best of some rounds. The last machine goes on. */
static Machine *
restore (Bench *bench, Machine *old, const char *folder)
{
  Back best = { .runs = INT64_MAX };
  Machine *machine = NULL;

  for (unsigned i = 0; i < ROUNDS; i++)
    {
      Back back;

      if (machine)
        machine_free (machine);
      machine = go_back (bench, old, folder, &back);
      if (back.runs < best.runs)
        best = back;
    }
  printf ("back-old-paused %.2f ms\n", (double) best.paused / 1e6);
  printf ("back-new-made %.2f ms\n", (double) best.made / 1e6);
  printf ("back-restored %.2f ms\n", (double) best.restored / 1e6);
  printf ("back-guest-runs %.2f ms\n", (double) best.runs / 1e6);
  printf ("back-64-mib-written %.2f ms\n", (double) best.written / 1e6);
  return machine;
}

int
main (int argc, char **argv)
{
  Bench bench = { 0 };
  Bench bench_again = { 0 };
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  g_autofree char *third = NULL;
  g_autofree char *fourth = NULL;
  Machine *machine, *again;
  int64_t begin;

  if (argc == 4 && g_str_equal (argv[1], "--borrowed"))
    return be_clone (argv[2], argv[3]);
  if (argc != 4 && argc != 5)
    return 2;
  bench.rom = argv[1];
  bench.size = g_ascii_strtoull (argv[2], NULL, 10) << 20;
  bench_again.rom = bench.rom;
  bench_again.size = bench.size;
  setvbuf (stdout, NULL, _IOLBF, 0);
  first = node (argv[3], "first");
  second = node (argv[3], "second");
  third = node (argv[3], "third");
  fourth = node (argv[3], "fourth");

  machine = make (&bench);
  machine_run (machine);
  wait_touched (&bench);
  measure_forks (&bench, machine, argv[3]);
  if (argc == 5)
    return 0;
  take (&bench, machine, first, NULL, "take");
  take (&bench, machine, second, first, "take-again");
  measure_clones (&bench, machine, second, third, "clone");
  clear_node (third);
  measure_clones (&bench, machine, NULL, fourth, "clone-whole");
  clear_node (fourth);
  g_mkdir (third, 0700);
  again = restore (&bench_again, machine, second); /* the old one goes afterwards */
  begin = now ();
  machine_free (machine);
  printf ("free-old %.2f ms\n", (double) (now () - begin) / 1e6);
  take (&bench_again, again, third, second, "take-restored");
  machine_free (again);
  clear_node (third);
  clear_node (second);
  clear_node (first);
  return 0;
}
