/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/loop/loop-private.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Timers that fire in one dispatch; a guest that always asks for “at once” must not starve the rest. */
#define MAX_FIRED 64

struct LoopTimer {
  EventLoop *loop;
  VmClock *clock; /* NULL: CLOCK_MONOTONIC */
  int64_t deadline;
  int64_t when; /* CLOCK_MONOTONIC; INT64_MAX while the clock stands still */
  bool armed;
  unsigned generation;       /* counts calls of arm and cancel */
  unsigned fired_generation; /* at the time of expiry */
  LoopFunc func;
  void *data;
  GDestroyNotify destroy;
};

static int64_t
monotonic_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static void
place_locked (LoopTimer *timer)
{
  if (!timer->clock)
    timer->when = timer->deadline;
  else if (vm_clock_is_running (timer->clock))
    timer->when = vm_clock_to_monotonic (timer->clock, timer->deadline);
  else
    timer->when = INT64_MAX;
}

/* The armed timer that is due first, by monotonic time. Machines have some dozens: a scan does. */
static LoopTimer *
first_locked (EventLoop *loop)
{
  LoopTimer *first = NULL;

  for (unsigned i = 0; i < loop->timers->len; i++)
    {
      LoopTimer *timer = loop->timers->pdata[i];

      if (!first || timer->when < first->when)
        first = timer;
    }
  return first;
}

static void
set_timer_fd_locked (EventLoop *loop)
{
  LoopTimer *first = first_locked (loop);
  int64_t when = first ? first->when : INT64_MAX;
  struct itimerspec spec = { 0 };

  if (when == loop->timer_fd_time)
    return;
  loop->timer_fd_time = when;
  if (when != INT64_MAX)
    {
      when = MAX (when, 1); /* zero would disarm */
      spec.it_value.tv_sec = when / NS_PER_SECOND;
      spec.it_value.tv_nsec = when % NS_PER_SECOND;
    }
  timerfd_settime (loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void
disarm_locked (LoopTimer *timer)
{
  timer->armed = false;
  g_ptr_array_remove_fast (timer->loop->timers, timer);
}

static void
fire_locked (LoopTimer *timer)
{
  EventLoop *loop = timer->loop;

  disarm_locked (timer);
  timer->fired_generation = timer->generation;
  loop_callback_begin_locked (loop, timer);
  timer->func (timer->data);
  loop_callback_end_locked (loop);
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  EventLoop *loop = user_data;
  int64_t now = monotonic_now ();
  uint64_t expirations;

  if (loop->timers_running)
    return G_SOURCE_CONTINUE;
  if (read (loop->timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
    return G_SOURCE_CONTINUE;

  loop->timers_running = true;
  g_mutex_lock (&loop->lock);
  for (unsigned n = 0; n < MAX_FIRED; n++)
    {
      LoopTimer *timer = first_locked (loop);

      if (!timer || timer->when > now)
        break;
      /* Its clock may have been stopped a moment ago. */
      if (timer->clock && !vm_clock_is_running (timer->clock))
        timer->when = INT64_MAX;
      else
        fire_locked (timer);
    }
  loop->timer_fd_time = -1; /* it has expired: what stands there is no longer armed */
  set_timer_fd_locked (loop);
  g_mutex_unlock (&loop->lock);
  loop->timers_running = false;
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_source_funcs = { .dispatch = timer_dispatch };

bool
loop_timers_init (EventLoop *loop, GError **error)
{
  loop->timers = g_ptr_array_new ();
  loop->timer_fd_time = INT64_MAX;
  loop->timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (loop->timer_fd < 0)
    return vmm_set_errno_error (error, errno, "Can't make a timer; raise the limit of open files");
  loop->timer_source = loop_source_new (loop, &timer_source_funcs, loop);
  loop_source_spare_wakeups (loop->timer_source);
  g_source_add_unix_fd (loop->timer_source, loop->timer_fd, G_IO_IN);
  return true;
}

void
loop_timers_clear (EventLoop *loop)
{
  if (loop->timer_source)
    {
      g_source_destroy (loop->timer_source);
      g_source_unref (loop->timer_source);
    }
  if (loop->timer_fd >= 0)
    close (loop->timer_fd);
  g_ptr_array_unref (loop->timers);
}

LoopTimer *
loop_timer_new_full (EventLoop *loop, VmClock *clock, LoopFunc func, void *data, GDestroyNotify destroy)
{
  LoopTimer *timer = g_new0 (LoopTimer, 1);

  timer->loop = loop;
  timer->clock = clock;
  timer->func = func;
  timer->data = data;
  timer->destroy = destroy;
  return timer;
}

LoopTimer *
loop_timer_new (EventLoop *loop, VmClock *clock, LoopFunc func, void *data)
{
  return loop_timer_new_full (loop, clock, func, data, NULL);
}

void
loop_timer_arm (LoopTimer *timer, int64_t deadline)
{
  EventLoop *loop = timer->loop;

  g_mutex_lock (&loop->lock);
  timer->generation++;
  timer->deadline = MAX (deadline, 0);
  place_locked (timer);
  if (!timer->armed)
    g_ptr_array_add (loop->timers, timer);
  timer->armed = true;
  set_timer_fd_locked (loop);
  g_mutex_unlock (&loop->lock);
}

void
loop_timer_cancel (LoopTimer *timer)
{
  EventLoop *loop = timer->loop;

  g_mutex_lock (&loop->lock);
  timer->generation++;
  if (timer->armed)
    {
      disarm_locked (timer);
      set_timer_fd_locked (loop);
    }
  g_mutex_unlock (&loop->lock);
}

bool
loop_timer_is_overtaken (const LoopTimer *timer)
{
  bool overtaken;

  g_mutex_lock (&timer->loop->lock);
  overtaken = timer->generation != timer->fired_generation;
  g_mutex_unlock (&timer->loop->lock);
  return overtaken;
}

bool
loop_timer_is_armed (const LoopTimer *timer)
{
  return loop_timer_deadline (timer) >= 0;
}

int64_t
loop_timer_deadline (const LoopTimer *timer)
{
  int64_t deadline;

  g_mutex_lock (&timer->loop->lock);
  deadline = timer->armed ? timer->deadline : -1;
  g_mutex_unlock (&timer->loop->lock);
  return deadline;
}

void
loop_timer_free (LoopTimer *timer)
{
  EventLoop *loop = timer->loop;

  g_mutex_lock (&loop->lock);
  loop_callback_wait_locked (loop, timer);
  if (timer->armed)
    {
      disarm_locked (timer);
      set_timer_fd_locked (loop);
    }
  g_mutex_unlock (&loop->lock);
  if (timer->destroy)
    timer->destroy (timer->data);
  g_free (timer);
}

void
loop_clock_changed (EventLoop *loop, VmClock *clock)
{
  g_mutex_lock (&loop->lock);
  for (unsigned i = 0; i < loop->timers->len; i++)
    {
      LoopTimer *timer = loop->timers->pdata[i];

      if (timer->clock == clock)
        place_locked (timer);
    }
  set_timer_fd_locked (loop);
  g_mutex_unlock (&loop->lock);
}

/* --- clocks moved by hand --- */

static LoopTimer *
first_on_clock_locked (EventLoop *loop, VmClock *clock)
{
  LoopTimer *first = NULL;

  for (unsigned i = 0; i < loop->timers->len; i++)
    {
      LoopTimer *timer = loop->timers->pdata[i];

      if (timer->clock == clock && (!first || timer->deadline < first->deadline))
        first = timer;
    }
  return first;
}

int64_t
loop_next_deadline (EventLoop *loop, VmClock *clock)
{
  LoopTimer *first;
  int64_t deadline;

  g_mutex_lock (&loop->lock);
  first = first_on_clock_locked (loop, clock);
  deadline = first ? first->deadline : INT64_MAX;
  g_mutex_unlock (&loop->lock);
  return deadline;
}

void
loop_fire_due_timers (EventLoop *loop, VmClock *clock)
{
  int64_t now = vm_clock_now (clock);

  g_return_if_fail (loop_is_current (loop));

  loop->timers_running = true;
  g_mutex_lock (&loop->lock);
  for (unsigned n = 0; n < MAX_FIRED; n++)
    {
      LoopTimer *timer = first_on_clock_locked (loop, clock);

      if (!timer || timer->deadline > now)
        break;
      fire_locked (timer);
    }
  g_mutex_unlock (&loop->lock);
}
