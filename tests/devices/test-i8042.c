/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keyboard controller, keyboard and mouse against the IBM PS/2 Technical Reference. */
#include "devices/legacy/i8042.h"
#include "tests/bench-device/bench.h"

#define KEYBOARD_GSI 1
#define MOUSE_GSI    12

typedef struct {
  I8042Config config;
  Bench *bench;
} Fixture;

static void
command (Bench *bench, uint8_t value)
{
  bench_out8 (bench, 0x64, value);
}

static uint8_t
data (Bench *bench)
{
  g_assert_cmphex (bench_in8 (bench, 0x64) & 1, ==, 1);
  return bench_in8 (bench, 0x60);
}

static void
mouse_command (Bench *bench, uint8_t value)
{
  command (bench, 0xd4);
  bench_out8 (bench, 0x60, value);
  g_assert_cmphex (bench_in8 (bench, 0x64) & 0x21, ==, 0x21);
  g_assert_cmphex (data (bench), ==, 0xfa);
}

static void
assert_bytes (Bench *bench, const uint8_t *expected, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    g_assert_cmphex (data (bench), ==, expected[i]);
  g_assert_cmphex (bench_in8 (bench, 0x64) & 1, ==, 0);
}

#define EXPECT(bench, ...)                                                                                   \
  assert_bytes (bench, (const uint8_t[]) { __VA_ARGS__ }, sizeof ((const uint8_t[]) { __VA_ARGS__ }))

static void
set_up (Fixture *f, const void *unused)
{
  f->config.hub = input_hub_new ();
  f->bench = bench_new (&i8042_class, &f->config);
}

static void
tear_down (Fixture *f, const void *unused)
{
  bench_free (f->bench);
  input_hub_unref (f->config.hub);
}

static void
test_self_tests (Fixture *f, const void *unused)
{
  command (f->bench, 0xaa);
  EXPECT (f->bench, 0x55);
  command (f->bench, 0xab);
  EXPECT (f->bench, 0x00);
  command (f->bench, 0xa9);
  EXPECT (f->bench, 0x00);
  bench_out8 (f->bench, 0x60, 0xff);
  EXPECT (f->bench, 0xfa, 0xaa);
  bench_out8 (f->bench, 0x60, 0xf2);
  EXPECT (f->bench, 0xfa, 0xab, 0x41); /* 0x83, translated */
}

/* Set 2 from the keyboard arrives as set 1, with an interrupt for each byte. */
static void
test_keys_are_translated (Fixture *f, const void *unused)
{
  input_hub_key (f->config.hub, 0x04, true); /* A */
  g_assert_true (bench_irq (f->bench, KEYBOARD_GSI));
  EXPECT (f->bench, 0x1e);
  g_assert_false (bench_irq (f->bench, KEYBOARD_GSI));
  input_hub_key (f->config.hub, 0x04, false);
  EXPECT (f->bench, 0x9e);

  unsigned edges = bench_irq_edges (f->bench, KEYBOARD_GSI);
  input_hub_key (f->config.hub, 0x52, true); /* cursor up */
  EXPECT (f->bench, 0xe0, 0x48);
  input_hub_key (f->config.hub, 0x52, false);
  EXPECT (f->bench, 0xe0, 0xc8);
  g_assert_cmpuint (bench_irq_edges (f->bench, KEYBOARD_GSI) - edges, ==, 4);
}

static void
test_special_keys (Fixture *f, const void *unused)
{
  input_hub_key (f->config.hub, 0x48, true); /* Pause: make and break at once */
  EXPECT (f->bench, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
  input_hub_key (f->config.hub, 0x48, false);
  input_hub_key (f->config.hub, 0x46, true); /* Print */
  EXPECT (f->bench, 0xe0, 0x2a, 0xe0, 0x37);
  input_hub_key (f->config.hub, 0x46, false);
  EXPECT (f->bench, 0xe0, 0xb7, 0xe0, 0xaa);
  input_hub_key (f->config.hub, 0xe3, true); /* Super */
  EXPECT (f->bench, 0xe0, 0x5b);
  input_hub_key (f->config.hub, 0xe3, false);
  EXPECT (f->bench, 0xe0, 0xdb);
  input_hub_key (f->config.hub, 0x64, true); /* the key beside left Shift of ISO keyboards */
  EXPECT (f->bench, 0x56);
  input_hub_key (f->config.hub, 0x64, false);
  EXPECT (f->bench, 0xd6);
  input_hub_key (f->config.hub, 0xe2, true); /* Alt+Print: SysRq */
  EXPECT (f->bench, 0x38);
  input_hub_key (f->config.hub, 0x46, true);
  EXPECT (f->bench, 0x54);
}

/* Every key of the USB page that has a PS/2 code comes back with the same code on release. */
static void
test_release_mirrors_press (Fixture *f, const void *unused)
{
  for (unsigned usage = 1; usage < 256; usage++)
    {
      uint8_t make[8], brk[8];
      unsigned n_make = 0, n_break = 0;

      if (usage == 0x48 || usage == 0x46 || usage == 0x90 || usage == 0x91)
        continue; /* Pause, Print, and Korean keys without release have tests of their own */
      input_hub_key (f->config.hub, usage, true);
      while ((bench_in8 (f->bench, 0x64) & 1) && n_make < 8)
        make[n_make++] = data (f->bench);
      input_hub_key (f->config.hub, usage, false);
      while ((bench_in8 (f->bench, 0x64) & 1) && n_break < 8)
        brk[n_break++] = data (f->bench);
      g_assert_cmpuint (n_make, ==, n_break);
      if (n_make > 0)
        g_assert_cmphex (brk[n_make - 1], ==, make[n_make - 1] | 0x80);
    }
}

/* Typematic: 500 ms, then 10.9 a second, as long as the key is down. */
static void
test_keys_repeat (Fixture *f, const void *unused)
{
  input_hub_key (f->config.hub, 0x05, true);
  EXPECT (f->bench, 0x30);
  bench_advance_clock (f->bench, 499 * NS_PER_MS);
  g_assert_cmphex (bench_in8 (f->bench, 0x64) & 1, ==, 0);
  bench_advance_clock (f->bench, 1 * NS_PER_MS);
  EXPECT (f->bench, 0x30);
  bench_advance_clock (f->bench, 100 * NS_PER_MS);
  EXPECT (f->bench, 0x30);
  input_hub_key (f->config.hub, 0x05, false);
  EXPECT (f->bench, 0xb0);
  bench_advance_clock (f->bench, 10 * NS_PER_SECOND);
  g_assert_cmphex (bench_in8 (f->bench, 0x64) & 1, ==, 0);
}

static void
test_leds_reach_the_hub (Fixture *f, const void *unused)
{
  bench_out8 (f->bench, 0x60, 0xed);
  EXPECT (f->bench, 0xfa);
  bench_out8 (f->bench, 0x60, 0x06); /* Num and Caps */
  EXPECT (f->bench, 0xfa);
  g_assert_cmphex (input_hub_leds (f->config.hub), ==, 0x03);
}

/* The knock 200, 100, 80 turns on the wheel. */
static void
test_wheel_mouse (Fixture *f, const void *unused)
{
  static const uint8_t knock[] = { 200, 100, 80 };

  command (f->bench, 0xa8);
  for (unsigned i = 0; i < 3; i++)
    {
      mouse_command (f->bench, 0xf3);
      mouse_command (f->bench, knock[i]);
    }
  mouse_command (f->bench, 0xf2);
  EXPECT (f->bench, 0x03);
  mouse_command (f->bench, 0xf4);

  input_hub_motion (f->config.hub, 5, -3);
  g_assert_true (bench_irq (f->bench, MOUSE_GSI));
  EXPECT (f->bench, 0x08, 5, 3, 0);
  input_hub_button (f->config.hub, POINTER_LEFT, true);
  EXPECT (f->bench, 0x09, 0, 0, 0);
  input_hub_wheel (f->config.hub, 0, 1);
  EXPECT (f->bench, 0x09, 0, 0, 0xff);
  input_hub_button (f->config.hub, POINTER_LEFT, false);
  EXPECT (f->bench, 0x08, 0, 0, 0);
}

/* A guest that doesn't read loses motion's detail but neither its sum nor a button. */
static void
test_mouse_backlog_is_bounded (Fixture *f, const void *unused)
{
  int sum = 0;

  command (f->bench, 0xa8);
  mouse_command (f->bench, 0xf4);
  for (unsigned i = 0; i < 1000; i++)
    input_hub_motion (f->config.hub, 2, 0);
  input_hub_button (f->config.hub, POINTER_RIGHT, true);
  for (uint8_t flags = 0; bench_in8 (f->bench, 0x64) & 1;)
    {
      flags = data (f->bench);
      sum += data (f->bench);
      data (f->bench);
      g_assert_cmphex (flags & 0x10, ==, 0);
      if (!(bench_in8 (f->bench, 0x64) & 1))
        g_assert_cmphex (flags & 7, ==, 2);
    }
  g_assert_cmpint (sum, ==, 2000);
}

static void
test_reset_line (Fixture *f, const void *unused)
{
  command (f->bench, 0xfe);
  g_assert_cmpuint (bench_requests (f->bench, BOARD_REQUEST_RESET), ==, 1);
}

static void
test_state (Fixture *f, const void *unused)
{
  command (f->bench, 0xa8);
  mouse_command (f->bench, 0xf4);
  input_hub_motion (f->config.hub, 300, 20);
  input_hub_key (f->config.hub, 0x04, true);
  bench_round_trip_state (f->bench);
}

static void
test_mad_guest (Fixture *f, const void *unused)
{
  bench_fuzz (f->bench, 3, 100000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/i8042/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("self-tests", test_self_tests);
  ADD ("keys-are-translated", test_keys_are_translated);
  ADD ("special-keys", test_special_keys);
  ADD ("release-mirrors-press", test_release_mirrors_press);
  ADD ("keys-repeat", test_keys_repeat);
  ADD ("leds-reach-the-hub", test_leds_reach_the_hub);
  ADD ("wheel-mouse", test_wheel_mouse);
  ADD ("mouse-backlog-is-bounded", test_mouse_backlog_is_bounded);
  ADD ("reset-line", test_reset_line);
  ADD ("state", test_state);
  ADD ("mad-guest", test_mad_guest);
#undef ADD
  return g_test_run ();
}
