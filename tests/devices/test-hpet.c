/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The HPET against the IA-PC HPET specification 1.0a. */
#include "devices/legacy/hpet.h"
#include "tests/bench-device/bench.h"

#define TICK 10 /* ns */

enum { CAPABILITIES = 0x00, CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0 };
enum { ENABLE = 1, LEGACY = 2 };
enum { LEVEL = 1 << 1, INTERRUPT = 1 << 2, PERIODIC = 1 << 3, SET_VALUE = 1 << 6, BITS_32 = 1 << 8 };

#define ROUTE(gsi)    ((uint32_t)(gsi) << 9)
#define TIMER(n)      (0x100u + 0x20u * (n))
#define COMPARATOR(n) (TIMER (n) + 8)

static uint64_t
get (Bench *bench, unsigned offset)
{
  return bench_read64 (bench, HPET_BASE + offset);
}

static void
put (Bench *bench, unsigned offset, uint64_t value)
{
  bench_write64 (bench, HPET_BASE + offset, value);
}

static Bench *
start (uint64_t config)
{
  Bench *bench = bench_new (&hpet_class, NULL);

  put (bench, CONFIG, config);
  return bench;
}

/* 2.3.4: three timers or more, a 64-bit counter, legacy replacement, a period of 100 ns at most. */
static void
test_capabilities (void)
{
  g_autoptr (Bench) bench = bench_new (&hpet_class, NULL);
  uint64_t value = get (bench, CAPABILITIES);

  g_assert_cmphex (value & 0xff, !=, 0);
  g_assert_cmpuint (value >> 8 & 0x1f, ==, 2);
  g_assert_cmphex (value & 0xa000, ==, 0xa000);
  g_assert_cmphex (value >> 16 & 0xffff, ==, 0x8086);
  g_assert_cmpuint (value >> 32, ==, TICK * 1000000);
  g_assert_cmphex (bench_read32 (bench, HPET_BASE + 4), ==, value >> 32);
  put (bench, CAPABILITIES, 0);
  g_assert_cmphex (get (bench, CAPABILITIES), ==, value);

  for (unsigned n = 0; n < 3; n++)
    g_assert_cmphex (get (bench, TIMER (n)), ==, (n < 2 ? 0x00f0000000000030 : 0x00f0080000000030));
}

/* 2.3.5, 2.3.7: the counter counts while enabled, keeps its value when halted, and takes one then. */
static void
test_counter (void)
{
  g_autoptr (Bench) bench = start (0);

  bench_advance_clock (bench, NS_PER_MS);
  g_assert_cmpuint (get (bench, COUNTER), ==, 0);
  put (bench, CONFIG, ENABLE);
  bench_advance_clock (bench, NS_PER_MS);
  g_assert_cmpuint (get (bench, COUNTER), ==, NS_PER_MS / TICK);
  put (bench, CONFIG, 0);
  bench_advance_clock (bench, NS_PER_MS);
  g_assert_cmpuint (get (bench, COUNTER), ==, NS_PER_MS / TICK);
  bench_write32 (bench, HPET_BASE + COUNTER, 0xfffffff0);
  bench_write32 (bench, HPET_BASE + COUNTER + 4, 7);
  g_assert_cmphex (get (bench, COUNTER), ==, 0x7fffffff0);
  put (bench, CONFIG, ENABLE);
  bench_advance_clock (bench, 0x20 * TICK);
  g_assert_cmphex (get (bench, COUNTER), ==, 0x800000010);
  g_assert_cmphex (bench_read32 (bench, HPET_BASE + COUNTER + 4), ==, 8);
}

/* 2.3.9.2.1: one match, one edge. */
static void
test_one_shot (void)
{
  g_autoptr (Bench) bench = start (ENABLE);

  put (bench, TIMER (2), INTERRUPT | ROUTE (11));
  put (bench, COMPARATOR (2), 100000);
  bench_advance_clock (bench, 99999 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 11), ==, 0);
  bench_advance_clock (bench, TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 11), ==, 1);
  g_assert_false (bench_irq (bench, 11));
  g_assert_cmphex (get (bench, STATUS), ==, 0);
  bench_advance_clock (bench, 3600 * NS_PER_SECOND);
  g_assert_cmpuint (bench_irq_edges (bench, 11), ==, 1);

  /* One that is past is past. */
  put (bench, COMPARATOR (2), 5);
  bench_advance_clock (bench, 3600 * NS_PER_SECOND);
  g_assert_cmpuint (bench_irq_edges (bench, 11), ==, 1);
}

/* 2.3.8, Tn_32MODE_CNF: 32 bits are compared, so that each wrap matches. */
static void
test_32_bit (void)
{
  g_autoptr (Bench) bench = start (ENABLE);
  const int64_t wrap = (INT64_C (1) << 32) * TICK;

  put (bench, TIMER (0), INTERRUPT | BITS_32 | ROUTE (20));
  put (bench, COMPARATOR (0), 0xffffffff00001000);
  g_assert_cmphex (get (bench, COMPARATOR (0)), ==, 0x1000);
  bench_advance_clock (bench, 0x1000 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 20), ==, 1);
  bench_advance_clock (bench, wrap);
  g_assert_cmpuint (bench_irq_edges (bench, 20), ==, 2);
  put (bench, COMPARATOR (0), 0xfff); /* a wrap, less one tick */
  bench_advance_clock (bench, wrap - 2 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 20), ==, 2);
  bench_advance_clock (bench, TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 20), ==, 3);
}

/* 2.3.9.2.2: the comparator grows by what was last written to it; Tn_VAL_SET_CNF sets it. */
static void
test_periodic (void)
{
  g_autoptr (Bench) bench = start (ENABLE);

  put (bench, TIMER (1), INTERRUPT | PERIODIC | SET_VALUE | ROUTE (21));
  put (bench, COMPARATOR (1), 50000);
  g_assert_cmphex (get (bench, TIMER (1)) & SET_VALUE, ==, 0);
  put (bench, COMPARATOR (1), 20000);
  bench_advance_clock (bench, 49999 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 21), ==, 0);
  bench_advance_clock (bench, TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 21), ==, 1);
  g_assert_cmpuint (get (bench, COMPARATOR (1)), ==, 70000);
  bench_advance_clock (bench, 200000 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 21), ==, 11);
  g_assert_cmpuint (get (bench, COMPARATOR (1)), ==, 270000);
  put (bench, CONFIG, 0);
  bench_advance_clock (bench, NS_PER_SECOND);
  g_assert_cmpuint (bench_irq_edges (bench, 21), ==, 11);
}

/* 2.3.6: a level stays until its status bit is cleared by writing 1. */
static void
test_level (void)
{
  g_autoptr (Bench) bench = start (ENABLE);

  put (bench, TIMER (0), INTERRUPT | LEVEL | ROUTE (22));
  put (bench, COMPARATOR (0), 100);
  bench_advance_clock (bench, 1000 * TICK);
  g_assert_true (bench_irq (bench, 22));
  g_assert_cmphex (get (bench, STATUS), ==, 1);
  put (bench, STATUS, 6);
  g_assert_true (bench_irq (bench, 22));
  put (bench, TIMER (0), INTERRUPT | LEVEL | ROUTE (23));
  g_assert_false (bench_irq (bench, 22));
  g_assert_true (bench_irq (bench, 23));
  put (bench, STATUS, 1);
  g_assert_false (bench_irq (bench, 23));
  g_assert_cmphex (get (bench, STATUS), ==, 0);
}

/* 2.3.8, Tn_INT_ENB_CNF: without it the timer works as ever, but does not interrupt. */
static void
test_interrupt_disabled (void)
{
  g_autoptr (Bench) bench = start (ENABLE);

  put (bench, TIMER (0), LEVEL | PERIODIC | SET_VALUE | ROUTE (20));
  put (bench, COMPARATOR (0), 1000);
  bench_advance_clock (bench, 10500 * TICK);
  g_assert_cmphex (get (bench, STATUS), ==, 1);
  g_assert_cmpuint (get (bench, COMPARATOR (0)), ==, 11000);
  g_assert_false (bench_irq (bench, 20));
  put (bench, TIMER (0), LEVEL | PERIODIC | INTERRUPT | ROUTE (20));
  g_assert_true (bench_irq (bench, 20));
}

/* 2.3.8, Tn_INT_ROUTE_CNF: what is not offered is not taken. */
static void
test_bad_route (void)
{
  g_autoptr (Bench) bench = start (ENABLE);

  put (bench, TIMER (0), ROUTE (21));
  put (bench, TIMER (0), ROUTE (5));
  g_assert_cmphex (get (bench, TIMER (0)) & ROUTE (31), ==, ROUTE (21));
}

/* 2.3.5, LEG_RT_CNF: timer 0 has the interval timer's interrupt and timer 1 the clock's. */
static void
test_legacy_replacement (void)
{
  g_autoptr (Bench) bench = start (ENABLE | LEGACY);
  IrqPin clock = irq_line_connect (bench_board (bench)->irq[8]);

  g_assert_true (bench_pit_muted (bench));
  irq_pin_set (&clock, true);
  g_assert_false (bench_irq (bench, 8));
  put (bench, TIMER (0), INTERRUPT | ROUTE (20));
  put (bench, TIMER (1), INTERRUPT | ROUTE (21));
  put (bench, TIMER (2), INTERRUPT | ROUTE (22));
  for (unsigned n = 0; n < 3; n++)
    put (bench, COMPARATOR (n), 1000);
  bench_advance_clock (bench, 1000 * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 0), ==, 1);
  g_assert_cmpuint (bench_irq_edges (bench, 8), ==, 1);
  g_assert_cmpuint (bench_irq_edges (bench, 20) + bench_irq_edges (bench, 21), ==, 0);
  g_assert_cmpuint (bench_irq_edges (bench, 22), ==, 1);

  put (bench, CONFIG, ENABLE);
  g_assert_false (bench_pit_muted (bench));
  g_assert_true (bench_irq (bench, 8));
  put (bench, CONFIG, LEGACY);
  bench_reset (bench);
  g_assert_false (bench_pit_muted (bench));
  g_assert_true (bench_irq (bench, 8));
  irq_pin_set (&clock, false);
}

/* A period of one tick interrupts as often as the host can take. */
static void
test_shortest_period (void)
{
  g_autoptr (Bench) bench = start (ENABLE);
  const unsigned n_least = 100;

  put (bench, TIMER (0), INTERRUPT | PERIODIC | SET_VALUE | ROUTE (20));
  put (bench, COMPARATOR (0), 1);
  bench_advance_clock (bench, n_least * HPET_LEAST_PERIOD * TICK);
  g_assert_cmpuint (bench_irq_edges (bench, 20), >=, n_least - 1);
  g_assert_cmpuint (bench_irq_edges (bench, 20), <=, n_least + 1);
}

/* 2.2: "accesses of 32 or 64 bits". */
static void
test_odd_accesses (void)
{
  g_autoptr (Bench) bench = start (0);

  bench_write8 (bench, HPET_BASE + CONFIG, ENABLE);
  bench_write16 (bench, HPET_BASE + CONFIG, ENABLE);
  bench_write32 (bench, HPET_BASE + CONFIG + 2, ENABLE << 16);
  g_assert_cmphex (get (bench, CONFIG), ==, 0);
  g_assert_cmphex (bench_read16 (bench, HPET_BASE + 2), ==, 0x8086);
  g_assert_cmphex (bench_read32 (bench, HPET_BASE + 0x3fc), ==, 0);
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = start (ENABLE | LEGACY);

  put (bench, TIMER (0), INTERRUPT | PERIODIC | SET_VALUE);
  put (bench, COMPARATOR (0), 10000);
  put (bench, TIMER (1), INTERRUPT | LEVEL);
  put (bench, COMPARATOR (1), 15000);
  put (bench, TIMER (2), PERIODIC | SET_VALUE | BITS_32);
  bench_write32 (bench, HPET_BASE + COMPARATOR (2), 77);
  bench_advance_clock (bench, 16000 * TICK);
  bench_round_trip_state (bench);
  g_assert_true (bench_irq (bench, 8));
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = bench_new (&hpet_class, NULL);

  bench_fuzz (bench, 1, 50000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hpet/capabilities", test_capabilities);
  g_test_add_func ("/hpet/counter", test_counter);
  g_test_add_func ("/hpet/one-shot", test_one_shot);
  g_test_add_func ("/hpet/32-bit", test_32_bit);
  g_test_add_func ("/hpet/periodic", test_periodic);
  g_test_add_func ("/hpet/level", test_level);
  g_test_add_func ("/hpet/interrupt-disabled", test_interrupt_disabled);
  g_test_add_func ("/hpet/bad-route", test_bad_route);
  g_test_add_func ("/hpet/legacy-replacement", test_legacy_replacement);
  g_test_add_func ("/hpet/shortest-period", test_shortest_period);
  g_test_add_func ("/hpet/odd-accesses", test_odd_accesses);
  g_test_add_func ("/hpet/state", test_state);
  g_test_add_func ("/hpet/mad-guest", test_mad_guest);
  return g_test_run ();
}
