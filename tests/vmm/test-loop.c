/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop.h"

#include "vmm/loop/loop-private.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_SECONDS 20

/* What callbacks did, with a way to wait for it. */
typedef struct {
  EventLoop *loop;
  GMutex lock;
  GCond cond;
  unsigned count;
  int order[16];
  void *thing; /* what the callback works on */
} Seen;

static void
seen_init (Seen *seen, EventLoop *loop)
{
  *seen = (Seen){ .loop = loop };
  g_mutex_init (&seen->lock);
  g_cond_init (&seen->cond);
}

static void
seen_add (Seen *seen, int what)
{
  g_mutex_lock (&seen->lock);
  g_assert_true (loop_is_current (seen->loop));
  if (seen->count < G_N_ELEMENTS (seen->order))
    seen->order[seen->count] = what;
  seen->count++;
  g_cond_broadcast (&seen->cond);
  g_mutex_unlock (&seen->lock);
}

static void
seen_wait (Seen *seen, unsigned count)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;

  g_mutex_lock (&seen->lock);
  while (seen->count < count)
    g_assert_true (g_cond_wait_until (&seen->cond, &seen->lock, end));
  g_mutex_unlock (&seen->lock);
}

static unsigned
seen_count (Seen *seen)
{
  unsigned count;

  g_mutex_lock (&seen->lock);
  count = seen->count;
  g_mutex_unlock (&seen->lock);
  return count;
}

static EventLoop *
new_loop (void)
{
  GError *error = NULL;
  EventLoop *loop = loop_new ("test", &error);

  g_assert_no_error (error);
  return loop;
}

static void
nothing (void *data)
{
}

static void
settle (EventLoop *loop)
{
  for (unsigned i = 0; i < 3; i++)
    loop_call_sync (loop, nothing, NULL);
}

static int64_t
monotonic (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static void
spin (void *data)
{
  for (int64_t end = monotonic () + 20 * 1000 * 1000; monotonic () < end;)
    ;
}

static void
test_cpu_time (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  uint64_t before;

  settle (loop);
  before = loop_cpu_time (loop);
  spin (NULL); /* another thread's */
  while (loop_cpu_time (loop) < before + 5 * 1000 * 1000)
    loop_call_sync (loop, spin, NULL);
}

/* --- clock --- */

static void
test_clock (void)
{
  g_autoptr (VmClock) clock = vm_clock_new ();
  int64_t before, after;

  g_assert_false (vm_clock_is_running (clock));
  g_assert_cmpint (vm_clock_now (clock), ==, 0);
  vm_clock_set (clock, 5 * NS_PER_SECOND);
  vm_clock_start (clock);
  vm_clock_start (clock);
  before = vm_clock_now (clock);
  g_assert_cmpint (before, >=, 5 * NS_PER_SECOND);
  vm_clock_stop (clock);
  after = vm_clock_now (clock);
  g_assert_cmpint (after, >=, before);
  g_assert_cmpint (vm_clock_now (clock), ==, after);
  vm_clock_start (clock);
  g_assert_cmpint (vm_clock_now (clock), >=, after);
  g_assert_cmpint (vm_clock_to_monotonic (clock, vm_clock_now (clock)), <=, monotonic ());
  g_assert_cmpint (vm_clock_to_monotonic (clock, INT64_MAX), >, monotonic ());
  g_assert_cmpint (vm_clock_to_monotonic (clock, INT64_MIN), <=, monotonic ());
}

typedef struct {
  VmClock *clock;
  int stop;
} ClockTest;

static gpointer
watch_clock (gpointer data)
{
  ClockTest *test = data;
  int64_t last = 0;

  while (!g_atomic_int_get (&test->stop))
    {
      int64_t now = vm_clock_now (test->clock);

      g_assert_cmpint (now, >=, last);
      last = now;
    }
  return NULL;
}

static void
test_clock_never_goes_back (void)
{
  ClockTest test = { .clock = vm_clock_new () };
  GThread *threads[2];

  for (unsigned i = 0; i < 2; i++)
    threads[i] = g_thread_new ("clock", watch_clock, &test);
  for (unsigned i = 0; i < 20000; i++)
    {
      vm_clock_start (test.clock);
      vm_clock_stop (test.clock);
    }
  g_atomic_int_set (&test.stop, 1);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  vm_clock_free (test.clock);
}

/* --- calls --- */

static void
note_call (void *data)
{
  seen_add (data, 1);
}

static void
call_nested (void *data)
{
  Seen *seen = data;

  loop_call_sync (seen->loop, note_call, seen);
  seen_add (seen, 2);
}

static void
test_calls (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  Seen seen;

  seen_init (&seen, loop);
  g_assert_false (loop_is_current (loop));
  for (unsigned i = 0; i < 100; i++)
    loop_call (loop, note_call, &seen);
  loop_call_sync (loop, note_call, &seen);
  g_assert_cmpuint (seen_count (&seen), ==, 101);
  loop_call_sync (loop, call_nested, &seen);
  g_assert_cmpuint (seen_count (&seen), ==, 103);
}

static void
call_later (void *data)
{
  Seen *seen = data;

  loop_call (seen->loop, note_call, seen);
}

/* A loop that calls itself needs nobody to wake it, and nothing else happens. */
static void
test_calls_of_itself (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  g_autoptr (LoopTimer) timer = NULL;
  Seen seen;

  seen_init (&seen, loop);
  loop_call (loop, call_later, &seen);
  seen_wait (&seen, 1);
  timer = loop_timer_new (loop, NULL, call_later, &seen);
  loop_timer_arm (timer, 0);
  seen_wait (&seen, 2);
}

static void
test_free_runs_calls (void)
{
  EventLoop *loop = new_loop ();
  Seen seen;

  seen_init (&seen, loop);
  for (unsigned i = 0; i < 100; i++)
    loop_call (loop, note_call, &seen);
  loop_free (loop);
  g_assert_cmpuint (seen.count, ==, 100);
}

/* --- descriptors --- */

static void
drain_fd (void *data, int fd, GIOCondition condition)
{
  eventfd_t value;

  g_assert_cmpint (condition, ==, G_IO_IN);
  eventfd_read (fd, &value);
  seen_add (data, fd);
}

static void
free_own_watch (void *data, int fd, GIOCondition condition)
{
  Seen *seen = data;

  g_mutex_lock (&seen->lock);
  loop_watch_free (seen->thing);
  g_mutex_unlock (&seen->lock);
  seen_add (seen, fd);
}

static void
test_watch (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  LoopWatch *watch;
  Seen seen;

  seen_init (&seen, loop);
  watch = loop_watch_fd (loop, fd, G_IO_IN, drain_fd, &seen);
  eventfd_write (fd, 1);
  seen_wait (&seen, 1);

  loop_watch_set_condition (watch, 0);
  eventfd_write (fd, 1);
  settle (loop);
  g_assert_cmpuint (seen_count (&seen), ==, 1);
  loop_watch_set_condition (watch, G_IO_IN);
  seen_wait (&seen, 2);
  loop_watch_free (watch);
  eventfd_write (fd, 1);
  settle (loop);
  g_assert_cmpuint (seen_count (&seen), ==, 2);
  close (fd);
}

static void
test_watch_freed_in_callback (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  Seen seen;

  seen_init (&seen, loop);
  g_mutex_lock (&seen.lock);
  seen.thing = loop_watch_fd (loop, fd, G_IO_IN, free_own_watch, &seen);
  g_mutex_unlock (&seen.lock);
  eventfd_write (fd, 1);
  seen_wait (&seen, 1);
  settle (loop);
  g_assert_cmpuint (seen_count (&seen), ==, 1);
  close (fd);
}

static void
touch_thing (void *data, int fd, GIOCondition condition)
{
  Seen *seen = data;

  (*(unsigned *)seen->thing)++;
}

/* After loop_watch_free has returned, what the callback used can be freed. */
static void
test_watch_free_waits (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  int fd = eventfd (1, EFD_CLOEXEC | EFD_NONBLOCK);
  Seen seen;

  seen_init (&seen, loop);
  for (unsigned i = 0; i < 2000; i++)
    {
      LoopWatch *watch;

      seen.thing = g_new0 (unsigned, 1);
      watch = loop_watch_fd (loop, fd, G_IO_IN, touch_thing, &seen);
      if (i % 4 == 0)
        settle (loop);
      loop_watch_free (watch);
      g_free (seen.thing);
    }
  close (fd);
}

/* --- timers --- */

static void
note_timer (void *data)
{
  seen_add (data, 1);
}

static void
note_timer_2 (void *data)
{
  seen_add (data, 2);
}

static void
test_timer_fires (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  LoopTimer *first, *second;
  int64_t start = monotonic ();
  Seen seen;

  seen_init (&seen, loop);
  first = loop_timer_new (loop, NULL, note_timer, &seen);
  second = loop_timer_new (loop, NULL, note_timer_2, &seen);
  g_assert_cmpint (loop_timer_deadline (first), ==, -1);
  loop_timer_arm (second, start + 6 * NS_PER_MS);
  loop_timer_arm (first, start + 3 * NS_PER_MS);
  g_assert_true (loop_timer_is_armed (first));
  seen_wait (&seen, 2);
  g_assert_cmpint (monotonic (), >=, start + 6 * NS_PER_MS);
  g_assert_cmpint (seen.order[0], ==, 1);
  g_assert_cmpint (seen.order[1], ==, 2);
  g_assert_false (loop_timer_is_armed (first));

  loop_timer_arm (first, monotonic () + NS_PER_SECOND * 1000);
  loop_timer_cancel (first);
  loop_timer_arm (second, 0);
  seen_wait (&seen, 3);
  settle (loop);
  g_assert_cmpuint (seen_count (&seen), ==, 3);
  loop_timer_free (first);
  loop_timer_free (second);
}

static void
test_timer_stops_with_clock (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  g_autoptr (VmClock) clock = vm_clock_new ();
  LoopTimer *timer, *host;
  Seen seen, host_seen;

  seen_init (&seen, loop);
  seen_init (&host_seen, loop);
  timer = loop_timer_new (loop, clock, note_timer, &seen);
  host = loop_timer_new (loop, NULL, note_timer, &host_seen);
  loop_timer_arm (timer, NS_PER_MS);
  loop_timer_arm (host, monotonic () + 5 * NS_PER_MS);
  seen_wait (&host_seen, 1);
  g_assert_cmpuint (seen_count (&seen), ==, 0);
  g_assert_cmpint (loop_timer_deadline (timer), ==, NS_PER_MS);

  vm_clock_start (clock);
  loop_clock_changed (loop, clock);
  seen_wait (&seen, 1);
  g_assert_cmpint (vm_clock_now (clock), >=, NS_PER_MS);

  vm_clock_stop (clock);
  loop_clock_changed (loop, clock);
  loop_timer_arm (timer, 0);
  settle (loop);
  g_assert_cmpuint (seen_count (&seen), ==, 1);
  loop_timer_free (timer);
  loop_timer_free (host);
}

static void
arm_at_once (void *data)
{
  Seen *seen = data;

  seen_add (seen, 1);
  loop_timer_arm (seen->thing, 0);
}

/* A timer that is always due leaves the loop able to serve others. */
static void
test_timer_storm (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  LoopTimer *timer;
  Seen seen;

  seen_init (&seen, loop);
  timer = seen.thing = loop_timer_new (loop, NULL, arm_at_once, &seen);
  loop_timer_arm (timer, 0);
  seen_wait (&seen, 1000);
  for (unsigned i = 0; i < 10; i++)
    settle (loop);
  loop_timer_free (timer);
}

typedef struct {
  EventLoop *loop;
  LoopTimer *timer;
} TimerRace;

static gpointer
arm_and_cancel (gpointer data)
{
  TimerRace *race = data;

  for (unsigned i = 0; i < 5000; i++)
    {
      loop_timer_arm (race->timer, monotonic ());
      if (i % 3 == 0)
        loop_timer_cancel (race->timer);
    }
  return NULL;
}

static void
test_timer_threads (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  TimerRace race = { .loop = loop };
  GThread *threads[2];
  Seen seen;

  seen_init (&seen, loop);
  race.timer = loop_timer_new (loop, NULL, note_timer, &seen);
  for (unsigned i = 0; i < 2; i++)
    threads[i] = g_thread_new ("arm", arm_and_cancel, &race);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  loop_timer_free (race.timer);
}

static void
advance_by_hand (void *data)
{
  Seen *seen = data;
  VmClock *clock = seen->thing;

  while (loop_next_deadline (seen->loop, clock) <= 10)
    {
      vm_clock_set (clock, loop_next_deadline (seen->loop, clock));
      loop_fire_due_timers (seen->loop, clock);
    }
}

static void
test_timer_by_hand (void)
{
  g_autoptr (EventLoop) loop = new_loop ();
  g_autoptr (VmClock) clock = vm_clock_new ();
  LoopTimer *timers[3];
  Seen seen;

  seen_init (&seen, loop);
  seen.thing = clock;
  for (unsigned i = 0; i < 3; i++)
    timers[i] = loop_timer_new (loop, clock, i == 1 ? note_timer_2 : note_timer, &seen);
  loop_timer_arm (timers[0], 9);
  loop_timer_arm (timers[1], 4);
  loop_timer_arm (timers[2], 11);
  loop_call_sync (loop, advance_by_hand, &seen);
  g_assert_cmpuint (seen_count (&seen), ==, 2);
  g_assert_cmpint (seen.order[0], ==, 2);
  g_assert_cmpint (seen.order[1], ==, 1);
  g_assert_cmpint (vm_clock_now (clock), ==, 9);
  for (unsigned i = 0; i < 3; i++)
    loop_timer_free (timers[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/loop/cpu-time", test_cpu_time);
  g_test_add_func ("/clock/runs-and-stops", test_clock);
  g_test_add_func ("/clock/never-goes-back", test_clock_never_goes_back);
  g_test_add_func ("/loop/calls", test_calls);
  g_test_add_func ("/loop/free-runs-calls", test_free_runs_calls);
  g_test_add_func ("/loop/calls/of-itself", test_calls_of_itself);
  g_test_add_func ("/loop/watch/condition", test_watch);
  g_test_add_func ("/loop/watch/freed-in-callback", test_watch_freed_in_callback);
  g_test_add_func ("/loop/watch/free-waits", test_watch_free_waits);
  g_test_add_func ("/loop/timer/fires", test_timer_fires);
  g_test_add_func ("/loop/timer/stops-with-clock", test_timer_stops_with_clock);
  g_test_add_func ("/loop/timer/storm", test_timer_storm);
  g_test_add_func ("/loop/timer/threads", test_timer_threads);
  g_test_add_func ("/loop/timer/by-hand", test_timer_by_hand);
  return g_test_run ();
}
