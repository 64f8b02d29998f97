/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A write into the host's page cache takes microseconds, but most file systems can't promise io_uring that it
 * won't wait, and it then goes to a thread of the kernel's, which costs many times as much. So the loop does
 * it. One that had to wait after all (for memory, for the journal) sends all to the engine for a while
 * that is so much longer than the wait that the loop loses little of its time.
 */
#include "vmm/loop/loop-private.h"

#include <sys/resource.h>

/* What a brief request may take; for how many times as long as one that waited took, none is run here; and
 * what all of a turn may take. In ns. */
#define BRIEF_MOST    500000
#define BRIEF_PENALTY 16
#define BRIEF_TURN    1000000

/* For so long after a request took more, in ns, the kernel is asked whether the thread waited: it may also
 * have been another's turn on the processor, which the engine's threads would not be spared either. */
#define WATCH_TIME INT64_C (1000000000)

static long
count_waits (void)
{
  struct rusage usage;

  return getrusage (RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

static void
judge (LoopBrief *brief, int64_t start, int64_t end, bool waited)
{
  if (end - start <= BRIEF_MOST)
    return;
  if (waited)
    brief->from = end + (end - start) * BRIEF_PENALTY;
  brief->watched_until = MAX (end, brief->from) + WATCH_TIME;
}

unsigned
loop_io_run_brief (EventLoop *loop)
{
  LoopBrief *brief = &loop->io_brief;
  int64_t start = loop_now_ns (), now = start;
  unsigned n = 0;

  while (brief->queue.first && now >= brief->from && now - start < BRIEF_TURN)
    {
      bool watched = now < brief->watched_until;
      long waits = watched ? count_waits () : 0;
      LoopIo *io = loop_io_queue_take (&brief->queue);
      int result = loop_io_run (io);

      judge (brief, now, loop_now_ns (), watched && count_waits () != waits);
      loop_io_complete (io, result);
      now = loop_now_ns ();
      n++;
    }
  while (brief->queue.first)
    loop->io_ops->submit (loop->io_engine, loop_io_queue_take (&brief->queue));
  return n;
}
