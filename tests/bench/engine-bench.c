/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the engine alone costs, without the PC around it: "name value unit" lines, each the best of several
 * rounds. `bench` sets the whole program beside QEMU; this tells where the time went.
 */
#include "vmm/device/device.h"
#include "vmm/machine/machine.h"

#include <stdio.h>

#define ROUNDS    9
#define N_EXITS   20000u
#define RAM_SIZE  (64u << 20)
#define CODE      0x10000u
#define TABLES    0x1000u
#define GDT       0x8000u
#define MMIO_BASE UINT64_C (0xd0000000)
#define PORT_WORK 0x500
#define PORT_END  0x504

/* rcx times: in $PORT_WORK; then out $PORT_END. */
static const uint8_t code_ports[] = {
  0x66, 0xba, 0x00, 0x05, /* mov $0x500, %dx */
  0xec,                   /* in %dx, %al */
  0xff, 0xc9,             /* dec %ecx */
  0x75, 0xfb,             /* jnz -5 */
  0x66, 0xba, 0x04, 0x05, /* mov $0x504, %dx */
  0xee,                   /* out %al, %dx */
  0xeb, 0xfe,             /* jmp . */
};

/* rcx times: a read at rsi; then out $PORT_END. */
static const uint8_t code_mmio[] = {
  0x8b, 0x06,             /* mov (%rsi), %eax */
  0xff, 0xc9,             /* dec %ecx */
  0x75, 0xfa,             /* jnz -6 */
  0x66, 0xba, 0x04, 0x05, /* mov $0x504, %dx */
  0xee,                   /* out %al, %dx */
  0xeb, 0xfe,             /* jmp . */
};

/* dec %ecx; jnz -4; then out $PORT_END: what the loop itself costs. */
static const uint8_t code_empty[] = {
  0xff, 0xc9, 0x75, 0xfc, 0x66, 0xba, 0x04, 0x05, 0xee, 0xeb, 0xfe,
};

typedef struct {
  const uint8_t *code;
  size_t size;
  uint32_t times;
  MemoryBank *ram;
  int64_t first; /* first access, ns */
  int64_t end;
  GMutex lock;
  GCond changed;
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
  Bench *bench = ((BenchDevice *) device)->bench;

  if (!bench->first)
    bench->first = now ();
  return 0;
}

static void
bench_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Bench *bench = ((BenchDevice *) device)->bench;

  g_mutex_lock (&bench->lock);
  bench->end = now ();
  g_cond_signal (&bench->changed);
  g_mutex_unlock (&bench->lock);
}

static const BusOps ops = { .read = bench_read, .write = bench_write };

static bool
bench_realize (Device *device, const void *config, GError **error)
{
  ((BenchDevice *) device)->bench = (Bench *) config;
  return device_add_ports (device, &ops, PORT_WORK, 8) && device_add_mmio (device, &ops, MMIO_BASE, 0x1000, 0);
}

static const DeviceClass bench_class = { .id = "bench", .size = sizeof (BenchDevice), .realize = bench_realize };

static bool
build (Board *board, void *data, GError **error)
{
  Bench *bench = data;

  bench->ram = guest_memory_add_bank (board->memory, "ram-low", RAM_SIZE, BANK_RAM, error);
  return bench->ram && memory_bank_map (bench->ram, 0) && board_add (board, &bench_class, NULL, bench, error);
}

static void
prepare (Board *board, CpuStart *start, void *data)
{
  Bench *bench = data;

  memcpy ((uint8_t *) memory_bank_data (bench->ram) + CODE, bench->code, bench->size);
  cpu_start_write_page_tables (board->memory, TABLES);
  cpu_start_write_gdt (board->memory, GDT, CPU_START_LONG);
  *start = (CpuStart) {
    .mode = CPU_START_LONG, .rip = CODE, .rcx = bench->times, .rsi = MMIO_BASE, .cr3 = TABLES, .gdt = GDT
  };
}

static Machine *
make (Bench *bench, unsigned n_cpus)
{
  g_autoptr (GError) error = NULL;
  Machine *machine = machine_new (
    &(MachineConfig) { .name = "bench", .n_cpus = n_cpus, .build = build, .prepare = prepare, .build_data = bench },
    &error);

  if (!machine)
    g_error ("%s", error->message);
  return machine;
}

static void
wait_end (Bench *bench)
{
  g_mutex_lock (&bench->lock);
  while (!bench->end)
    g_cond_wait (&bench->changed, &bench->lock);
  g_mutex_unlock (&bench->lock);
}

typedef struct {
  int64_t start, loop, stop; /* ns */
} Result;

static Result
run_once (const uint8_t *code, size_t size, uint32_t times, unsigned n_cpus)
{
  Bench bench = { .code = code, .size = size, .times = times };
  int64_t begin = now ();
  int64_t stopping;
  Machine *machine = make (&bench, n_cpus);

  machine_run (machine);
  wait_end (&bench);
  stopping = now ();
  machine_free (machine);
  return (Result) { (bench.first ? bench.first : bench.end) - begin, bench.end - bench.first, now () - stopping };
}

static Result
best_of (const uint8_t *code, size_t size, uint32_t times, unsigned n_cpus)
{
  Result best = { INT64_MAX, INT64_MAX, INT64_MAX };

  for (unsigned i = 0; i < ROUNDS; i++)
    {
      Result result = run_once (code, size, times, n_cpus);

      best.start = MIN (best.start, result.start);
      best.loop = MIN (best.loop, result.loop);
      best.stop = MIN (best.stop, result.stop);
    }
  return best;
}

static void
measure_state (void)
{
  Bench bench = { .code = code_empty, .size = sizeof code_empty, .times = UINT32_MAX };
  Machine *machine = make (&bench, 1);
  int64_t pause = INT64_MAX, save = INT64_MAX, load = INT64_MAX;

  machine_run (machine);
  machine_wait_while (machine, MACHINE_CREATED, -1);
  for (unsigned i = 0; i < ROUNDS * 10; i++)
    {
      int64_t begin = now ();
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;
      size_t size;
      const uint8_t *data;

      machine_pause (machine);
      machine_wait_while (machine, MACHINE_RUNNING, -1);
      pause = MIN (pause, now () - begin);
      begin = now ();
      bytes = machine_save (machine, &error);
      if (!bytes)
        g_error ("%s", error->message);
      save = MIN (save, now () - begin);
      data = g_bytes_get_data (bytes, &size);
      begin = now ();
      if (!machine_load (machine, data, size, &error))
        g_error ("%s", error->message);
      load = MIN (load, now () - begin);
      machine_run (machine);
      machine_wait_while (machine, MACHINE_PAUSED, -1);
    }
  printf ("pause %.1f us\nsave %.1f us\nload %.1f us\n", (double) pause / 1e3, (double) save / 1e3,
          (double) load / 1e3);
  machine_free (machine);
}

int
main (void)
{
  Result ports = best_of (code_ports, sizeof code_ports, N_EXITS, 1);
  Result mmio = best_of (code_mmio, sizeof code_mmio, N_EXITS, 1);
  Result four = best_of (code_ports, sizeof code_ports, 1, 4);

  printf ("start-to-first-instruction %.2f ms\n", (double) ports.start / 1e6);
  printf ("start-to-first-instruction-4-cpus %.2f ms\n", (double) four.start / 1e6);
  printf ("stop %.2f ms\n", (double) ports.stop / 1e6);
  printf ("pio-exit %.2f us\n", (double) ports.loop / 1e3 / N_EXITS);
  printf ("mmio-exit %.2f us\n", (double) mmio.loop / 1e3 / N_EXITS);
  measure_state ();
  return 0;
}
