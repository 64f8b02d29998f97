/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

/* Callbacks of one flush that ask for more of them are heard so often before the loop's other sources. */
#define MAX_BRIEF_ROUNDS 8u

void
loop_io_queue_append (LoopIoQueue *queue, LoopIo *io)
{
  io->next = NULL;
  if (queue->last)
    queue->last->next = io;
  else
    queue->first = io;
  queue->last = io;
}

LoopIo *
loop_io_queue_take (LoopIoQueue *queue)
{
  LoopIo *io = queue->first;

  if (io)
    queue->first = io->next;
  if (!queue->first)
    queue->last = NULL;
  return io;
}

static gboolean
take_foreign_submissions (GSource *source, GSourceFunc callback, gpointer user_data)
{
  EventLoop *loop = user_data;
  LoopIoQueue queue;
  LoopIo *io;

  g_mutex_lock (&loop->io_lock);
  g_source_set_ready_time (source, -1);
  queue = loop->io_foreign;
  loop->io_foreign = (LoopIoQueue){ NULL, NULL };
  g_mutex_unlock (&loop->io_lock);

  while ((io = loop_io_queue_take (&queue)))
    loop_io_submit (loop, io);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs io_source_funcs = { .dispatch = take_foreign_submissions };

void
loop_io_init (EventLoop *loop, LoopIoEngineChoice choice)
{
  if (choice == LOOP_IO_ENGINE_BEST)
    {
      loop->io_ops = &io_uring_engine;
      loop->io_engine = io_uring_engine.start (loop);
    }
  if (!loop->io_engine)
    {
      loop->io_ops = &io_threads_engine;
      loop->io_engine = io_threads_engine.start (loop);
    }

  loop->io_source = loop_source_new (loop, &io_source_funcs, loop);
}

void
loop_io_clear (EventLoop *loop)
{
  if (loop->io_engine)
    loop->io_ops->stop (loop->io_engine);
  if (loop->io_source)
    {
      g_source_destroy (loop->io_source);
      g_source_unref (loop->io_source);
    }
}

void
loop_io_submit (EventLoop *loop, LoopIo *io)
{
  io->loop = loop;

  if (loop_is_current (loop))
    {
      loop->io_in_flight++;
      if (io->brief)
        loop_io_queue_append (&loop->io_brief.queue, io);
      else
        loop->io_ops->submit (loop->io_engine, io);
      return;
    }

  g_mutex_lock (&loop->io_lock);
  if (!loop->io_foreign.first)
    g_source_set_ready_time (loop->io_source, 0);
  loop_io_queue_append (&loop->io_foreign, io);
  g_mutex_unlock (&loop->io_lock);
}

void
loop_io_complete (LoopIo *io, int result)
{
  io->result = result;
  io->loop->io_in_flight--;
  io->done (io, result);
}

unsigned
loop_io_flush (EventLoop *loop)
{
  unsigned n = 0;

  for (unsigned round = 0; round == 0 || (loop->io_brief.queue.first && round < MAX_BRIEF_ROUNDS); round++)
    {
      if (loop->io_brief.queue.first)
        n += loop_io_run_brief (loop);
      n += loop->io_ops->flush (loop->io_engine);
    }
  if (loop->io_brief.queue.first)
    g_source_set_ready_time (loop->io_source, 0);
  return n;
}

const char *
loop_io_engine (EventLoop *loop)
{
  return loop->io_ops->name;
}

int
loop_io_run (const LoopIo *io)
{
  ssize_t result = -1;

  do
    switch (io->kind)
      {
      case LOOP_IO_READ:
        result = preadv (io->fd, io->iov, (int)io->n_iov, (off_t)io->offset);
        break;
      case LOOP_IO_WRITE:
        result = pwritev (io->fd, io->iov, (int)io->n_iov, (off_t)io->offset);
        break;
      case LOOP_IO_FSYNC:
        result = fdatasync (io->fd);
        break;
      case LOOP_IO_FALLOCATE:
        result = fallocate (io->fd, io->flags, (off_t)io->offset, (off_t)io->length);
        break;
      default:
        return -EINVAL;
      }
  while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : (int)result;
}
