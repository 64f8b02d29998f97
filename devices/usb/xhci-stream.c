/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/*
 * The rings of an endpoint: its own, or one for each stream (section 4.12). Streams lie in one array of
 * contexts, which a doorbell has us read; what they are at is written there as each transfer ends, so that
 * the guest's memory is all that is to be saved of them.
 */
#define STREAM_CONTEXT_SIZE 16u
#define STREAM_PRIMARY_RING (1u << 1) /* SCT, table 6-15 */
#define STREAM_TYPE         (7u << 1)

/* --- queues --- */

void
xhci_queue_init (XhciQueue *queue, XhciEndpoint *endpoint, unsigned stream)
{
  *queue = (XhciQueue){ .endpoint = endpoint, .stream = (uint16_t)stream, .live = stream == 0 };
  g_queue_init (&queue->transfers);
}

void
xhci_queue_set_ring (XhciQueue *queue, uint64_t dequeue)
{
  queue->ring = queue->fetch = (XhciRing){ dequeue & ~(uint64_t)15, dequeue & 1 };
}

/* --- streams --- */

void
xhci_streams_open (XhciEndpoint *endpoint)
{
  endpoint->n_streams = 2u << endpoint->stream_bits;
  endpoint->streams = g_new (XhciQueue, endpoint->n_streams);
  for (unsigned i = 0; i < endpoint->n_streams; i++)
    xhci_queue_init (&endpoint->streams[i], endpoint, i);
}

void
xhci_streams_close (XhciEndpoint *endpoint)
{
  g_clear_pointer (&endpoint->streams, g_free);
  endpoint->n_streams = 0;
}

/* False: the guest has not described it. */
static bool
read_stream (XhciQueue *queue)
{
  const XhciEndpoint *endpoint = queue->endpoint;
  uint64_t address = endpoint->contexts + queue->stream * STREAM_CONTEXT_SIZE;
  uint8_t raw[8];

  if (!guest_read (endpoint->xhci->pci.device.board->memory, address, raw, sizeof raw)
      || (raw[0] & STREAM_TYPE) != STREAM_PRIMARY_RING)
    return false;
  xhci_queue_set_ring (queue, load_le64 (raw));
  queue->live = true;
  return true;
}

static void
write_stream (const XhciQueue *queue)
{
  const XhciEndpoint *endpoint = queue->endpoint;
  uint64_t address = endpoint->contexts + queue->stream * STREAM_CONTEXT_SIZE;
  uint8_t raw[8];

  store_le64 (raw, queue->ring.dequeue | STREAM_PRIMARY_RING | queue->ring.cycle);
  guest_write (endpoint->xhci->pci.device.board->memory, address, raw, sizeof raw);
}

void
xhci_streams_read (XhciEndpoint *endpoint)
{
  for (unsigned i = 1; i < endpoint->n_streams; i++)
    if (!endpoint->streams[i].live)
      read_stream (&endpoint->streams[i]);
}

/* --- both --- */

XhciQueue *
xhci_queue_find (XhciEndpoint *endpoint, unsigned stream)
{
  XhciQueue *queue;

  if (endpoint->streams == NULL)
    return stream == 0 ? &endpoint->queue : NULL;
  if (stream == 0 || stream >= endpoint->n_streams)
    return NULL;
  queue = &endpoint->streams[stream];
  return queue->live || read_stream (queue) ? queue : NULL;
}

XhciQueue *
xhci_queue_nth (XhciEndpoint *endpoint, unsigned i)
{
  if (endpoint->streams == NULL)
    return i == 0 ? &endpoint->queue : NULL;
  return i + 1 < endpoint->n_streams ? &endpoint->streams[i + 1] : NULL;
}

void
xhci_queue_step (XhciQueue *queue, XhciRing next)
{
  queue->ring = next;
  if (queue->stream != 0)
    write_stream (queue);
}
