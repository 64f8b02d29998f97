/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/bench-device/bench.h"
#include "vmm/base/error.h"

#include <sys/eventfd.h>
#include <unistd.h>

/*
 * An alarm clock: port 0 sets a byte, port 1 arms the alarm in milliseconds, which raises GSI 5;
 * port 2 lowers it, port 3 asks for the machine's end.
 */
typedef struct {
  Device device;
  uint8_t value;
  uint64_t alarm_at; /* mirrors the timer; 0: none */
  bool ringing;
  LoopTimer *alarm;
  IrqPin irq;
  int fd;
  LoopWatch *watch;
  unsigned n_calls, n_fd, n_stopped, n_started;
} Alarm;

typedef struct {
  uint16_t base;
  bool fail;
} AlarmConfig;

static void
alarm_rings (Device *device)
{
  Alarm *self = (Alarm *)device;

  self->ringing = true;
  irq_pin_set (&self->irq, true);
}

static void
alarm_called (Device *device)
{
  ((Alarm *)device)->n_calls++;
}

static void
alarm_fd_ready (Device *device, int fd, GIOCondition condition)
{
  eventfd_t value;

  eventfd_read (fd, &value);
  ((Alarm *)device)->n_fd++;
}

static uint64_t
alarm_read (Device *device, uint64_t offset, unsigned size)
{
  return ((Alarm *)device)->value;
}

static void
alarm_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Alarm *self = (Alarm *)device;

  switch (offset)
    {
    case 0:
      self->value = (uint8_t)(value % 100);
      TRACE (device, "value", "%u", self->value);
      break;
    case 1:
      loop_timer_arm (self->alarm, vm_clock_now (device->board->clock) + (int64_t)value * NS_PER_MS);
      break;
    case 2:
      self->ringing = false;
      irq_pin_set (&self->irq, false);
      break;
    default:
      board_request (device->board, BOARD_REQUEST_EXIT, (int)value, "The alarm clock wants to.");
    }
}

static const BusOps alarm_ops = { .read = alarm_read, .write = alarm_write, .max_size = 1 };

static bool
alarm_realize (Device *device, const void *config, GError **error)
{
  Alarm *self = (Alarm *)device;
  const AlarmConfig *alarm_config = config;

  self->fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!device_add_ports (device, &alarm_ops, alarm_config->base, 4))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "no room");
      return false;
    }
  self->alarm = device_timer_new (device, alarm_rings);
  self->watch = device_watch_fd (device, self->fd, G_IO_IN, alarm_fd_ready);
  self->irq = irq_line_connect (device->board->irq[5]);
  if (alarm_config->fail)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "as asked");
  return !alarm_config->fail;
}

static void
alarm_unrealize (Device *device)
{
  Alarm *self = (Alarm *)device;

  device_timer_free (self->alarm);
  device_watch_free (self->watch);
  close (self->fd);
}

static void
alarm_reset (Device *device)
{
  Alarm *self = (Alarm *)device;

  self->value = 42;
  self->ringing = false;
  loop_timer_cancel (self->alarm);
  irq_pin_set (&self->irq, false);
}

static void
alarm_stopped (Device *device)
{
  ((Alarm *)device)->n_stopped++;
}

static void
alarm_started (Device *device)
{
  ((Alarm *)device)->n_started++;
}

static void
alarm_before_save (void *object)
{
  Alarm *self = object;
  int64_t deadline = loop_timer_deadline (self->alarm);

  self->alarm_at = deadline < 0 ? 0 : (uint64_t)deadline;
}

static bool
alarm_check (const void *object, const void *incoming, GError **error)
{
  return ((const Alarm *)incoming)->value < 100 && ((const Alarm *)incoming)->alarm_at < INT64_MAX;
}

static void
alarm_after_load (void *object)
{
  Alarm *self = object;

  if (self->alarm_at)
    loop_timer_arm (self->alarm, (int64_t)self->alarm_at);
  else
    loop_timer_cancel (self->alarm);
  irq_pin_set (&self->irq, self->ringing);
}

static const StateField alarm_fields[] = {
  STATE_U8 (Alarm, value, 1),
  STATE_U64 (Alarm, alarm_at, 1),
  STATE_BOOL (Alarm, ringing, 1),
  STATE_END,
};

static const StateTable alarm_state = {
  .name = "alarm",
  .version = 1,
  .fields = alarm_fields,
  .object_size = sizeof (Alarm),
  .before_save = alarm_before_save,
  .check = alarm_check,
  .after_load = alarm_after_load,
};

static const DeviceClass alarm_class = {
  .id = "alarm",
  .size = sizeof (Alarm),
  .realize = alarm_realize,
  .unrealize = alarm_unrealize,
  .reset = alarm_reset,
  .stopped = alarm_stopped,
  .started = alarm_started,
  .state = &alarm_state,
};

static const AlarmConfig config = { .base = 0x100 };

static void
test_life (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  Alarm *self = (Alarm *)bench_device (bench);
  Board *board = bench_board (bench);
  const AlarmConfig failing = { .base = 0x200, .fail = true };
  const AlarmConfig outside = { .base = 0xfffe };
  g_autoptr (GError) error = NULL;

  g_assert_true (board_find (board, "alarm") == &self->device);
  g_assert_cmpint (bench_in8 (bench, 0x100), ==, 42);
  g_assert_null (board_add (board, &alarm_class, NULL, &config, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (board_add (board, &alarm_class, "other", &outside, &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_null (board_add (board, &alarm_class, "other", &failing, &error));
  g_assert_cmpstr (error->message, ==, "as asked");
  g_assert_cmpint (bench_in8 (bench, 0x200), ==, 0xff);

  bench_out8 (bench, 0x100, 7);
  bench_reset (bench);
  g_assert_cmpint (bench_in8 (bench, 0x100), ==, 42);
  board_stopped (board);
  board_started (board);
  g_assert_cmpuint (self->n_stopped + self->n_started, ==, 2);
  device_call (&self->device, alarm_called);
  eventfd_write (self->fd, 1);
  bench_settle (bench);
  g_assert_cmpuint (self->n_calls, ==, 1);
  g_assert_cmpuint (self->n_fd, ==, 1);
}

/* A device that comes late, and goes with what it claimed. */
static void
test_remove (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  Board *board = bench_board (bench);
  const AlarmConfig late = { .base = 0x200 };
  Device *device = board_add (board, &alarm_class, "late", &late, NULL);

  g_assert_true (board_find (board, "late") == device);
  g_assert_cmpint (bench_in8 (bench, 0x200), ==, 42);
  device_call (device, alarm_called);
  board_remove (board, device);
  g_assert_null (board_find (board, "late"));
  g_assert_cmpint (bench_in8 (bench, 0x200), ==, 0xff);
  g_assert_cmpint (bench_in8 (bench, 0x100), ==, 42);
}

static void
test_time (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);

  bench_out8 (bench, 0x101, 10);
  bench_advance_clock (bench, 9 * NS_PER_MS);
  g_assert_false (bench_irq (bench, 5));
  bench_advance_clock (bench, NS_PER_MS);
  g_assert_true (bench_irq (bench, 5));
  bench_wait_irq (bench, 5, true);
  g_assert_cmpuint (bench_irq_edges (bench, 5), ==, 1);
  bench_out8 (bench, 0x102, 0);
  g_assert_false (bench_irq (bench, 5));
}

static void
test_requests (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);

  bench_out8 (bench, 0x103, 33);
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_EXIT), ==, 1);
  g_assert_cmpint (bench_request_status (bench), ==, 33);
  g_assert_cmpstr (bench_request_message (bench), ==, "The alarm clock wants to.");
  g_assert_cmpuint (bench_requests (bench, BOARD_REQUEST_RESET), ==, 0);
}

static void
test_state (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  g_autoptr (GBytes) state = NULL;
  g_autoptr (GError) error = NULL;
  const AlarmConfig second = { .base = 0x200 };

  bench_out8 (bench, 0x100, 9);
  bench_out8 (bench, 0x101, 10);
  bench_round_trip_state (bench);
  bench_advance_clock (bench, 20 * NS_PER_MS);
  bench_round_trip_state (bench);

  state = board_save (bench_board (bench));
  bench_out8 (bench, 0x100, 10);
  bench_add (bench, &alarm_class, "second", &second);
  g_assert_false (
    board_load (bench_board (bench), g_bytes_get_data (state, NULL), g_bytes_get_size (state), &error));
  g_assert_error (error, VMM_ERROR, VMM_ERROR_STATE);
  g_assert_cmpint (bench_in8 (bench, 0x100), ==, 10);
}

/* The second device's part is bad: the first one must not have changed. */
static void
test_state_all_or_nothing (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  const AlarmConfig second = { .base = 0x200 };
  Alarm *other = (Alarm *)bench_add (bench, &alarm_class, "second", &second);
  g_autoptr (GBytes) state = NULL;

  other->value = 200;
  state = board_save (bench_board (bench));
  other->value = 1;
  bench_out8 (bench, 0x100, 9);
  g_assert_false (
    board_load (bench_board (bench), g_bytes_get_data (state, NULL), g_bytes_get_size (state), NULL));
  g_assert_cmpint (bench_in8 (bench, 0x100), ==, 9);
  g_assert_cmpint (bench_in8 (bench, 0x200), ==, 1);
}

static void
test_fuzz (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);

  bench_fuzz (bench, 1, 20000);
}

typedef struct {
  int n_drained;
} Drain;

static void
note_drained (void *data)
{
  g_atomic_int_inc (&((Drain *)data)->n_drained);
}

static void
test_drain (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  Board *board = bench_board (bench);
  Drain drain = { 0 };

  board_when_drained (board, note_drained, &drain);
  bench_settle (bench);
  g_assert_cmpint (g_atomic_int_get (&drain.n_drained), ==, 1);

  board_io_begin (board);
  board_io_begin (board);
  board_when_drained (board, note_drained, &drain);
  bench_settle (bench);
  board_io_end (board);
  bench_settle (bench);
  g_assert_cmpint (g_atomic_int_get (&drain.n_drained), ==, 1);
  board_io_end (board);
  bench_settle (bench);
  g_assert_cmpint (g_atomic_int_get (&drain.n_drained), ==, 2);
}

/* A cancelled timer does not fire, even if it expired while the device was locked. */
static void
test_cancel_wins (void)
{
  g_autoptr (Bench) bench = bench_new (&alarm_class, &config);
  Alarm *self = (Alarm *)bench_device (bench);
  Board *board = bench_board (bench);

  vm_clock_start (board->clock);
  loop_clock_changed (board->loop, board->clock);
  for (unsigned i = 0; i < 2000; i++)
    {
      device_lock (&self->device);
      loop_timer_arm (self->alarm, vm_clock_now (board->clock));
      for (unsigned n = 0; n < i % 50; n++)
        g_thread_yield ();
      loop_timer_cancel (self->alarm);
      device_unlock (&self->device);
    }
  bench_settle (bench);
  g_assert_false (bench_irq (bench, 5));
  vm_clock_stop (board->clock);
  loop_clock_changed (board->loop, board->clock);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/board/life", test_life);
  g_test_add_func ("/board/remove", test_remove);
  g_test_add_func ("/board/time", test_time);
  g_test_add_func ("/board/requests", test_requests);
  g_test_add_func ("/board/state", test_state);
  g_test_add_func ("/board/state-all-or-nothing", test_state_all_or_nothing);
  g_test_add_func ("/board/drain", test_drain);
  g_test_add_func ("/board/cancel-wins", test_cancel_wins);
  g_test_add_func ("/board/fuzz", test_fuzz);
  return g_test_run ();
}
