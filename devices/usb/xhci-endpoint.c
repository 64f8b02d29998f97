/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* Endpoints' states (section 4.8.3), and the doorbells that make them work. */

void
xhci_endpoint_init (Xhci *xhci, unsigned slot, unsigned index)
{
  XhciEndpoint *endpoint = &xhci->slots[slot].endpoints[index];

  endpoint->xhci = xhci;
  endpoint->slot = (uint8_t)slot;
  endpoint->index = (uint8_t)index;
  xhci_queue_init (&endpoint->queue, endpoint, 0);
}

void
xhci_endpoint_disable (XhciEndpoint *endpoint)
{
  xhci_transfers_cancel (endpoint, false);
  endpoint->state = XHCI_EP_DISABLED;
  endpoint->type = 0;
  endpoint->max_packet = 0;
  endpoint->stream_bits = 0;
  endpoint->contexts = 0;
  xhci_streams_close (endpoint);
  xhci_queue_set_ring (&endpoint->queue, 0);
}

void
xhci_endpoint_enable (XhciEndpoint *endpoint, unsigned stream_bits, uint64_t dequeue)
{
  endpoint->state = XHCI_EP_RUNNING;
  endpoint->stream_bits = (uint8_t)stream_bits;
  if (stream_bits > 0)
    {
      endpoint->contexts = dequeue & ~(uint64_t)15;
      xhci_streams_open (endpoint);
    }
  else
    xhci_queue_set_ring (&endpoint->queue, dequeue);
}

void
xhci_endpoint_set_state (XhciEndpoint *endpoint, unsigned state)
{
  TRACE (endpoint->xhci, "endpoint", "slot=%u index=%u state=%u", endpoint->slot, endpoint->index, state);
  endpoint->state = (uint8_t)state;
  xhci_write_endpoint (endpoint);
}

void
xhci_endpoint_lose (XhciEndpoint *endpoint)
{
  xhci_transfers_fail (endpoint);
}

/* --- work --- */

static UsbDevice *
find_device (const XhciEndpoint *endpoint)
{
  const XhciSlot *slot = &endpoint->xhci->slots[endpoint->slot];
  UsbDevice *device = slot->enabled ? xhci_port_device (endpoint->xhci, slot->port) : NULL;

  return device != NULL && (endpoint->xhci->ports[slot->port - 1].status & XHCI_PORT_ENABLED) ? device : NULL;
}

static bool
may_work (const XhciQueue *queue)
{
  const Xhci *xhci = queue->endpoint->xhci;

  return queue->endpoint->state == XHCI_EP_RUNNING && !xhci->halted && xhci_is_running (xhci)
         && !xhci_events_are_late (xhci)
         && queue->transfers.length
              < (xhci_endpoint_is_isochronous (queue->endpoint) ? XHCI_MAX_PACKETS : XHCI_MAX_PENDING);
}

/* What was begun is all for now; or nothing is left to do. */
static void
pause_streaming (XhciQueue *queue, bool begun)
{
  XhciEndpoint *endpoint = queue->endpoint;
  UsbDevice *device = find_device (endpoint);

  if (begun && device != NULL && usb_class (device)->flush != NULL)
    usb_class (device)->flush (device, (uint8_t)(endpoint->index / 2 | (endpoint->index & 1 ? USB_IN : 0)));
  if (queue->streaming && g_queue_is_empty (&queue->transfers) && may_work (queue))
    xhci_tell_run_dry (endpoint);
  queue->streaming = !g_queue_is_empty (&queue->transfers);
}

static void
kick_later (Device *device)
{
  xhci_kick_all ((Xhci *)device);
}

/* A transfer that is done at once calls back here: the outermost goes on. */
void
xhci_queue_kick (XhciQueue *queue)
{
  XhciEndpoint *endpoint = queue->endpoint;
  XhciFetch fetched = XHCI_FETCHED;
  unsigned n;

  if (queue->kicking)
    return;
  queue->kicking = true;
  for (n = 0; n < XHCI_MAX_AT_ONCE && fetched == XHCI_FETCHED && may_work (queue); n++)
    fetched = xhci_transfer_begin (queue, find_device (endpoint));
  queue->kicking = false;
  if (fetched == XHCI_FETCH_BAD)
    {
      GUEST_ERROR (endpoint->xhci, "slot %u, endpoint %u, stream %u: a ring that makes no sense",
                   endpoint->slot, endpoint->index, queue->stream);
      xhci_transfers_cancel (endpoint, false);
      xhci_endpoint_set_state (endpoint, XHCI_EP_ERROR);
    }
  else if (fetched == XHCI_FETCHED && may_work (queue))
    device_call (&endpoint->xhci->pci.device, kick_later);
  if (xhci_endpoint_is_isochronous (endpoint) && endpoint->state == XHCI_EP_RUNNING)
    pause_streaming (queue, n > 0);
}

void
xhci_endpoint_kick (XhciEndpoint *endpoint)
{
  XhciQueue *queue;

  for (unsigned i = 0; (queue = xhci_queue_nth (endpoint, i)) != NULL; i++)
    if (queue->live)
      xhci_queue_kick (queue);
}

void
xhci_kick_all (Xhci *xhci)
{
  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    for (unsigned i = 1; xhci->slots[slot].enabled && i < XHCI_N_ENDPOINTS; i++)
      xhci_endpoint_kick (&xhci->slots[slot].endpoints[i]);
}

/* Section 4.7. */
void
xhci_doorbell (Xhci *xhci, unsigned slot, uint32_t value)
{
  unsigned index = value & 0xff, stream = value >> 16;
  XhciEndpoint *endpoint;
  XhciQueue *queue;

  if (!xhci_is_running (xhci) || slot > XHCI_N_SLOTS)
    return;
  if (slot == 0)
    {
      if (index == 0)
        xhci->commands_running = true;
      xhci_serve_commands (xhci);
      return;
    }
  if (!xhci->slots[slot].enabled || index == 0 || index >= XHCI_N_ENDPOINTS)
    {
      GUEST_ERROR (xhci, "doorbell of slot %u, endpoint %u", slot, index);
      return;
    }
  endpoint = &xhci->slots[slot].endpoints[index];
  if (endpoint->state == XHCI_EP_DISABLED)
    return;
  queue = xhci_queue_find (endpoint, stream);
  if (queue == NULL)
    {
      GUEST_ERROR (xhci, "slot %u, endpoint %u: no stream %u", slot, index, stream);
      return;
    }
  if (endpoint->state == XHCI_EP_STOPPED)
    {
      xhci_endpoint_set_state (endpoint, XHCI_EP_RUNNING);
      xhci_endpoint_kick (endpoint);
    }
  xhci_queue_kick (queue);
}

/* --- commands --- */

static XhciEndpoint *
find_endpoint (Xhci *xhci, unsigned slot, unsigned index)
{
  XhciEndpoint *endpoint =
    index >= 1 && index < XHCI_N_ENDPOINTS ? &xhci->slots[slot].endpoints[index] : NULL;

  return endpoint != NULL && endpoint->state != XHCI_EP_DISABLED ? endpoint : NULL;
}

/* Section 4.6.9. */
unsigned
xhci_stop_endpoint (Xhci *xhci, unsigned slot, unsigned index)
{
  XhciEndpoint *endpoint = find_endpoint (xhci, slot, index);

  if (endpoint == NULL)
    return XHCI_ENDPOINT_NOT_ENABLED;
  if (endpoint->state != XHCI_EP_RUNNING)
    return XHCI_CONTEXT_STATE_ERROR;
  /* Of a stream nothing has moved yet: its context says where it goes on (section 4.12.1). */
  xhci_transfers_cancel (endpoint, endpoint->stream_bits == 0);
  xhci_endpoint_set_state (endpoint, XHCI_EP_STOPPED);
  return XHCI_SUCCESS;
}

/* Section 4.6.8. */
unsigned
xhci_reset_endpoint (Xhci *xhci, unsigned slot, unsigned index)
{
  XhciEndpoint *endpoint = find_endpoint (xhci, slot, index);

  if (endpoint == NULL)
    return XHCI_ENDPOINT_NOT_ENABLED;
  if (endpoint->state != XHCI_EP_HALTED)
    return XHCI_CONTEXT_STATE_ERROR;
  xhci_endpoint_set_state (endpoint, XHCI_EP_STOPPED);
  return XHCI_SUCCESS;
}

/* Section 4.6.10. */
unsigned
xhci_set_dequeue (Xhci *xhci, unsigned slot, unsigned index, unsigned stream, uint64_t dequeue)
{
  XhciEndpoint *endpoint = find_endpoint (xhci, slot, index);
  XhciRing ring = { dequeue & ~(uint64_t)15, dequeue & 1 };
  XhciQueue *queue;

  if (endpoint == NULL)
    return XHCI_ENDPOINT_NOT_ENABLED;
  if (endpoint->state != XHCI_EP_STOPPED && endpoint->state != XHCI_EP_ERROR)
    return XHCI_CONTEXT_STATE_ERROR;
  queue = xhci_queue_find (endpoint, stream);
  if (queue == NULL)
    return XHCI_INVALID_STREAM;
  queue->fetch = ring;
  xhci_queue_step (queue, ring);
  xhci_endpoint_set_state (endpoint, XHCI_EP_STOPPED);
  return XHCI_SUCCESS;
}
