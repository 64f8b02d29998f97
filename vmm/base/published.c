/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/published.h"

#include <pthread.h>

/* So many unfreed values make a writer wait for readers. They never block, so it gets on. */
#define MAX_RETIRED 64u

/*
 * Why a value may be freed: a reader counts itself before it loads the pointer. So once a counter
 * was seen at zero after the value was replaced, later readers of that counter see the new value.
 * Both counters of every stripe must have been seen at zero. New readers use one of the two, by phase;
 * the other drains. Retired values first wait for the idle counter (then the phase turns), then
 * for the one that was busy. All atomics are sequentially consistent.
 */

void
published_init (Published *published, void *value, GDestroyNotify destroy)
{
  for (unsigned i = 0; i < PUBLISHED_N_STRIPES; i++)
    {
      atomic_init (&published->stripes[i].readers[0], 0);
      atomic_init (&published->stripes[i].readers[1], 0);
    }
  atomic_init (&published->value, value);
  atomic_init (&published->phase, 0);
  g_mutex_init (&published->lock);
  published->destroy = destroy;
  published->retired = g_ptr_array_new_with_free_func (destroy);
  published->draining = g_ptr_array_new_with_free_func (destroy);
}

void
published_clear (Published *published)
{
  void *value = atomic_exchange (&published->value, NULL);

  if (value)
    published->destroy (value);
  g_clear_pointer (&published->retired, g_ptr_array_unref);
  g_clear_pointer (&published->draining, g_ptr_array_unref);
  g_mutex_clear (&published->lock);
}

static unsigned
stripe_of_this_thread (void)
{
  uint64_t id = (uint64_t)(uintptr_t)pthread_self ();

  return (unsigned)((id * UINT64_C (0x9e3779b97f4a7c15)) >> 61) % PUBLISHED_N_STRIPES;
}

const void *
published_enter (Published *published, PublishedReader *reader)
{
  unsigned phase = atomic_load (&published->phase) & 1;

  *reader = &published->stripes[stripe_of_this_thread ()].readers[phase];
  atomic_fetch_add (*reader, 1);
  return atomic_load (&published->value);
}

void
published_leave (PublishedReader reader)
{
  atomic_fetch_sub (reader, 1);
}

static bool
is_drained (Published *published, unsigned phase)
{
  for (unsigned i = 0; i < PUBLISHED_N_STRIPES; i++)
    if (atomic_load (&published->stripes[i].readers[phase & 1]) != 0)
      return false;
  return true;
}

/* Frees what can be freed; values advance by at most two stages. */
static void
reclaim_locked (Published *published)
{
  for (unsigned stage = 0; stage < 2; stage++)
    {
      unsigned phase = atomic_load (&published->phase);
      GPtrArray *next = published->draining;

      /* The phase that is not the present one: its readers came before the last turn. */
      if (!is_drained (published, phase + 1))
        return;
      g_ptr_array_set_size (published->draining, 0);
      if (published->retired->len == 0)
        return;
      published->draining = published->retired;
      published->retired = next;
      atomic_store (&published->phase, phase + 1);
    }
}

void
published_replace (Published *published, void *value)
{
  void *old;

  g_mutex_lock (&published->lock);
  old = atomic_exchange (&published->value, value);
  if (old)
    g_ptr_array_add (published->retired, old);
  reclaim_locked (published);
  while (published->retired->len + published->draining->len > MAX_RETIRED)
    {
      g_thread_yield ();
      reclaim_locked (published);
    }
  g_mutex_unlock (&published->lock);
}

unsigned
published_n_retired (Published *published)
{
  unsigned n;

  g_mutex_lock (&published->lock);
  n = published->retired->len + published->draining->len;
  g_mutex_unlock (&published->lock);
  return n;
}
