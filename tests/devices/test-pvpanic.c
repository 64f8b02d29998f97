/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The panic port ("PVPANIC DEVICE", ISA interface). */
#include "devices/legacy/pvpanic.h"
#include "tests/bench-device/bench.h"

#define PORT 0x505

static const PvpanicConfig pausing = { BOARD_ACTION_PAUSE };

/* "On read, the bits recognized by the device are set." */
static void
test_knows_its_events (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  g_assert_cmphex (bench_in8 (bench, PORT), ==, 0x03);
}

/* Bit 0: "should be processed by the host". */
static void
test_panic (void)
{
  for (BoardAction action = BOARD_ACTION_NOTIFY; action <= BOARD_ACTION_POWER_OFF; action++)
    {
      const PvpanicConfig config = { action };
      g_autoptr (Bench) bench = bench_new (&pvpanic_class, &config);

      bench_out8 (bench, PORT, 0x01);
      g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PANIC), ==, 1);
      g_assert_cmpint (bench_request_status (bench), ==, action);
      g_assert_cmpstr (bench_request_message (bench), ==, "The guest's kernel panicked");
    }
}

/* Bit 1: "record it or report it, but should not affect the execution of the guest". */
static void
test_crash_kernel (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  bench_out8 (bench, PORT, 0x02);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PANIC), ==, 1);
  g_assert_cmpint (bench_request_status (bench), ==, BOARD_ACTION_NOTIFY);
  g_assert_nonnull (strstr (bench_request_message (bench), "crash kernel"));
}

/* "On write, the bits not recognized by the device are ignored." */
static void
test_unknown_events (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  bench_out8 (bench, PORT, 0xfc);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PANIC), ==, 0);
}

/* A guest that cries without end is heard once, until it is reset. */
static void
test_tells_once (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  for (unsigned i = 0; i < 1000; i++)
    bench_out8 (bench, PORT, 0x03);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PANIC), ==, 2);
  bench_reset (bench);
  bench_out8 (bench, PORT, 0x01);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_PANIC), ==, 3);
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  bench_out8 (bench, PORT, 0x01);
  bench_round_trip_state (bench);
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = bench_new (&pvpanic_class, &pausing);

  bench_fuzz (bench, 1, 20000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pvpanic/knows-its-events", test_knows_its_events);
  g_test_add_func ("/pvpanic/panic", test_panic);
  g_test_add_func ("/pvpanic/crash-kernel", test_crash_kernel);
  g_test_add_func ("/pvpanic/unknown-events", test_unknown_events);
  g_test_add_func ("/pvpanic/tells-once", test_tells_once);
  g_test_add_func ("/pvpanic/state", test_state);
  g_test_add_func ("/pvpanic/mad-guest", test_mad_guest);
  return g_test_run ();
}
