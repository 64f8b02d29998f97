/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/snapshot-clock.h"

#include "app/snapshot/snapshot-schedule.h"

#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define RETRY_AFTER (INT64_C (10) * 60 * G_USEC_PER_SEC)

struct SnapshotClock {
  VmSchedule schedule;
  void (*due) (void *data);
  void *data;
  GSource *source; /* of @timer; NULL: there is no timer, or the machine has ended */
  int timer;
  int64_t last, since;   /* as snapshot_schedule_next */
  int64_t failed;        /* when it was last tried in vain; 0: it wasn't */
  bool running, changed; /* changed: since the last snapshot of any kind */
  bool asked;            /* one is being taken */
};

static void
disarm (SnapshotClock *clock)
{
  const struct itimerspec never = { 0 };

  timerfd_settime (clock->timer, 0, &never, NULL);
}

int64_t
snapshot_clock_get_due (const SnapshotClock *clock)
{
  int64_t now = g_get_real_time (), due;

  if (clock->schedule.every == 0 || clock->source == NULL || !clock->changed)
    return 0;
  due = snapshot_schedule_next (&clock->schedule, clock->last, clock->since, now);
  if (clock->failed != 0)
    due = MAX (due,
               MIN (clock->failed, now) + MIN ((int64_t)clock->schedule.every * G_USEC_PER_SEC, RETRY_AFTER));
  return due;
}

/* Cancelled, and so looked at again, when the host's clock is set or the host wakes (timerfd_create(2)). */
static void
arm (SnapshotClock *clock)
{
  int64_t due = snapshot_clock_get_due (clock);
  struct itimerspec at = { .it_value = { due / G_USEC_PER_SEC, due % G_USEC_PER_SEC * 1000 } };

  if (clock->source == NULL)
    return;
  if (due == 0 || clock->asked)
    disarm (clock);
  else
    timerfd_settime (clock->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL);
}

static gboolean
on_timer (int fd, GIOCondition condition, gpointer data)
{
  SnapshotClock *clock = data;
  int64_t due = snapshot_clock_get_due (clock);
  uint64_t count;

  if (read (fd, &count, sizeof count) < 0)
    g_debug ("the host's clock was set");
  if (due != 0 && !clock->asked && due <= g_get_real_time ())
    {
      clock->asked = true;
      clock->due (clock->data);
    }
  arm (clock);
  return G_SOURCE_CONTINUE;
}

SnapshotClock *
snapshot_clock_new (void (*due) (void *data), void *data)
{
  SnapshotClock *clock = g_new0 (SnapshotClock, 1);

  clock->due = due;
  clock->data = data;
  clock->timer = timerfd_create (CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (clock->timer < 0)
    return clock;
  clock->source = g_unix_fd_source_new (clock->timer, G_IO_IN);
  g_source_set_callback (clock->source, G_SOURCE_FUNC (on_timer), clock, NULL);
  g_source_attach (clock->source, g_main_context_get_thread_default ());
  return clock;
}

void
snapshot_clock_stop (SnapshotClock *clock)
{
  if (clock->source == NULL)
    return;
  g_source_destroy (clock->source);
  g_clear_pointer (&clock->source, g_source_unref);
}

void
snapshot_clock_free (SnapshotClock *clock)
{
  if (clock == NULL)
    return;
  snapshot_clock_stop (clock);
  if (clock->timer >= 0)
    close (clock->timer);
  g_free (clock);
}

void
snapshot_clock_set_schedule (SnapshotClock *clock, const VmSchedule *schedule)
{
  clock->schedule = *schedule;
  clock->failed = 0;
  arm (clock);
}

const VmSchedule *
snapshot_clock_get_schedule (const SnapshotClock *clock)
{
  return &clock->schedule;
}

void
snapshot_clock_set_last (SnapshotClock *clock, int64_t last)
{
  clock->last = last;
  arm (clock);
}

void
snapshot_clock_set_running (SnapshotClock *clock, bool running)
{
  clock->running = running;
  if (!running || clock->changed)
    return;
  clock->changed = true;
  clock->since = g_get_real_time ();
  arm (clock);
}

void
snapshot_clock_kept (SnapshotClock *clock)
{
  clock->changed = clock->running;
  arm (clock);
}

void
snapshot_clock_taken (SnapshotClock *clock)
{
  clock->asked = false;
  clock->failed = 0;
  clock->last = g_get_real_time ();
  arm (clock);
}

void
snapshot_clock_failed (SnapshotClock *clock)
{
  clock->asked = false;
  clock->failed = g_get_real_time ();
  arm (clock);
}
