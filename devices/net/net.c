/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/net.h"

#include <string.h>

void
net_free (NetBackend *backend)
{
  backend->ops->free (backend);
}

void
net_attach (NetBackend *backend, const NetCardOps *ops, void *card)
{
  backend->card = card;
  backend->card_ops = ops;
}

bool
net_send (NetBackend *backend, const struct iovec *iov, unsigned n_iov)
{
  size_t size = net_iov_size (iov, n_iov);

  /* Runts and giants vanish, as on a cable. */
  if (size < NET_HEADER || size > NET_FRAME_MAX)
    return true;
  return backend->ops->send (backend, iov, n_iov);
}

void
net_receive_ready (NetBackend *backend)
{
  backend->ops->receive_ready (backend);
}

size_t
net_iov_size (const struct iovec *iov, unsigned n_iov)
{
  size_t size = 0;

  for (unsigned i = 0; i < n_iov; i++)
    if (__builtin_add_overflow (size, iov[i].iov_len, &size))
      return SIZE_MAX;
  return size;
}

/* --- queues --- */

void
net_queue_clear (NetQueue *queue)
{
  g_queue_clear_full (&queue->frames, g_free);
}

bool
net_queue_is_full (const NetQueue *queue)
{
  return queue->frames.length >= NET_QUEUE_MAX;
}

bool
net_queue_is_empty (const NetQueue *queue)
{
  return queue->frames.length == 0;
}

bool
net_queue_push (NetQueue *queue, const struct iovec *iov, unsigned n_iov)
{
  size_t size = net_iov_size (iov, n_iov);
  NetFrame *frame;
  uint8_t *to;

  if (size < NET_HEADER || size > NET_FRAME_MAX || net_queue_is_full (queue))
    return false;
  frame = g_malloc (sizeof (NetFrame) + size);
  frame->size = size;
  to = frame->data;
  for (unsigned i = 0; i < n_iov; i++)
    {
      memcpy (to, iov[i].iov_base, iov[i].iov_len);
      to += iov[i].iov_len;
    }
  g_queue_push_tail (&queue->frames, frame);
  return true;
}

NetFrame *
net_queue_peek (NetQueue *queue)
{
  return g_queue_peek_head (&queue->frames);
}

NetFrame *
net_queue_pop (NetQueue *queue)
{
  return g_queue_pop_head (&queue->frames);
}
