/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock against the MC146818A data sheet. */
#include "devices/legacy/rtc.h"
#include "tests/bench-device/bench.h"

#include <time.h>

#define GSI 8

static const RtcConfig config = {
  .ram_below_4g = UINT64_C (2) << 30,
  .ram_above_4g = UINT64_C (6) << 30,
  .n_cpus = 4,
};

static uint8_t
get (Bench *bench, uint8_t index)
{
  bench_out8 (bench, 0x70, index);
  return bench_in8 (bench, 0x71);
}

static void
set (Bench *bench, uint8_t index, uint8_t value)
{
  bench_out8 (bench, 0x70, index);
  bench_out8 (bench, 0x71, value);
}

static int
bcd (uint8_t value)
{
  return (value >> 4) * 10 + (value & 15);
}

static time_t
guest_time (Bench *bench)
{
  struct tm tm;

  /* Two equal readings span no update. */
  for (int last = -1; last != (tm.tm_sec = bcd (get (bench, 0)));)
    {
      last = tm.tm_sec;
      tm.tm_min = bcd (get (bench, 2));
      tm.tm_hour = bcd (get (bench, 4));
      tm.tm_mday = bcd (get (bench, 7));
      tm.tm_mon = bcd (get (bench, 8)) - 1;
      tm.tm_year = bcd (get (bench, 0x32)) * 100 + bcd (get (bench, 9)) - 1900;
    }
  return timegm (&tm);
}

static void
test_shows_host_time (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);
  time_t before = time (NULL), seen = guest_time (bench), after = time (NULL);

  g_assert_cmpint (seen, >=, before);
  g_assert_cmpint (seen, <=, after);
}

/* "SET bit": with it the bytes stand still; clearing it adopts them. */
static void
test_guest_sets_time (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);
  struct tm tm = { .tm_sec = 30, .tm_min = 59, .tm_hour = 23, .tm_mday = 29, .tm_mon = 1, .tm_year = 96 };

  set (bench, 0x0b, 0x82);
  set (bench, 0, 0x30);
  set (bench, 2, 0x59);
  set (bench, 4, 0x23);
  set (bench, 7, 0x29);
  set (bench, 8, 0x02);
  set (bench, 9, 0x96);
  set (bench, 0x32, 0x19);
  set (bench, 0x0b, 0x02);
  g_assert_cmpint (ABS (guest_time (bench) - timegm (&tm)), <=, 2);
}

static void
test_twelve_hour_binary (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  set (bench, 0x0b, 0x84); /* SET, binary, 12 hours */
  set (bench, 4, 0x80 | 11);
  set (bench, 2, 1);
  set (bench, 0, 2);
  set (bench, 0x0b, 0x04);
  g_assert_cmphex (get (bench, 4), ==, 0x8b);
  set (bench, 0x0b, 0x06); /* the same clock, in 24 hours */
  g_assert_cmpint (get (bench, 4), ==, 23);
}

/* Table 5: rate 6 is 1024 Hz, on the machine's clock; register C acknowledges. */
static void
test_periodic_interrupt (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  set (bench, 0x0a, 0x26);
  set (bench, 0x0b, 0x42);
  g_assert_false (bench_irq (bench, GSI));
  bench_advance_clock (bench, 976562);
  g_assert_true (bench_irq (bench, GSI));
  g_assert_cmphex (get (bench, 0x0c), ==, 0xc0);
  g_assert_false (bench_irq (bench, GSI));
  g_assert_cmphex (get (bench, 0x0c) & 0x40, ==, 0);

  unsigned edges = bench_irq_edges (bench, GSI);
  for (unsigned i = 0; i < 1024; i++)
    {
      bench_advance_clock (bench, 976563);
      get (bench, 0x0c);
    }
  g_assert_cmpuint (bench_irq_edges (bench, GSI) - edges, ==, 1024);
}

/* Alarm bytes from 0xc0 match anything: this one goes off at the next second, in real time. */
static void
test_alarm (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  set (bench, 1, 0xff);
  set (bench, 3, 0xff);
  set (bench, 5, 0xff);
  get (bench, 0x0c);
  set (bench, 0x0b, 0x22);
  bench_wait_irq (bench, GSI, true);
  g_assert_cmphex (get (bench, 0x0c) & 0xa0, ==, 0xa0);
  g_assert_false (bench_irq (bench, GSI));
}

static void
test_cmos_describes_machine (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  g_assert_cmpuint (get (bench, 0x15) | get (bench, 0x16) << 8, ==, 640);
  g_assert_cmpuint (get (bench, 0x34) | get (bench, 0x35) << 8, ==, (2048 - 16) * 16);
  g_assert_cmpuint (get (bench, 0x5b) | get (bench, 0x5c) << 8 | get (bench, 0x5d) << 16, ==, 6 * 16384);
  g_assert_cmpuint (get (bench, 0x5f), ==, 3);
  g_assert_cmphex (get (bench, 0x0d), ==, 0x80);
}

static void
test_cmos_survives_reset (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  set (bench, 0x50, 0xa5);
  set (bench, 0x0b, 0x42);
  bench_reset (bench);
  g_assert_cmphex (get (bench, 0x50), ==, 0xa5);
  g_assert_cmphex (get (bench, 0x0b), ==, 0x02);
  bench_advance_clock (bench, NS_PER_SECOND);
  g_assert_false (bench_irq (bench, GSI));
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  set (bench, 0x0a, 0x2a);
  set (bench, 0x0b, 0x42);
  bench_advance_clock (bench, 1000000);
  bench_round_trip_state (bench);
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = bench_new (&rtc_class, &config);

  bench_fuzz (bench, 2, 100000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/rtc/shows-host-time", test_shows_host_time);
  g_test_add_func ("/rtc/guest-sets-time", test_guest_sets_time);
  g_test_add_func ("/rtc/twelve-hour-binary", test_twelve_hour_binary);
  g_test_add_func ("/rtc/periodic-interrupt", test_periodic_interrupt);
  g_test_add_func ("/rtc/alarm", test_alarm);
  g_test_add_func ("/rtc/cmos-describes-machine", test_cmos_describes_machine);
  g_test_add_func ("/rtc/cmos-survives-reset", test_cmos_survives_reset);
  g_test_add_func ("/rtc/state", test_state);
  g_test_add_func ("/rtc/mad-guest", test_mad_guest);
  return g_test_run ();
}
