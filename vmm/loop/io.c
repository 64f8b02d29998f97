/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

static gboolean
take_foreign_submissions (GSource *source, GSourceFunc callback, gpointer user_data)
{
  EventLoop *loop = user_data;
  LoopIo *io;

  g_mutex_lock (&loop->io_lock);
  g_source_set_ready_time (source, -1);
  io = loop->io_first;
  loop->io_first = loop->io_last = NULL;
  g_mutex_unlock (&loop->io_lock);

  while (io)
    {
      LoopIo *next = io->next;

      loop_io_submit (loop, io);
      io = next;
    }
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
  io->next = NULL;

  if (loop_is_current (loop))
    {
      loop->io_in_flight++;
      loop->io_ops->submit (loop->io_engine, io);
      return;
    }

  g_mutex_lock (&loop->io_lock);
  if (loop->io_last)
    loop->io_last->next = io;
  else
    {
      loop->io_first = io;
      g_source_set_ready_time (loop->io_source, 0);
    }
  loop->io_last = io;
  g_mutex_unlock (&loop->io_lock);
}

void
loop_io_complete (LoopIo *io, int result)
{
  io->result = result;
  io->loop->io_in_flight--;
  io->done (io, result);
}

void
loop_io_flush (EventLoop *loop)
{
  loop->io_ops->flush (loop->io_engine);
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
