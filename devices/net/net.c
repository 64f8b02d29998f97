/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/net.h"

#include "vmm/base/counter.h"
#include "vmm/base/error.h"
#include "vmm/base/iov.h"

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
net_send (NetBackend *backend, const NetPacket *packet)
{
  size_t size = net_iov_size (packet->iov, packet->n_iov);

  /* Runts and giants vanish, as on a cable. */
  if (size < NET_HEADER || size > (packet->offload.gso == NET_GSO_NONE ? NET_FRAME_MAX : NET_PACKET_MAX))
    return true;
  if (!backend->ops->send (backend, packet))
    return false;
  counter_add (&backend->counters.sent, 1);
  counter_add (&backend->counters.sent_bytes, size);
  return true;
}

bool
net_offer (NetBackend *backend, const NetPacket *packet)
{
  if (!backend->card_ops->receive (backend->card, packet))
    return false;
  counter_add (&backend->counters.received, 1);
  counter_add (&backend->counters.received_bytes, net_iov_size (packet->iov, packet->n_iov));
  return true;
}

void
net_get_counters (const NetBackend *backend, NetCounters *counters)
{
  *counters = (NetCounters){ 0 };
  if (backend == NULL)
    return;
  counters->sent = counter_get (&backend->counters.sent);
  counters->sent_bytes = counter_get (&backend->counters.sent_bytes);
  counters->received = counter_get (&backend->counters.received);
  counters->received_bytes = counter_get (&backend->counters.received_bytes);
}

void
net_set_card_abilities (NetBackend *backend, int abilities)
{
  g_atomic_int_set (&backend->card_abilities, abilities);
}

typedef struct {
  NetBackend *backend;
  const NetForward *forward;
  int fd;
  GError **error;
  bool done;
} ForwardCall;

static void
add_forward (void *data)
{
  ForwardCall *call = data;

  call->done = call->backend->ops->add_forward (call->backend, call->forward, call->fd, call->error);
}

static void
remove_forward (void *data)
{
  ForwardCall *call = data;

  call->backend->ops->remove_forward (call->backend, call->forward);
}

static void
call_on_loop (EventLoop *loop, LoopFunc func, ForwardCall *call)
{
  if (loop_is_current (loop))
    func (call);
  else
    loop_call_sync (loop, func, call);
}

bool
net_add_forward (NetBackend *backend, EventLoop *loop, const NetForward *forward, int fd, GError **error)
{
  ForwardCall call = { backend, forward, fd, error, false };

  if (backend != NULL && backend->ops->add_forward != NULL)
    call_on_loop (loop, add_forward, &call);
  else
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "Ports can be forwarded only to a card that is plugged into the network “nat”");
  return call.done;
}

void
net_remove_forward (NetBackend *backend, EventLoop *loop, const NetForward *forward)
{
  ForwardCall call = { backend, forward, -1, NULL, true };

  if (backend != NULL && backend->ops->remove_forward != NULL)
    call_on_loop (loop, remove_forward, &call);
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
  queue->size = 0;
}

bool
net_queue_is_full (const NetQueue *queue)
{
  return queue->frames.length >= NET_QUEUE_MAX || queue->size >= NET_QUEUE_SIZE;
}

bool
net_queue_is_empty (const NetQueue *queue)
{
  return queue->frames.length == 0;
}

bool
net_queue_push (NetQueue *queue, const NetPacket *packet)
{
  size_t size = net_iov_size (packet->iov, packet->n_iov);
  NetFrame *frame;

  if (size < NET_HEADER || size > NET_PACKET_MAX || net_queue_is_full (queue))
    return false;
  frame = g_malloc (sizeof (NetFrame) + size);
  frame->offload = packet->offload;
  /* The pieces may be a guest's memory, but their lengths aren't. */
  frame->size = iov_gather (packet->iov, packet->n_iov, 0, frame->data, size);
  g_queue_push_tail (&queue->frames, frame);
  queue->size += size;
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
  NetFrame *frame = g_queue_pop_head (&queue->frames);

  if (frame != NULL)
    queue->size -= frame->size;
  return frame;
}
