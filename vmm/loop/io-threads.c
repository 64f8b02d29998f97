/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

/* Requests that block at a time. */
#define N_THREADS 4

typedef struct {
  EventLoop *loop;
  GThreadPool *pool;
  GSource *source; /* ready when something is done */
  GMutex lock;
  LoopIoQueue waiting;
  LoopIoQueue done;
} Threads;

/* One turn in the pool does the request that has waited longest. */
static void
work (gpointer turn, gpointer user_data)
{
  Threads *threads = user_data;
  LoopIo *io;

  g_mutex_lock (&threads->lock);
  io = loop_io_queue_take (&threads->waiting);
  g_mutex_unlock (&threads->lock);

  io->result = loop_io_run (io);

  g_mutex_lock (&threads->lock);
  if (!threads->done.first)
    g_source_set_ready_time (threads->source, 0);
  loop_io_queue_append (&threads->done, io);
  g_mutex_unlock (&threads->lock);
}

static LoopIo *
next_done (Threads *threads)
{
  LoopIo *io;

  g_mutex_lock (&threads->lock);
  io = loop_io_queue_take (&threads->done);
  g_mutex_unlock (&threads->lock);
  return io;
}

/* One by one: a callback may wait for the others (loop_wait_for_others). */
static unsigned
threads_reap (LoopIoEngine *engine)
{
  LoopIo *io;
  unsigned n = 0;

  while ((io = next_done ((Threads *)engine)) != NULL)
    {
      loop_io_complete (io, io->result);
      n++;
    }
  return n;
}

static gboolean
dispatch_done (GSource *source, GSourceFunc callback, gpointer user_data)
{
  g_source_set_ready_time (source, -1);
  threads_reap (user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs done_source_funcs = { .dispatch = dispatch_done };

static LoopIoEngine *
threads_start (EventLoop *loop)
{
  Threads *threads = g_new0 (Threads, 1);

  threads->loop = loop;
  g_mutex_init (&threads->lock);
  /* A pool that isn't exclusive starts threads when it needs them, and never fails to be made. */
  threads->pool = g_thread_pool_new (work, threads, N_THREADS, FALSE, NULL);
  threads->source = loop_source_new (loop, &done_source_funcs, threads);
  g_source_set_can_recurse (threads->source, TRUE); /* loop_wait_for_others */
  return (LoopIoEngine *)threads;
}

static void
threads_submit (LoopIoEngine *engine, LoopIo *io)
{
  Threads *threads = (Threads *)engine;

  g_mutex_lock (&threads->lock);
  loop_io_queue_append (&threads->waiting, io);
  g_mutex_unlock (&threads->lock);
  g_thread_pool_push (threads->pool, threads, NULL);
}

static unsigned
threads_flush (LoopIoEngine *engine)
{
  return 0;
}

static void
threads_stop (LoopIoEngine *engine)
{
  Threads *threads = (Threads *)engine;

  g_thread_pool_free (threads->pool, FALSE, TRUE);
  g_source_destroy (threads->source);
  g_source_unref (threads->source);
  g_mutex_clear (&threads->lock);
  g_free (threads);
}

const LoopIoEngineOps io_threads_engine = {
  .name = "threads",
  .start = threads_start,
  .submit = threads_submit,
  .flush = threads_flush,
  .reap = threads_reap,
  .stop = threads_stop,
};
