/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/range-lock.h"

struct RangeHold {
  GList link; /* in the order of arrival */
  uint64_t first, end;
  bool exclusive;
  unsigned n_blockers; /* earlier ones that exclude it */
};

struct RangeLock {
  GMutex mutex;
  GCond ready;
  GQueue holds;
  unsigned n_exclusive, n_waiting;
};

RangeLock *
range_lock_new (void)
{
  RangeLock *lock = g_new0 (RangeLock, 1);

  g_mutex_init (&lock->mutex);
  g_cond_init (&lock->ready);
  g_queue_init (&lock->holds);
  return lock;
}

void
range_lock_free (RangeLock *lock)
{
  if (lock == NULL)
    return;
  g_assert (lock->holds.length == 0);
  g_mutex_clear (&lock->mutex);
  g_cond_clear (&lock->ready);
  g_free (lock);
}

static bool
conflict (const RangeHold *a, const RangeHold *b)
{
  return (a->exclusive || b->exclusive) && a->first < b->end && b->first < a->end;
}

static unsigned
count_blockers_locked (const RangeLock *lock, const RangeHold *hold)
{
  unsigned n = 0;

  if (hold->exclusive || lock->n_exclusive > 0)
    for (const GList *l = lock->holds.head; l != NULL; l = l->next)
      n += conflict (l->data, hold);
  return n;
}

static RangeHold *
add_locked (RangeLock *lock, const RangeHold *wanted)
{
  RangeHold *hold = g_new (RangeHold, 1);

  *hold = *wanted;
  hold->link = (GList){ .data = hold };
  g_queue_push_tail_link (&lock->holds, &hold->link);
  lock->n_exclusive += hold->exclusive;
  return hold;
}

RangeHold *
range_lock_try (RangeLock *lock, uint64_t first, uint64_t end, bool exclusive)
{
  const RangeHold wanted = { .first = first, .end = end, .exclusive = exclusive };
  RangeHold *hold = NULL;

  g_mutex_lock (&lock->mutex);
  if (count_blockers_locked (lock, &wanted) == 0)
    hold = add_locked (lock, &wanted);
  g_mutex_unlock (&lock->mutex);
  return hold;
}

RangeHold *
range_lock_take (RangeLock *lock, uint64_t first, uint64_t end, bool exclusive)
{
  RangeHold wanted = { .first = first, .end = end, .exclusive = exclusive };
  RangeHold *hold;

  g_mutex_lock (&lock->mutex);
  wanted.n_blockers = count_blockers_locked (lock, &wanted);
  hold = add_locked (lock, &wanted);
  lock->n_waiting++;
  while (hold->n_blockers > 0)
    g_cond_wait (&lock->ready, &lock->mutex);
  lock->n_waiting--;
  g_mutex_unlock (&lock->mutex);
  return hold;
}

void
range_lock_release (RangeLock *lock, RangeHold *hold)
{
  bool wakes = false;

  if (hold == NULL)
    return;
  g_mutex_lock (&lock->mutex);
  for (GList *l = lock->n_waiting > 0 ? hold->link.next : NULL; l != NULL; l = l->next)
    {
      RangeHold *later = l->data;

      if (conflict (hold, later))
        wakes |= --later->n_blockers == 0;
    }
  g_queue_unlink (&lock->holds, &hold->link);
  lock->n_exclusive -= hold->exclusive;
  if (wakes)
    g_cond_broadcast (&lock->ready);
  g_mutex_unlock (&lock->mutex);
  g_free (hold);
}
