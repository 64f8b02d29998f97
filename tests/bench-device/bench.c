/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench-device/bench.h"

#include "tests/bench-device/bench-private.h"
#include "vmm/loop/loop-private.h"

#define WAIT_SECONDS 20

/* Timers that fire while the clock is moved once; a guest may have asked for a nanosecond's period. */
#define MAX_EXPIRIES 100000u

typedef struct {
  void *data;
  GDestroyNotify destroy;
} Owned;

static void
on_request (Board *board, BoardRequest request, int status, const char *message, void *data)
{
  Bench *bench = data;

  g_mutex_lock (&bench->lock);
  bench->requests[request]++;
  bench->request_status = status;
  g_free (bench->request_message);
  bench->request_message = g_strdup (message);
  g_mutex_unlock (&bench->lock);
}

static void
owned_free (void *data)
{
  Owned *owned = data;

  owned->destroy (owned->data);
  g_free (owned);
}

static Bench *
bench_new_bare (void)
{
  Bench *bench = g_new0 (Bench, 1);
  GError *error = NULL;

  bench->fake.hypervisor.ops = &fake_hypervisor_ops;
  bench->fake.messages = g_array_new (FALSE, FALSE, sizeof (BenchMsi));
  g_mutex_init (&bench->fake.lock);
  g_mutex_init (&bench->lock);
  bench->owned = g_ptr_array_new ();
  bench->loop = loop_new ("bench", &error);
  g_assert_no_error (error);
  bench->clock = vm_clock_new ();
  bench->board =
    board_new (&bench->fake.hypervisor, bench->loop, bench->clock, NULL, 1, on_request, bench, &error);
  g_assert_no_error (error);
  bench->ram = guest_memory_add_bank (bench->board->memory, "ram-low", BENCH_RAM_SIZE, BANK_RAM, &error);
  g_assert_no_error (error);
  g_assert_true (memory_bank_map (bench->ram, 0));
  return bench;
}

static void
add_the_device (Bench *bench, void *data)
{
  bench_add (bench, bench->klass, NULL, bench->config);
}

Bench *
bench_new (const DeviceClass *klass, const void *config)
{
  Bench *bench = bench_new_bare ();

  bench->klass = klass;
  bench->config = config;
  bench->setup = add_the_device;
  bench->setup (bench, NULL);
  return bench;
}

Bench *
bench_new_with (BenchSetup setup, void *data)
{
  Bench *bench = bench_new_bare ();

  bench->setup = setup;
  bench->setup_data = data;
  bench->setup (bench, data);
  return bench;
}

Bench *
bench_twin (Bench *bench)
{
  Bench *twin = bench_new_bare ();

  twin->klass = bench->klass;
  twin->config = bench->config;
  twin->setup = bench->setup;
  twin->setup_data = bench->setup_data;
  twin->setup (twin, twin->setup_data);
  memcpy (memory_bank_data (twin->ram), memory_bank_data (bench->ram), BENCH_RAM_SIZE);
  vm_clock_set (twin->clock, vm_clock_now (bench->clock));
  loop_clock_changed (twin->loop, twin->clock);
  return twin;
}

void
bench_free (Bench *bench)
{
  board_free (bench->board);
  for (unsigned i = bench->owned->len; i-- > 0;)
    owned_free (bench->owned->pdata[i]);
  g_ptr_array_unref (bench->owned);
  loop_free (bench->loop);
  vm_clock_free (bench->clock);
  g_array_unref (bench->fake.messages);
  g_mutex_clear (&bench->fake.lock);
  g_mutex_clear (&bench->lock);
  g_free (bench->request_message);
  g_free (bench);
}

Device *
bench_add (Bench *bench, const DeviceClass *klass, const char *name, const void *config)
{
  GError *error = NULL;
  Device *device = board_add (bench->board, klass, name, config, &error);

  g_assert_no_error (error);
  g_assert_nonnull (device);
  bench->device = device;
  return device;
}

void *
bench_own (Bench *bench, void *data, GDestroyNotify destroy)
{
  Owned *owned = g_new (Owned, 1);

  *owned = (Owned){ data, destroy };
  g_ptr_array_add (bench->owned, owned);
  return data;
}

Board *
bench_board (Bench *bench)
{
  return bench->board;
}

Device *
bench_device (Bench *bench)
{
  return bench->device;
}

void
bench_choose (Bench *bench, Device *device)
{
  bench->device = device;
}

Device *
bench_find (Bench *bench, const char *name)
{
  Device *device = board_find (bench->board, name);

  g_assert_nonnull (device);
  return device;
}

void
bench_reset (Bench *bench)
{
  board_reset (bench->board);
}

/* --- accesses --- */

#define DEFINE_ACCESS(bits)                                                                                  \
  uint##bits##_t bench_read##bits (Bench *bench, uint64_t address)                                           \
  {                                                                                                          \
    return (uint##bits##_t)bus_read (bench->board->mmio, address, bits / 8);                                 \
  }                                                                                                          \
                                                                                                             \
  void bench_write##bits (Bench *bench, uint64_t address, uint##bits##_t value)                              \
  {                                                                                                          \
    bus_write (bench->board->mmio, address, value, bits / 8);                                                \
  }

#define DEFINE_PORT_ACCESS(bits)                                                                             \
  uint##bits##_t bench_in##bits (Bench *bench, uint16_t port)                                                \
  {                                                                                                          \
    return (uint##bits##_t)bus_read (bench->board->ports, port, bits / 8);                                   \
  }                                                                                                          \
                                                                                                             \
  void bench_out##bits (Bench *bench, uint16_t port, uint##bits##_t value)                                   \
  {                                                                                                          \
    bus_write (bench->board->ports, port, value, bits / 8);                                                  \
  }

DEFINE_ACCESS (8)
DEFINE_ACCESS (16)
DEFINE_ACCESS (32)
DEFINE_ACCESS (64)
DEFINE_PORT_ACCESS (8)
DEFINE_PORT_ACCESS (16)
DEFINE_PORT_ACCESS (32)

void *
bench_memory (Bench *bench, uint64_t address, size_t size)
{
  g_assert_cmpuint (address, <=, BENCH_RAM_SIZE);
  g_assert_cmpuint (size, <=, BENCH_RAM_SIZE - address);
  return (uint8_t *)memory_bank_data (bench->ram) + address;
}

/* --- what the device did --- */

bool
bench_irq (Bench *bench, unsigned gsi)
{
  bool level;

  g_mutex_lock (&bench->fake.lock);
  level = bench->fake.levels[gsi];
  g_mutex_unlock (&bench->fake.lock);
  return level;
}

unsigned
bench_irq_edges (Bench *bench, unsigned gsi)
{
  unsigned edges;

  g_mutex_lock (&bench->fake.lock);
  edges = bench->fake.edges[gsi];
  g_mutex_unlock (&bench->fake.lock);
  return edges;
}

bool
bench_pit_muted (Bench *bench)
{
  bool muted;

  g_mutex_lock (&bench->fake.lock);
  muted = bench->fake.pit_muted;
  g_mutex_unlock (&bench->fake.lock);
  return muted;
}

unsigned
bench_msi_count (Bench *bench)
{
  unsigned n;

  g_mutex_lock (&bench->fake.lock);
  n = bench->fake.messages->len;
  g_mutex_unlock (&bench->fake.lock);
  return n;
}

unsigned
bench_msi_count_of (Bench *bench, uint64_t address, uint32_t data)
{
  unsigned n = 0;

  g_mutex_lock (&bench->fake.lock);
  for (unsigned i = 0; i < bench->fake.messages->len; i++)
    {
      const BenchMsi *message = &g_array_index (bench->fake.messages, BenchMsi, i);

      n += message->address == address && message->data == data;
    }
  g_mutex_unlock (&bench->fake.lock);
  return n;
}

bool
bench_msi_last (Bench *bench, uint64_t *address, uint32_t *data)
{
  bool any;

  g_mutex_lock (&bench->fake.lock);
  any = bench->fake.messages->len > 0;
  if (any)
    {
      const BenchMsi *message =
        &g_array_index (bench->fake.messages, BenchMsi, bench->fake.messages->len - 1);

      *address = message->address;
      *data = message->data;
    }
  g_mutex_unlock (&bench->fake.lock);
  return any;
}

unsigned
bench_requests (Bench *bench, BoardRequest request)
{
  unsigned n;

  bench_settle (bench);
  g_mutex_lock (&bench->lock);
  n = bench->requests[request];
  g_mutex_unlock (&bench->lock);
  return n;
}

int
bench_request_status (Bench *bench)
{
  bench_settle (bench);
  return bench->request_status;
}

const char *
bench_request_message (Bench *bench)
{
  bench_settle (bench);
  return bench->request_message;
}

/* --- time and events --- */

static void
do_nothing (void *data)
{
}

void
bench_settle (Bench *bench)
{
  /* The second call's iteration begins after the first one's served all that was ready. */
  for (unsigned i = 0; i < 3; i++)
    loop_call_sync (bench->loop, do_nothing, NULL);
}

typedef struct {
  Bench *bench;
  int64_t target;
} Advance;

static void
advance_on_loop (void *data)
{
  Advance *advance = data;
  Bench *bench = advance->bench;
  int64_t deadline;

  for (unsigned n = 0; n < MAX_EXPIRIES; n++)
    {
      deadline = loop_next_deadline (bench->loop, bench->clock);
      if (deadline > advance->target)
        break;
      vm_clock_set (bench->clock, MAX (deadline, vm_clock_now (bench->clock)));
      loop_fire_due_timers (bench->loop, bench->clock);
    }
  vm_clock_set (bench->clock, advance->target);
}

void
bench_advance_clock (Bench *bench, int64_t ns)
{
  Advance advance = { bench, vm_clock_now (bench->clock) + ns };

  loop_call_sync (bench->loop, advance_on_loop, &advance);
}

typedef struct {
  Bench *bench;
  BenchPredicate predicate;
  void *data;
  GMutex lock;
  GCond cond;
  bool holds;
} Wait;

static void
look_again (void *data)
{
  Wait *wait = data;

  g_mutex_lock (&wait->lock);
  if (!wait->holds && wait->predicate (wait->bench, wait->data))
    {
      wait->holds = true;
      g_cond_signal (&wait->cond);
    }
  g_mutex_unlock (&wait->lock);
}

bool
bench_run_until (Bench *bench, BenchPredicate predicate, void *data)
{
  Wait wait = { .bench = bench, .predicate = predicate, .data = data };
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_init (&wait.lock);
  g_cond_init (&wait.cond);
  loop_set_iteration_hook (bench->loop, look_again, &wait);
  g_mutex_lock (&wait.lock);
  while (!wait.holds && g_cond_wait_until (&wait.cond, &wait.lock, end))
    ;
  g_mutex_unlock (&wait.lock);
  loop_set_iteration_hook (bench->loop, NULL, NULL);
  g_mutex_clear (&wait.lock);
  g_cond_clear (&wait.cond);
  return wait.holds;
}

typedef struct {
  unsigned gsi;
  bool level;
} IrqLevel;

static bool
irq_has_level (Bench *bench, void *data)
{
  const IrqLevel *wanted = data;

  return bench_irq (bench, wanted->gsi) == wanted->level;
}

void
bench_wait_irq (Bench *bench, unsigned gsi, bool level)
{
  IrqLevel wanted = { gsi, level };

  g_assert_true (bench_run_until (bench, irq_has_level, &wanted));
}

static bool
has_messages (Bench *bench, void *data)
{
  return bench_msi_count (bench) >= *(unsigned *)data;
}

void
bench_wait_msi (Bench *bench, unsigned count)
{
  g_assert_true (bench_run_until (bench, has_messages, &count));
}

static bool
is_idle (Bench *bench, void *data)
{
  return g_atomic_int_get (&bench->board->in_flight) == 0;
}

void
bench_wait_idle (Bench *bench)
{
  bench_settle (bench);
  g_assert_true (bench_run_until (bench, is_idle, NULL));
}
