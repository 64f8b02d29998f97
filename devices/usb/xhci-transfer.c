/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

/* From TRBs to transfers, and back to events (sections 4.10 and 4.11). */

/* Guest memory that one TRB names, up to 64 KiB, may lie in two banks. */
#define PIECES_PER_TRB 2u

struct XhciTransfer {
  UsbTransfer usb; /* first: what is done is ours */
  XhciQueue *queue;
  UsbDevice *device;
  XhciTrb *trbs;
  unsigned n_trbs;
  XhciRing start, next;
  uint8_t *immediate; /* (nullable): data that came in TRBs */
  struct iovec *iov;
  bool in, submitting, done;
};

static inline XhciEndpoint *
endpoint_of (const XhciTransfer *transfer)
{
  return transfer->queue->endpoint;
}

static void
transfer_free (XhciTransfer *transfer)
{
  g_free (transfer->trbs);
  g_free (transfer->immediate);
  g_free (transfer->iov);
  g_free (transfer);
}

static unsigned
trb_length (const XhciTrb *trb)
{
  return trb->status & 0x1ffff;
}

static bool
has_data (const XhciTrb *trb)
{
  unsigned type = xhci_trb_type (trb);

  return type == XHCI_TRB_NORMAL || type == XHCI_TRB_DATA || type == XHCI_TRB_ISOCH;
}

/* --- reading --- */

/* A control transfer ends with its status stage, whatever ended before that; others where no TRB is chained.
 */
static bool
ends_here (const XhciEndpoint *endpoint, const XhciTrb *trb, bool *status_seen)
{
  *status_seen = *status_seen || xhci_trb_type (trb) == XHCI_TRB_STATUS;
  if (trb->control & XHCI_TRB_CHAIN)
    return false;
  return endpoint->type != XHCI_EP_TYPE_CONTROL || *status_seen || xhci_trb_type (trb) == XHCI_TRB_NO_OP;
}

static XhciFetch
read_trbs (XhciTransfer *transfer)
{
  XhciEndpoint *endpoint = endpoint_of (transfer);
  g_autoptr (GArray) trbs = g_array_new (FALSE, FALSE, sizeof (XhciTrb));
  bool status_seen = false;
  XhciTrb trb;

  transfer->start = transfer->next = transfer->queue->fetch;
  do
    switch (xhci_ring_next (endpoint->xhci, &transfer->next, &trb))
      {
      case XHCI_RING_EMPTY:
        return XHCI_FETCH_NOTHING;
      case XHCI_RING_BAD:
        return XHCI_FETCH_BAD;
      case XHCI_RING_TRB:
        if (trbs->len >= XHCI_MAX_TRBS)
          return XHCI_FETCH_BAD;
        g_array_append_val (trbs, trb);
      }
  while (!ends_here (endpoint, &trb, &status_seen));
  transfer->n_trbs = trbs->len;
  transfer->trbs = (XhciTrb *)g_array_free (g_steal_pointer (&trbs), FALSE);
  return XHCI_FETCHED;
}

/* --- its data --- */

static void
read_setup (XhciTransfer *transfer)
{
  const XhciTrb *trb = &transfer->trbs[0];

  transfer->usb.setup = (UsbSetup){
    .type = (uint8_t)trb->parameter,
    .request = (uint8_t)(trb->parameter >> 8),
    .value = (uint16_t)(trb->parameter >> 16),
    .index = (uint16_t)(trb->parameter >> 32),
    .length = (uint16_t)(trb->parameter >> 48),
  };
}

/* Section 4.11.2.2: a setup stage of eight immediate bytes, data that all go one way, status. */
static bool
control_is_sound (const XhciTransfer *transfer)
{
  const XhciTrb *first = &transfer->trbs[0], *last = &transfer->trbs[transfer->n_trbs - 1];

  if (xhci_trb_type (first) != XHCI_TRB_SETUP || trb_length (first) != 8
      || !(first->control & XHCI_TRB_IMMEDIATE)
      || (xhci_trb_type (last) != XHCI_TRB_STATUS && xhci_trb_type (last) != XHCI_TRB_EVENT_DATA))
    return false;
  for (unsigned i = 1; i < transfer->n_trbs; i++)
    {
      unsigned type = xhci_trb_type (&transfer->trbs[i]);
      bool in = transfer->trbs[i].control & XHCI_TRB_IN;

      if (type == XHCI_TRB_DATA && in != !!((first->parameter & 0xff) & USB_IN))
        return false;
      if (type == XHCI_TRB_SETUP)
        return false;
    }
  return true;
}

static bool
map_piece (XhciTransfer *transfer, const XhciTrb *trb, bool in, unsigned *n, size_t *n_immediate)
{
  GuestMemory *memory = endpoint_of (transfer)->xhci->pci.device.board->memory;
  unsigned length = trb_length (trb), n_pieces = PIECES_PER_TRB;

  if (length == 0)
    return true;
  if (trb->control & XHCI_TRB_IMMEDIATE)
    {
      uint8_t *place = transfer->immediate + *n_immediate;

      if (in || length > 8)
        return false;
      store_le64 (place, trb->parameter);
      transfer->iov[(*n)++] = (struct iovec){ place, length };
      *n_immediate += 8;
      return true;
    }
  if (length > 65536 || !guest_map_iov (memory, trb->parameter, length, in, transfer->iov + *n, &n_pieces))
    return false;
  *n += n_pieces;
  return true;
}

static bool
map_data (UsbTransfer *usb)
{
  XhciTransfer *transfer = (XhciTransfer *)usb;
  size_t n_immediate = 0;
  unsigned n = 0;

  transfer->iov = g_new (struct iovec, transfer->n_trbs * PIECES_PER_TRB);
  transfer->immediate = g_malloc (transfer->n_trbs * 8);
  for (unsigned i = 0; i < transfer->n_trbs; i++)
    if (has_data (&transfer->trbs[i])
        && !map_piece (transfer, &transfer->trbs[i], transfer->in, &n, &n_immediate))
      {
        g_clear_pointer (&transfer->iov, g_free);
        g_clear_pointer (&transfer->immediate, g_free);
        return false;
      }
  usb->iov = transfer->iov;
  usb->n_iov = n;
  return true;
}

/* Returns: a completion code; XHCI_SUCCESS: it can be submitted. */
static unsigned
prepare (XhciTransfer *transfer)
{
  const XhciEndpoint *endpoint = endpoint_of (transfer);

  transfer->in = endpoint->index & 1;
  if (endpoint->type == XHCI_EP_TYPE_CONTROL)
    {
      if (!control_is_sound (transfer))
        return XHCI_TRB_ERROR;
      read_setup (transfer);
      transfer->in = transfer->usb.setup.type & USB_IN;
    }
  transfer->usb.stream = transfer->queue->stream;
  transfer->usb.endpoint = endpoint->type == XHCI_EP_TYPE_CONTROL
                             ? (uint8_t)(endpoint->index / 2)
                             : (uint8_t)(endpoint->index / 2 | (transfer->in ? USB_IN : 0));
  for (unsigned i = 0; i < transfer->n_trbs; i++)
    transfer->usb.length += has_data (&transfer->trbs[i]) ? trb_length (&transfer->trbs[i]) : 0;
  return XHCI_SUCCESS;
}

/* --- events --- */

/* @length: what was not moved; of event data TRBs, what was. */
static void
tell (const XhciTransfer *transfer, const XhciTrb *trb, unsigned code, unsigned length)
{
  const XhciEndpoint *endpoint = endpoint_of (transfer);
  bool is_data = xhci_trb_type (trb) == XHCI_TRB_EVENT_DATA;
  const XhciTrb event = {
    .parameter = is_data ? trb->parameter : trb->address,
    .status = code << 24 | (length & 0xffffff),
    .control = (uint32_t)endpoint->slot << 24 | (uint32_t)endpoint->index << 16
               | XHCI_TRB_TRANSFER_EVENT << XHCI_TRB_TYPE_SHIFT | (is_data ? XHCI_TRB_EVENT_DATA_FLAG : 0)
               | (trb->control & XHCI_TRB_BLOCK),
  };

  xhci_event (endpoint->xhci, trb->status >> 22, &event);
}

static unsigned
code_of (UsbStatus status)
{
  switch (status)
    {
    case USB_OK:
      return XHCI_SUCCESS;
    case USB_STALL:
      return XHCI_STALL;
    case USB_BABBLE:
      return XHCI_BABBLE;
    case USB_NO_MEMORY:
      return XHCI_DATA_BUFFER_ERROR;
    case USB_MISSED:
      return XHCI_MISSED_SERVICE;
    default:
      return XHCI_TRANSACTION_ERROR;
    }
}

/* Which TRB a failed transfer ended in: the first one that wasn't filled. */
static bool
is_where_it_failed (const XhciTransfer *transfer, unsigned i, unsigned moved)
{
  const XhciTrb *trb = &transfer->trbs[i];

  if (has_data (trb))
    return moved < trb_length (trb) || i + 1 == transfer->n_trbs;
  return i + 1 == transfer->n_trbs;
}

/* Section 4.10.1.1: who asked for an event has one; a transfer that ended early has one for the TRB where it
 * did, if that or the last one asks. */
static void
tell_all (const XhciTransfer *transfer, unsigned code)
{
  size_t left = transfer->usb.actual;
  unsigned sum = 0;
  bool is_short = false, short_told = false;

  for (unsigned i = 0; i < transfer->n_trbs; i++)
    {
      const XhciTrb *trb = &transfer->trbs[i];
      unsigned moved = has_data (trb) ? (unsigned)MIN (left, trb_length (trb)) : 0;
      unsigned missing = has_data (trb) ? trb_length (trb) - moved : 0, said = code;
      bool asked = trb->control & XHCI_TRB_INTERRUPT;

      left -= moved;
      sum += moved;
      if (code != XHCI_SUCCESS)
        {
          if (!is_where_it_failed (transfer, i, moved))
            continue;
          tell (transfer, trb, code, missing);
          return;
        }
      if (xhci_trb_type (trb) == XHCI_TRB_STATUS)
        {
          is_short = short_told = false; /* a stage of its own */
          sum = 0;
        }
      if (xhci_trb_type (trb) == XHCI_TRB_EVENT_DATA)
        {
          if (asked)
            tell (transfer, trb, is_short ? XHCI_SHORT_PACKET : said, sum);
          sum = 0;
          continue;
        }
      if (missing > 0 && !is_short)
        {
          is_short = true;
          asked = asked || (trb->control & XHCI_TRB_SHORT);
        }
      if (!asked || short_told)
        continue;
      short_told = is_short;
      tell (transfer, trb, is_short ? XHCI_SHORT_PACKET : said, missing);
    }
}

/* --- its end --- */

void
xhci_tell_run_dry (XhciEndpoint *endpoint)
{
  unsigned code = endpoint->type & XHCI_EP_TYPE_IN ? XHCI_RING_OVERRUN : XHCI_RING_UNDERRUN;
  const XhciTrb event = { .status = code << 24,
                          .control = (uint32_t)endpoint->slot << 24 | (uint32_t)endpoint->index << 16
                                     | XHCI_TRB_TRANSFER_EVENT << XHCI_TRB_TYPE_SHIFT };

  xhci_event (endpoint->xhci, endpoint->xhci->slots[endpoint->slot].interrupter, &event);
}

/* Isochronous transfers that fail are over, and those after them go on (section 4.10.3). */
static bool
goes_on (const XhciEndpoint *endpoint, unsigned code)
{
  return code == XHCI_SUCCESS || (code != XHCI_TRB_ERROR && xhci_endpoint_is_isochronous (endpoint));
}

/* In the order of the ring: transfers of an endpoint are done in that order. */
static void
finish (XhciTransfer *transfer, unsigned code)
{
  XhciEndpoint *endpoint = endpoint_of (transfer);
  XhciQueue *queue = transfer->queue;

  g_queue_remove (&queue->transfers, transfer);
  TRACE (endpoint->xhci, "transfer", "slot=%u index=%u stream=%u length=%zu actual=%zu code=%u",
         endpoint->slot, endpoint->index, queue->stream, transfer->usb.length, transfer->usb.actual, code);
  xhci_queue_step (queue, goes_on (endpoint, code) ? transfer->next : transfer->start);
  tell_all (transfer, code);
  if (!goes_on (endpoint, code))
    {
      xhci_transfers_cancel (endpoint, false);
      xhci_endpoint_set_state (endpoint, code == XHCI_TRB_ERROR ? XHCI_EP_ERROR : XHCI_EP_HALTED);
    }
  transfer_free (transfer);
}

static void
on_done (UsbTransfer *usb)
{
  XhciTransfer *transfer = (XhciTransfer *)usb;
  XhciQueue *queue = transfer->queue;

  transfer->done = true;
  if (usb->status == USB_CANCELLED || transfer->submitting)
    return; /* who cancels or submits goes on with it */
  finish (transfer, code_of (usb->status));
  xhci_queue_kick (queue);
}

XhciFetch
xhci_transfer_begin (XhciQueue *queue, UsbDevice *device)
{
  XhciTransfer *transfer = g_new0 (XhciTransfer, 1);
  XhciFetch fetched;
  unsigned code;

  transfer->queue = queue;
  transfer->device = device;
  transfer->usb.map = map_data;
  transfer->usb.done = on_done;
  fetched = read_trbs (transfer);
  if (fetched != XHCI_FETCHED)
    {
      transfer_free (transfer);
      return fetched;
    }
  queue->fetch = transfer->next;
  g_queue_push_tail (&queue->transfers, transfer);
  if (xhci_trb_type (&transfer->trbs[0]) == XHCI_TRB_NO_OP)
    {
      finish (transfer, XHCI_SUCCESS);
      return XHCI_FETCHED;
    }
  code = device != NULL ? prepare (transfer) : XHCI_TRANSACTION_ERROR;
  if (code != XHCI_SUCCESS)
    {
      finish (transfer, code);
      return XHCI_FETCHED;
    }
  transfer->submitting = true;
  usb_class (device)->submit (device, &transfer->usb);
  transfer->submitting = false;
  if (transfer->done)
    finish (transfer, code_of (transfer->usb.status));
  return XHCI_FETCHED;
}

/* Takes the last ones first, so that what is done stays in order. */
static void
cancel_queue (XhciQueue *queue, bool say_so)
{
  XhciTransfer *transfer;

  while ((transfer = g_queue_pop_tail (&queue->transfers)) != NULL)
    {
      if (!transfer->done)
        usb_class (transfer->device)->cancel (transfer->device, &transfer->usb);
      if (say_so && g_queue_is_empty (&queue->transfers))
        tell (transfer, &transfer->trbs[0], XHCI_STOPPED,
              has_data (&transfer->trbs[0]) ? trb_length (&transfer->trbs[0]) : 0);
      transfer_free (transfer);
    }
  queue->fetch = queue->ring;
}

void
xhci_transfers_cancel (XhciEndpoint *endpoint, bool say_so)
{
  XhciQueue *queue;

  for (unsigned i = 0; (queue = xhci_queue_nth (endpoint, i)) != NULL; i++)
    cancel_queue (queue, say_so);
}

void
xhci_transfers_fail (XhciEndpoint *endpoint)
{
  XhciTransfer *first = NULL;
  XhciQueue *queue;

  for (unsigned i = 0; first == NULL && (queue = xhci_queue_nth (endpoint, i)) != NULL; i++)
    first = g_queue_pop_head (&queue->transfers);
  if (first == NULL)
    return;
  usb_class (first->device)->cancel (first->device, &first->usb);
  xhci_transfers_cancel (endpoint, false);
  finish (first, XHCI_TRANSACTION_ERROR);
}
