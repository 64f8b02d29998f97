/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/loop/loop-private.h"

#include <errno.h>
#include <liburing.h>

/* Requests that the kernel holds at a time; what exceeds them waits here. */
#define RING_ENTRIES 256u

/* Rounds of “hand over, see what is done already” in one iteration: cached reads end at once. */
#define MAX_FLUSH_ROUNDS 8u

typedef struct {
  EventLoop *loop;
  struct io_uring ring;
  GSource *source; /* the ring's descriptor: readable when completions wait */
  LoopIoQueue waiting;
  unsigned n_in_kernel;
} Uring;

static void
prepare (struct io_uring_sqe *sqe, LoopIo *io)
{
  switch (io->kind)
    {
    case LOOP_IO_READ:
      io_uring_prep_readv (sqe, io->fd, io->iov, io->n_iov, io->offset);
      break;
    case LOOP_IO_WRITE:
      io_uring_prep_writev (sqe, io->fd, io->iov, io->n_iov, io->offset);
      break;
    case LOOP_IO_FSYNC:
      io_uring_prep_fsync (sqe, io->fd, IORING_FSYNC_DATASYNC);
      break;
    case LOOP_IO_FALLOCATE:
      io_uring_prep_fallocate (sqe, io->fd, io->flags, (off_t)io->offset, (off_t)io->length);
      break;
    }
  io_uring_sqe_set_data (sqe, io);
}

/* Runs the callbacks of what is done. */
static unsigned
reap (Uring *uring)
{
  struct io_uring_cqe *cqe;
  unsigned n = 0;

  while (n < RING_ENTRIES && io_uring_peek_cqe (&uring->ring, &cqe) == 0)
    {
      LoopIo *io = io_uring_cqe_get_data (cqe);
      int result = cqe->res;

      io_uring_cqe_seen (&uring->ring, cqe);
      uring->n_in_kernel--;
      n++;
      if (result == -EINTR || result == -EAGAIN)
        loop_io_queue_append (&uring->waiting, io);
      else
        loop_io_complete (io, result);
    }
  return n;
}

static void
uring_submit (LoopIoEngine *engine, LoopIo *io)
{
  loop_io_queue_append (&((Uring *)engine)->waiting, io);
}

static bool
hand_over (Uring *uring)
{
  struct io_uring_sqe *sqe;
  int result;

  while (uring->waiting.first && uring->n_in_kernel < RING_ENTRIES && (sqe = io_uring_get_sqe (&uring->ring)))
    {
      prepare (sqe, loop_io_queue_take (&uring->waiting));
      uring->n_in_kernel++;
    }
  if (io_uring_sq_ready (&uring->ring) == 0)
    return true;
  result = io_uring_submit (&uring->ring);
  return result >= 0;
}

static unsigned
uring_flush (LoopIoEngine *engine)
{
  Uring *uring = (Uring *)engine;
  unsigned n_done = 0;

  for (unsigned round = 0; round < MAX_FLUSH_ROUNDS; round++)
    {
      unsigned n;

      if (!uring->waiting.first && io_uring_sq_ready (&uring->ring) == 0)
        break;
      if (!hand_over (uring))
        break;
      n = reap (uring);
      if (n == 0)
        break;
      n_done += n;
    }

  /* Left over: the kernel was out of memory, or callbacks kept asking. Come back, a little later. */
  if (io_uring_sq_ready (&uring->ring) > 0 || (uring->waiting.first && uring->n_in_kernel < RING_ENTRIES))
    g_source_set_ready_time (uring->source, g_get_monotonic_time () + 1000);
  return n_done;
}

static unsigned
uring_reap (LoopIoEngine *engine)
{
  return reap ((Uring *)engine);
}

static gboolean
uring_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Uring *uring = user_data;

  g_source_set_ready_time (source, -1);
  reap (uring);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs uring_source_funcs = { .dispatch = uring_dispatch };

static bool
supports_our_operations (struct io_uring *ring)
{
  static const int operations[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE };
  struct io_uring_probe *probe = io_uring_get_probe_ring (ring);
  bool supported = probe != NULL;

  for (unsigned i = 0; probe && i < G_N_ELEMENTS (operations); i++)
    supported = supported && io_uring_opcode_supported (probe, operations[i]);
  if (probe)
    io_uring_free_probe (probe);
  return supported;
}

static LoopIoEngine *
uring_start (EventLoop *loop)
{
  Uring *uring = g_new0 (Uring, 1);

  if (io_uring_queue_init (RING_ENTRIES, &uring->ring, 0) < 0)
    {
      g_free (uring);
      return NULL;
    }
  io_uring_ring_dontfork (&uring->ring);
  if (!supports_our_operations (&uring->ring))
    {
      io_uring_queue_exit (&uring->ring);
      g_free (uring);
      return NULL;
    }

  uring->loop = loop;
  uring->source = loop_source_new (loop, &uring_source_funcs, uring);
  g_source_set_can_recurse (uring->source, TRUE); /* loop_wait_for_others */
  g_source_add_unix_fd (uring->source, uring->ring.ring_fd, G_IO_IN);
  return (LoopIoEngine *)uring;
}

static void
uring_stop (LoopIoEngine *engine)
{
  Uring *uring = (Uring *)engine;

  g_source_destroy (uring->source);
  g_source_unref (uring->source);
  io_uring_queue_exit (&uring->ring);
  g_free (uring);
}

const LoopIoEngineOps io_uring_engine = {
  .name = "io_uring",
  .start = uring_start,
  .submit = uring_submit,
  .flush = uring_flush,
  .reap = uring_reap,
  .stop = uring_stop,
};
