/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/clock.h"

#include <stdatomic.h>
#include <time.h>

/* A sequence lock: one writer, readers retry. While running, virtual time is monotonic + offset. */
struct VmClock {
  atomic_uint sequence; /* odd while the writer is at it */
  atomic_bool running;
  _Atomic int64_t offset;
  _Atomic int64_t stopped_at;
};

static int64_t
monotonic_now (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

VmClock *
vm_clock_new (void)
{
  return g_new0 (VmClock, 1);
}

void
vm_clock_free (VmClock *clock)
{
  g_free (clock);
}

static void
begin_write (VmClock *clock)
{
  atomic_fetch_add (&clock->sequence, 1);
}

static void
end_write (VmClock *clock)
{
  atomic_fetch_add (&clock->sequence, 1);
}

/* One consistent look; @now is CLOCK_MONOTONIC at that moment. */
static int64_t
look (const VmClock *clock, int64_t *now)
{
  VmClock *c = (VmClock *)clock; /* C17's atomic_load has no const version */
  unsigned sequence;
  int64_t virtual_now;

  do
    {
      sequence = atomic_load (&c->sequence);
      *now = monotonic_now ();
      virtual_now =
        atomic_load (&c->running) ? *now + atomic_load (&c->offset) : atomic_load (&c->stopped_at);
    }
  while ((sequence & 1) || atomic_load (&c->sequence) != sequence);
  return virtual_now;
}

int64_t
vm_clock_now (const VmClock *clock)
{
  int64_t now;

  return look (clock, &now);
}

bool
vm_clock_is_running (const VmClock *clock)
{
  return atomic_load (&((VmClock *)clock)->running);
}

void
vm_clock_start (VmClock *clock)
{
  if (vm_clock_is_running (clock))
    return;
  begin_write (clock);
  atomic_store (&clock->offset, atomic_load (&clock->stopped_at) - monotonic_now ());
  atomic_store (&clock->running, true);
  end_write (clock);
}

void
vm_clock_stop (VmClock *clock)
{
  if (!vm_clock_is_running (clock))
    return;
  begin_write (clock);
  atomic_store (&clock->stopped_at, monotonic_now () + atomic_load (&clock->offset));
  atomic_store (&clock->running, false);
  end_write (clock);
}

void
vm_clock_set (VmClock *clock, int64_t now)
{
  g_return_if_fail (!vm_clock_is_running (clock));

  begin_write (clock);
  atomic_store (&clock->stopped_at, now);
  end_write (clock);
}

int64_t
vm_clock_to_monotonic (const VmClock *clock, int64_t when)
{
  int64_t now;
  int64_t virtual_now = look (clock, &now);
  int64_t left, result;

  /* Deadlines may come from a saved state: any number. */
  if (__builtin_sub_overflow (when, virtual_now, &left))
    return when < 0 ? now : INT64_MAX;
  if (__builtin_add_overflow (now, left, &result))
    return INT64_MAX;
  return result;
}
