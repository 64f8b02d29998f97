/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The serial port against the PC16550D data sheet. */
#include "devices/legacy/uart16550.h"
#include "tests/bench-device/bench.h"
#include "vmm/base/error.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define BASE 0x3f8
#define GSI  4

enum {
  THR = BASE,
  IER = BASE + 1,
  IIR = BASE + 2,
  LCR = BASE + 3,
  MCR = BASE + 4,
  LSR = BASE + 5,
  MSR = BASE + 6
};

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
  f->config = (UartConfig){ .base = BASE,
                            .gsi = GSI,
                            .cable = { .kind = CABLE_FDS, .in_fd = f->in[0], .out_fd = f->out[1] } };
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
      if (++sent % 2048 == 0) /* it rests: see below */
        {
          bench_settle (f->bench);
          bench_advance_clock (f->bench, NS_PER_MS);
        }
    }
  g_assert_cmpuint (sent, <, 1 << 20);
  bench_out8 (f->bench, IER, 0x02);
  g_assert_false (bench_irq (f->bench, GSI));

  g_assert_cmpint (read (f->out[0], drain, sizeof drain), >, 0);
  bench_wait_irq (f->bench, GSI, true);
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x20, ==, 0x20);
}

/* A guest that has much to say gets a pause now and then, in which it can leave its interrupt handler. */
static void
test_transmitter_rests (Fixture *f, const void *data)
{
  bench_out8 (f->bench, IER, 0x02);
  for (unsigned i = 0; i < 2048; i++)
    {
      g_assert_true (bench_irq (f->bench, GSI));
      bench_out8 (f->bench, THR, 'x');
    }
  bench_settle (f->bench);
  g_assert_false (bench_irq (f->bench, GSI));
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x60, ==, 0);
  bench_round_trip_state (f->bench);
  bench_advance_clock (f->bench, NS_PER_MS);
  g_assert_true (bench_irq (f->bench, GSI));
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

/* A full FIFO that is empty again stays so for a moment, in which a guest can leave its interrupt handler. */
static void
test_input_waits_for_room (Fixture *f, const void *data)
{
  char got[41] = "";
  unsigned rests = 0;

  bench_out8 (f->bench, IIR, 0x01);
  bench_out8 (f->bench, IER, 0x01);
  feed (f, "0123456789012345678901234567890123456789");
  for (unsigned i = 0; i < 40; i++)
    {
      bench_settle (f->bench);
      if (i == 16 || i == 32)
        {
          g_assert_false (bench_irq (f->bench, GSI));
          bench_advance_clock (f->bench, NS_PER_MS);
          rests++;
        }
      bench_wait_irq (f->bench, GSI, true);
      got[i] = bench_in8 (f->bench, THR);
    }
  g_assert_cmpstr (got, ==, "0123456789012345678901234567890123456789");
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 0x02, ==, 0); /* no overrun */
  g_assert_cmpuint (rests, ==, 2);
}

/* 8.7, RTS: a guest that has used it is sent nothing while it is low. */
static void
test_rts_holds_input (Fixture *f, const void *data)
{
  bench_out8 (f->bench, IIR, 0x01);
  bench_out8 (f->bench, IER, 0x01);
  bench_out8 (f->bench, MCR, 0x0a);
  bench_out8 (f->bench, MCR, 0x08);
  feed (f, "a");
  bench_settle (f->bench);
  g_assert_cmphex (bench_in8 (f->bench, LSR) & 1, ==, 0);
  bench_out8 (f->bench, MCR, 0x0a);
  bench_wait_irq (f->bench, GSI, true);
  g_assert_cmpint (bench_in8 (f->bench, THR), ==, 'a');
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

static const UartConfig unconnected = { .base = BASE, .gsi = GSI, .cable.kind = CABLE_NONE };

/* --- what the cable leads to --- */

static char *
scratch_path (const char *name)
{
  g_autofree char *folder = g_dir_make_tmp ("bonsai-uart-XXXXXX", NULL);

  g_assert_nonnull (folder);
  return g_build_filename (folder, name, NULL);
}

static void
remove_scratch (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);

  g_assert_false (g_file_test (path, G_FILE_TEST_IS_SYMLINK) || g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

static void
say (Bench *bench, const char *text)
{
  for (const char *c = text; *c; c++)
    bench_out8 (bench, THR, *c);
  bench_settle (bench);
}

static void
assert_hears (int fd, const char *text)
{
  g_autofree char *got = g_malloc0 (strlen (text) + 1);
  size_t n = 0;

  while (n < strlen (text))
    {
      ssize_t now = read (fd, got + n, strlen (text) - n);

      g_assert_cmpint (now, >, 0);
      n += now;
    }
  g_assert_cmpstr (got, ==, text);
}

static bool
has_byte (Bench *bench, void *data)
{
  bench_in8 (bench, IIR);
  return bench_irq (bench, GSI);
}

static void
assert_gets (Bench *bench, const char *text)
{
  for (const char *c = text; *c; c++)
    {
      g_assert_true (bench_run_until (bench, has_byte, NULL));
      g_assert_cmpint (bench_in8 (bench, THR), ==, *c);
    }
}

static Bench *
new_port (const UartConfig *config)
{
  Bench *bench = bench_new (&uart16550_class, config);

  bench_out8 (bench, MCR, 0x0b);
  bench_out8 (bench, IIR, 0x01);
  bench_out8 (bench, IER, 0x01);
  return bench;
}

static int
call_socket (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

/* They come and go; what is said to nobody is lost; a second one is sent away. */
static void
test_socket (void)
{
  g_autofree char *path = scratch_path ("port.sock");
  const UartConfig config = { .base = BASE, .gsi = GSI, .cable = { .kind = CABLE_SOCKET, .path = path } };
  g_autoptr (Bench) bench = new_port (&config);
  char byte;

  say (bench, "lost");
  for (unsigned i = 0; i < 3; i++)
    {
      int first = call_socket (path), second;

      bench_settle (bench);
      say (bench, "hello");
      assert_hears (first, "hello");
      g_assert_cmpint (write (first, "ho", 2), ==, 2);
      assert_gets (bench, "ho");
      second = call_socket (path);
      bench_settle (bench);
      g_assert_cmpint (read (second, &byte, 1), ==, 0);
      close (second);
      close (first);
      bench_settle (bench);
    }

  /* One that left while nothing was read makes room for the next. */
  bench_out8 (bench, MCR, 0x08);
  close (call_socket (path));
  bench_settle (bench);
  int last = call_socket (path);
  bench_settle (bench);
  say (bench, "you");
  assert_hears (last, "you");
  close (last);
  g_clear_pointer (&bench, bench_free);
  remove_scratch (path);
}

/* A socket that a killed machine left is replaced; one that somebody serves, or a file, is not. */
static void
test_socket_in_the_way (void)
{
  g_autofree char *path = scratch_path ("port.sock");
  const UartConfig config = { .base = BASE, .gsi = GSI, .cable = { .kind = CABLE_SOCKET, .path = path } };
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autoptr (Bench) bench = bench_new (&uart16550_class, &unconnected);
  g_autoptr (GError) error = NULL;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_null (board_add (bench_board (bench), &uart16550_class, "second", &config, &error));
  g_assert_nonnull (strstr (error->message, path));
  close (fd);
  bench_free (new_port (&config));

  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  g_assert_null (board_add (bench_board (bench), &uart16550_class, "second", &config, &error));
  g_assert_nonnull (error);
  g_assert_cmpint (g_unlink (path), ==, 0);
  remove_scratch (path);
}

static void
test_pty (void)
{
  g_autofree char *path = scratch_path ("port.pty");
  const UartConfig config = { .base = BASE, .gsi = GSI, .cable = { .kind = CABLE_PTY, .path = path } };
  g_autoptr (Bench) bench = new_port (&config);

  say (bench, "lost");
  for (unsigned i = 0; i < 3; i++)
    {
      int fd = open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);

      g_assert_cmpint (fd, >=, 0);
      bench_settle (bench);
      say (bench, "a\nb\r");
      assert_hears (fd, "a\nb\r"); /* raw: nothing is translated */
      g_assert_cmpint (write (fd, "\003x\n", 3), ==, 3);
      assert_gets (bench, "\003x\n");
      close (fd);
      bench_settle (bench);
      say (bench, "lost");
    }
  g_clear_pointer (&bench, bench_free);
  remove_scratch (path);
}

static int
plug (Bench *bench, bool force)
{
  g_autoptr (GError) error = NULL;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  if (uart16550_plug (bench_device (bench), fds[0], force, &error))
    return fds[1];
  g_assert_error (error, VMM_ERROR, VMM_ERROR_BUSY);
  close (fds[0]);
  close (fds[1]);
  return -1;
}

static const UartConfig console = { .base = BASE, .gsi = GSI, .cable.kind = CABLE_CONSOLE };

/* Who comes late sees what was last said, without questions that their terminal would answer once more. */
static void
test_console (void)
{
  g_autoptr (Bench) bench = new_port (&console);
  int first, second;
  char byte;

  say (bench, "boot\033[6n\033[1mbold\033[0c\nlogin: ");
  first = plug (bench, false);
  assert_hears (first, "boot\033[1mbold\nlogin: ");
  say (bench, "now");
  assert_hears (first, "now");
  g_assert_cmpint (write (first, "root\n", 5), ==, 5);
  assert_gets (bench, "root\n");

  g_assert_cmpint (plug (bench, false), ==, -1);
  second = plug (bench, true);
  assert_hears (second, "boot\033[1mbold\nlogin: now");
  g_assert_cmpint (read (first, &byte, 1), ==, 0);
  close (first);
  close (second);
  first = plug (bench, false); /* nobody holds it any more, whether that was noticed or not */
  g_assert_cmpint (first, >=, 0);
  close (first);
}

/* Another port takes the place of this one: whoever is connected, and whoever comes, is its. */
static void
take_cable (Bench *bench, Bench *from, int fd)
{
  uart16550_take_cable (bench_device (bench), bench_device (from));
  say (from, "lost");
  say (bench, "found");
  assert_hears (fd, "found");
  g_assert_cmpint (write (fd, "back", 4), ==, 4);
  assert_gets (bench, "back");
}

static void
test_console_taken_over (void)
{
  g_autoptr (Bench) first = new_port (&console), second = new_port (&console);
  int fd = plug (first, false), again;

  say (first, "before ");
  assert_hears (fd, "before ");
  take_cable (second, first, fd);
  g_clear_pointer (&first, bench_free);
  g_assert_cmpint (plug (second, false), ==, -1);
  again = plug (second, true);
  assert_hears (again, "before found");
  close (fd);
  close (again);
}

static void
check_door_taken_over (SerialCableKind kind, const char *path, int (*enter) (const char *path))
{
  const UartConfig config = { .base = BASE, .gsi = GSI, .cable = { .kind = kind, .path = path } };
  const UartConfig later = { .base = BASE,
                             .gsi = GSI,
                             .cable = { .kind = kind, .path = path, .later = true } };
  g_autoptr (Bench) first = new_port (&config), second = new_port (&later);
  int fd = enter (path);

  bench_settle (first);
  take_cable (second, first, fd);
  g_clear_pointer (&first, bench_free);
  close (fd);
  bench_settle (second);
  fd = enter (path);
  bench_settle (second);
  say (second, "again");
  assert_hears (fd, "again");
  close (fd);
  g_clear_pointer (&second, bench_free);
  remove_scratch (path);
}

static int
open_terminal (const char *path)
{
  return open (path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void
test_doors_taken_over (void)
{
  g_autofree char *socket_path = scratch_path ("port.sock"), *link = scratch_path ("port.pty");

  check_door_taken_over (CABLE_SOCKET, socket_path, call_socket);
  check_door_taken_over (CABLE_PTY, link, open_terminal);
}

static void
test_console_forgets_the_oldest (void)
{
  g_autoptr (Bench) bench = new_port (&console);
  g_autoptr (GString) all = g_string_new (NULL);
  int fd;

  for (unsigned i = 0; i < 2000; i++)
    {
      g_autofree char *line = g_strdup_printf ("line %u\n", i);

      g_string_append (all, line);
      for (const char *c = line; *c; c++)
        bench_out8 (bench, THR, *c);
    }
  fd = plug (bench, false);
  assert_hears (fd, strchr (all->str + all->len - CABLE_HISTORY, '\n'));
  close (fd);
}

/* Who is there and reads nothing is waited for, and nothing is lost. */
static void
test_console_waits_for_its_reader (void)
{
  g_autoptr (Bench) bench = new_port (&console);
  int fd = plug (bench, false);
  unsigned sent = 0, got = 0;
  char bytes[4096];

  while ((bench_in8 (bench, LSR) & 0x20) && sent < (4 << 20))
    {
      bench_out8 (bench, THR, 'a' + sent % 23);
      if (++sent % 2048 == 0)
        {
          bench_settle (bench);
          bench_advance_clock (bench, NS_PER_MS);
        }
    }
  g_assert_cmpuint (sent, <, 4 << 20);
  while (got < sent)
    {
      ssize_t n = read (fd, bytes, sizeof bytes);

      g_assert_cmpint (n, >, 0);
      for (ssize_t i = 0; i < n; i++)
        g_assert_cmpint (bytes[i], ==, 'a' + (got + i) % 23);
      got += n;
      bench_settle (bench);
    }
  g_assert_cmphex (bench_in8 (bench, LSR) & 0x20, ==, 0x20);
  close (fd);
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new (&uart16550_class, &unconnected);

  bench_out8 (bench, MCR, 0x18);
  bench_out8 (bench, IIR, 0x01);
  bench_out8 (bench, THR, 'z');
  bench_round_trip_state (bench);
}

/* In the middle of a large paste: the FIFO is full, or was and rests. */
static void
test_state_of_busy_port (Fixture *f, const void *data)
{
  bench_out8 (f->bench, IIR, 0x01);
  bench_out8 (f->bench, IER, 0x01);
  bench_out8 (f->bench, MCR, 0x0a);
  feed (f, "0123456789012345678901234567890123456789");
  bench_wait_irq (f->bench, GSI, true);
  bench_round_trip_state (f->bench);
  for (unsigned i = 0; i < 16; i++)
    bench_in8 (f->bench, THR);
  bench_round_trip_state (f->bench);
}

static void
test_mad_guest (void)
{
  g_autoptr (Bench) bench = bench_new (&uart16550_class, &console);
  int fd = plug (bench, false);

  bench_fuzz (bench, 1, 100000);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add ("/uart16550/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("thre-clears-on-iir-read", test_thre_clears_on_iir_read);
  ADD ("transmits", test_transmits);
  ADD ("full-pipe-makes-transmitter-busy", test_full_pipe_makes_transmitter_busy);
  ADD ("transmitter-rests", test_transmitter_rests);
  ADD ("receives-through-fifo", test_receives_through_fifo);
  ADD ("input-waits-for-room", test_input_waits_for_room);
  ADD ("rts-holds-input", test_rts_holds_input);
  ADD ("loop-back", test_loop_back);
  ADD ("divisor-latch", test_divisor_latch);
  ADD ("state-of-busy-port", test_state_of_busy_port);
#undef ADD
  g_test_add_func ("/uart16550/socket", test_socket);
  g_test_add_func ("/uart16550/socket-in-the-way", test_socket_in_the_way);
  g_test_add_func ("/uart16550/pty", test_pty);
  g_test_add_func ("/uart16550/console", test_console);
  g_test_add_func ("/uart16550/console-taken-over", test_console_taken_over);
  g_test_add_func ("/uart16550/doors-taken-over", test_doors_taken_over);
  g_test_add_func ("/uart16550/console-forgets-the-oldest", test_console_forgets_the_oldest);
  g_test_add_func ("/uart16550/console-waits-for-its-reader", test_console_waits_for_its_reader);
  g_test_add_func ("/uart16550/state", test_state);
  g_test_add_func ("/uart16550/mad-guest", test_mad_guest);
  return g_test_run ();
}
