/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One turn of the loop. Before it sleeps, a loop that was woken soon after it fell asleep looks for work
 * itself for a few microseconds: a queue that is in use then costs neither side a system call for each
 * request. How long is adapted to what comes; an idle loop does not look at all.
 */
#include "vmm/loop/loop-private.h"

#include <poll.h>
#include <time.h>

/* A loop looks for work for so long, in ns. More than this is longer than going to sleep takes. */
#define LOOK_FIRST 4000
#define LOOK_MOST  32000

/* Rounds with work before the loop's other sources get their turn. */
#define MAX_BUSY_ROUNDS 64u

int64_t
loop_now_ns (void)
{
  struct timespec t;

  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

static bool
run_lookers (EventLoop *loop, bool falling_asleep)
{
  bool found = false;

  g_mutex_lock (&loop->lock);
  for (unsigned i = 0; i < loop->lookers->len; i++)
    if (loop_watch_look_locked (g_ptr_array_index (loop->lookers, i), falling_asleep))
      found = true;
  g_mutex_unlock (&loop->lock);
  return found;
}

/* Looks for work and does it. False: there was none for the whole time. */
static bool
look (EventLoop *loop)
{
  int64_t end = loop_now_ns () + loop->look_ns;

  for (unsigned rounds = 0; rounds < MAX_BUSY_ROUNDS;)
    {
      bool found = loop->io_ops->reap (loop->io_engine) > 0;

      if (run_lookers (loop, false) || found)
        {
          loop_io_flush (loop);
          rounds++;
          end = loop_now_ns () + loop->look_ns;
        }
      else if (loop_now_ns () < end)
        __builtin_ia32_pause ();
      else
        return rounds > 0;
    }
  return true;
}

static void
learn (EventLoop *loop, int64_t slept)
{
  if (slept > LOOK_MOST || loop->lookers->len == 0)
    loop->look_ns = 0;
  else
    loop->look_ns = loop->look_ns == 0 ? LOOK_FIRST : MIN (loop->look_ns * 2, LOOK_MOST);
}

static int
query (EventLoop *loop, int priority, int *timeout)
{
  int n;

  while ((n = g_main_context_query (loop->context, priority, timeout, loop->fds, loop->n_fds)) > loop->n_fds)
    {
      loop->fds = g_renew (GPollFD, loop->fds, n);
      loop->n_fds = n;
    }
  return n;
}

void
loop_iterate (EventLoop *loop)
{
  int priority, timeout, n;
  int64_t asleep;

  g_main_context_prepare (loop->context, &priority);
  n = query (loop, priority, &timeout);
  if (timeout != 0 && loop->look_ns > 0 && look (loop))
    timeout = 0;
  if (timeout != 0 && loop->lookers->len > 0 && run_lookers (loop, true))
    {
      loop_io_flush (loop);
      timeout = 0;
    }

  asleep = timeout == 0 ? 0 : loop_now_ns ();
  g_poll (loop->fds, (guint)n, timeout);
  if (timeout != 0)
    learn (loop, loop_now_ns () - asleep);
  g_main_context_check (loop->context, priority, loop->fds, n);
  g_main_context_dispatch (loop->context);
}

bool
loop_is_looking (EventLoop *loop)
{
  return loop_is_current (loop) && loop->look_ns > 0;
}
