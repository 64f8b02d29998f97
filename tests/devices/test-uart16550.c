/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The serial port against the PC16550D data sheet. */
#include "devices/legacy/uart16550.h"
#include "tests/bench-device/bench.h"

#include <fcntl.h>
#include <unistd.h>

#define BASE 0x3f8
#define GSI  4

enum { THR = BASE, IER = BASE + 1, IIR = BASE + 2, LCR = BASE + 3, MCR = BASE + 4, LSR = BASE + 5, MSR = BASE + 6 };

typedef struct {
  int in[2], out[2]; /* pipes: [1] writes to the guest, [0] reads from it */
  UartConfig config;
  Bench *bench;
} Fixture;

static void
set_up (Fixture *f, const void *data)
{
  g_assert_cmpint (pipe2 (f->in, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (f->out, O_CLOEXEC), ==, 0);
  f->config = (UartConfig) { .base = BASE, .gsi = GSI, .in_fd = f->in[0], .out_fd = f->out[1] };
  f->bench = bench_new (&uart16550_class, &f->config);
  bench_out8 (f->bench, MCR, 0x08); /* OUT2: interrupts reach the controller */
}

static void
tear_down (Fixture *f, const void *data)
{
  bench_free (f->bench);
  for (unsigned i = 0; i < 2; i++)
    {
      close (f->in[i]);
      close (f->out[i]);
    }
}

static void
feed (Fixture *f, const char *text)
{
  g_assert_cmpint (write (f->in[1], text, strlen (text)), ==, strlen (text));
}

/* 8.8: THRE interrupts when enabled with an empty holding register; reading IIR clears it. */
static void
test_thre_clears_on_iir_read (Fixture *f, const void *data)
{
  bench_out8 (f->bench, IER, 0x02);
  g_assert_true (bench_irq (f->bench, GSI));
  g_assert_cmphex (bench_in8 (f->bench, IIR), ==, 0x02);
  g_assert_false (bench_irq (f->bench, GSI));
  g_assert_cmphex (bench_in8 (f->bench, IIR), ==, 0x01);
}

static void
test_transmits (Fixture *f, const void *data)
{
  char got[6] = "";

  for (const char *c = "hello"; *c; c++)
    {
      g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x60, ==, 0x60);
      bench_out8 (f->bench, THR, *c);
    }
  bench_settle (f->bench);
  g_assert_cmpint (read (f->out[0], got, 5), ==, 5);
  g_assert_cmpstr (got, ==, "hello");
}

/* Nobody reads the other end: the transmitter turns busy rather than block or grow. */
static void
test_full_pipe_makes_transmitter_busy (Fixture *f, const void *data)
{
  unsigned sent = 0;
  char drain[65536];

  while ((bench_in8 (f->bench, LSR) & 0x20) && sent < (1 << 20))
    {
      bench_out8 (f->bench, THR, 'x');
      if (++sent % 1024 == 0)
        bench_settle (f->bench);
    }
  g_assert_cmpuint (sent, <, 1 << 20);
  bench_out8 (f->bench, IER, 0x02);
  g_assert_false (bench_irq (f->bench, GSI));

  g_assert_cmpint (read (f->out[0], drain, sizeof drain), >, 0);
  bench_wait_irq (f->bench, GSI, true);
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x20, ==, 0x20);
}

/* 8.4: with FIFOs the trigger level decides; below it the timeout indication comes. */
static void
test_receives_through_fifo (Fixture *f, const void *data)
{
  bench_out8 (f->bench, IIR, 0xc1); /* FIFO on, trigger at 14 */
  bench_out8 (f->bench, IER, 0x01);
  feed (f, "ab");
  bench_wait_irq (f->bench, GSI, true);
  g_assert_cmphex (bench_in8 (f->bench, IIR), ==, 0xcc);
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 1, ==, 1);
  g_assert_cmpint (bench_in8 (f->bench, THR), ==, 'a');
  g_assert_cmpint (bench_in8 (f->bench, THR), ==, 'b');
  g_assert_false (bench_irq (f->bench, GSI));
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 1, ==, 0);
}

static void
test_input_waits_for_room (Fixture *f, const void *data)
{
  char got[41] = "";

  bench_out8 (f->bench, IIR, 0x01);
  bench_out8 (f->bench, IER, 0x01);
  feed (f, "0123456789012345678901234567890123456789");
  for (unsigned i = 0; i < 40; i++)
    {
      bench_wait_irq (f->bench, GSI, true);
      got[i] = bench_in8 (f->bench, THR);
    }
  g_assert_cmpstr (got, ==, "0123456789012345678901234567890123456789");
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x02, ==, 0); /* no overrun */
}

/* 8.7: loop-back returns characters and modem outputs, and keeps the line's interrupt off. */
static void
test_loop_back (Fixture *f, const void *data)
{
  bench_out8 (f->bench, MCR, 0x1b);
  g_assert_cmphex (bench_in8 (f->bench, MSR) & 0xf0, ==, 0xb0);
  bench_out8 (f->bench, MCR, 0x10);
  g_assert_cmphex (bench_in8 (f->bench, MSR) & 0xf0, ==, 0x00);
  bench_out8 (f->bench, THR, 'q');
  g_assert_cmpint (bench_in8 (f->bench, THR), ==, 'q');
  bench_out8 (f->bench, THR, 'r');
  bench_out8 (f->bench, THR, 's'); /* no FIFO: the second overruns */
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x02, ==, 0x02);
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x02, ==, 0x00);
}

static void
test_divisor_latch (Fixture *f, const void *data)
{
  bench_out8 (f->bench, LCR, 0x83);
  bench_out8 (f->bench, THR, 0x34);
  bench_out8 (f->bench, IER, 0x12);
  g_assert_cmphex (bench_in8 (f->bench, THR), ==, 0x34);
  g_assert_cmphex (bench_in8 (f->bench, IER), ==, 0x12);
  bench_out8 (f->bench, LCR, 0x03);
  g_assert_cmphex (bench_in8 (f->bench, IER), ==, 0x00);
}

static const UartConfig unconnected = { .base = BASE, .gsi = GSI, .in_fd = -1, .out_fd = -1 };

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new (&uart16550_class, &unconnected);

  bench_out8 (bench, MCR, 0x18);
  bench_out8 (bench, IIR, 0x01);
  bench_out8 (bench, THR, 'z');
  bench_round_trip_state (bench);
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = bench_new (&uart16550_class, &unconnected);

  bench_fuzz (bench, 1, 100000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/uart16550/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("thre-clears-on-iir-read", test_thre_clears_on_iir_read);
  ADD ("transmits", test_transmits);
  ADD ("full-pipe-makes-transmitter-busy", test_full_pipe_makes_transmitter_busy);
  ADD ("receives-through-fifo", test_receives_through_fifo);
  ADD ("input-waits-for-room", test_input_waits_for_room);
  ADD ("loop-back", test_loop_back);
  ADD ("divisor-latch", test_divisor_latch);
#undef ADD
  g_test_add_func ("/uart16550/state", test_state);
  g_test_add_func ("/uart16550/mad-guest", test_mad_guest);
  return g_test_run ();
}
