/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-host-private.h"

#include "devices/usb/usb-descriptors.h"

#include "vmm/base/bytes.h"

#define SETUP_SIZE 8u

/* --- urbs --- */

void
usb_host_urb_free (HostUrb *urb)
{
  g_free (urb->urb.buffer);
  g_free (urb->urb.packets);
  g_free (urb);
}

/* With its answer. Data is copied now: what the guest does with its memory meanwhile is its own affair. */
static void
finish (HostUrb *urb)
{
  const UsbUrb *u = &urb->urb;
  UsbTransfer *transfer = urb->transfers[0];
  const uint8_t *data = u->buffer + (u->kind == USB_CONTROL ? SETUP_SIZE : 0);
  bool in = u->kind == USB_CONTROL ? transfer->setup.type & USB_IN : transfer->endpoint & USB_IN;
  size_t actual = MIN (u->actual, transfer->length);
  UsbStatus status = u->status;

  transfer->data = NULL;
  if (in && actual > 0 && !usb_transfer_map (transfer))
    status = USB_NO_MEMORY;
  else if (in && actual > 0)
    iov_scatter (transfer->iov, transfer->n_iov, 0, data, actual);
  usb_transfer_done (transfer, status, actual);
}

static void
tell (HostUrb *urb)
{
  urb->telling = true;
  if (urb->urb.kind == USB_ISOCHRONOUS)
    usb_host_finish_packets (urb);
  else if (urb->transfers[0] != NULL)
    finish (urb);
  usb_host_urb_free (urb);
}

static bool
is_wanted (const HostUrb *urb)
{
  for (unsigned i = 0; i < urb->n; i++)
    if (urb->transfers[i] != NULL)
      return true;
  return false;
}

/* Nothing of the guest's changes while it stands. */
static void
on_done (UsbUrb *u)
{
  HostUrb *urb = u->data;
  UsbHost *host = urb->host;

  host->n_urbs--;
  host->full = false;
  TRACE (host, "done", "endpoint=0x%02x length=%zu actual=%zu status=%u", u->endpoint, u->length, u->actual,
         u->status);
  if (!is_wanted (urb))
    usb_host_urb_free (urb);
  else if (host->stopped)
    {
      urb->link.data = urb;
      g_queue_push_tail_link (&host->finished, &urb->link);
    }
  else
    tell (urb);
  usb_host_pump (host);
  usb_host_settle (host);
}

void
usb_host_tell_finished (UsbHost *host)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&host->finished)) != NULL)
    tell (link->data);
}

HostUrb *
usb_host_urb_new (UsbHost *host, UsbKind kind, uint8_t endpoint, size_t length, unsigned n_packets)
{
  HostUrb *urb = g_new0 (HostUrb, 1);

  urb->host = host;
  urb->urb.kind = kind;
  urb->urb.endpoint = endpoint;
  urb->urb.length = length;
  urb->urb.n_packets = n_packets;
  urb->urb.packets = g_new0 (UsbPacket, n_packets);
  urb->urb.buffer = g_malloc (length + SETUP_SIZE);
  urb->urb.done = on_done;
  urb->urb.data = urb;
  return urb;
}

int
usb_host_urb_submit (HostUrb *urb)
{
  UsbHost *host = urb->host;
  int result = host->link->ops->submit (host->link, &urb->urb);

  if (result == 0)
    {
      host->n_urbs++;
      for (unsigned i = 0; i < urb->n; i++)
        urb->transfers[i]->data = urb;
    }
  else
    usb_host_urb_free (urb);
  return result;
}

/* --- one transfer --- */

/* The guest's data goes along. */
static bool
fill (uint8_t *to, UsbTransfer *transfer, size_t length)
{
  size_t n = 0;

  if (transfer->length > 0 && !usb_transfer_map (transfer))
    return false;
  if (transfer->length > 0)
    n = iov_gather (transfer->iov, transfer->n_iov, 0, to, MIN (length, transfer->length));
  memset (to + n, 0, length - n);
  return true;
}

/* When the host has no memory for more it has as soon as something is done. What was begun is the oldest of
 * all that waits. */
static void
submit_urb (HostUrb *urb)
{
  UsbHost *host = urb->host;
  UsbTransfer *transfer = urb->transfers[0];
  int result = usb_host_urb_submit (urb);

  if (result == -ENOMEM && host->n_urbs > 0)
    {
      host->full = true;
      g_queue_push_head_link (&host->waiting, &transfer->link);
    }
  else if (result != 0)
    {
      TRACE (host, "submit-failed", "endpoint=0x%02x length=%zu result=%d", transfer->endpoint,
             transfer->length, result);
      usb_transfer_done (transfer, result == -EPIPE ? USB_STALL : USB_ERROR, 0);
    }
}

static void
submit_data (UsbHost *host, UsbTransfer *transfer, UsbKind kind)
{
  HostUrb *urb;

  if (transfer->length > USB_HOST_MAX_LENGTH)
    {
      usb_transfer_done (transfer, USB_ERROR, 0);
      return;
    }
  urb = usb_host_urb_new (host, kind, transfer->endpoint, transfer->length, 0);
  urb->urb.stream = transfer->stream;
  urb->n = 1;
  urb->transfers[0] = transfer;
  if (!(transfer->endpoint & USB_IN) && !fill (urb->urb.buffer, transfer, transfer->length))
    {
      usb_host_urb_free (urb);
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  submit_urb (urb);
}

static void
submit_control (UsbHost *host, UsbTransfer *transfer)
{
  UsbSetup setup = transfer->setup;
  HostUrb *urb;

  if (setup.length > USB_HOST_MAX_CONTROL && !(setup.type & USB_IN))
    {
      usb_transfer_done (transfer, USB_STALL, 0);
      return;
    }
  setup.length = MIN (setup.length, USB_HOST_MAX_CONTROL);
  urb = usb_host_urb_new (host, USB_CONTROL, 0, setup.length, 0);
  urb->n = 1;
  urb->transfers[0] = transfer;
  urb->urb.buffer[0] = setup.type;
  urb->urb.buffer[1] = setup.request;
  store_le16 (urb->urb.buffer + 2, setup.value);
  store_le16 (urb->urb.buffer + 4, setup.index);
  store_le16 (urb->urb.buffer + 6, setup.length);
  if (!(setup.type & USB_IN) && !fill (urb->urb.buffer + SETUP_SIZE, transfer, setup.length))
    {
      usb_host_urb_free (urb);
      usb_transfer_done (transfer, USB_NO_MEMORY, 0);
      return;
    }
  submit_urb (urb);
}

/* What concerns the host's side as well goes by its own calls. */
static void
control (UsbHost *host, UsbTransfer *transfer)
{
  const UsbSetup *setup = &transfer->setup;

  host->used =
    host->used || USB_REQUEST (setup->type, setup->request) != USB_REQUEST (USB_IN, USB_GET_DESCRIPTOR);
  switch (USB_REQUEST (setup->type, setup->request))
    {
    case USB_REQUEST (0, USB_SET_ADDRESS):
      usb_transfer_done (transfer, USB_OK, 0);
      return;
    case USB_REQUEST (0, USB_SET_CONFIGURATION):
      usb_host_begin_work (host, WORK_CONFIGURE, setup->value & 0xff, 0, transfer);
      return;
    case USB_REQUEST (USB_TO_INTERFACE, USB_SET_INTERFACE):
      usb_host_begin_work (host, WORK_INTERFACE, setup->index & 0xff, setup->value & 0xff, transfer);
      return;
    case USB_REQUEST (USB_TO_ENDPOINT, USB_CLEAR_FEATURE):
      if (setup->value == USB_FEATURE_HALT && (setup->index & 15) != 0)
        {
          usb_host_begin_work (host, WORK_CLEAR_HALT, setup->index & 0x8f, 0, transfer);
          return;
        }
      break;
    default:
      break;
    }
  submit_control (host, transfer);
}

static void
begin (UsbHost *host, UsbTransfer *transfer)
{
  const UsbEndpoint *endpoint;

  if (transfer->endpoint == 0)
    {
      control (host, transfer);
      return;
    }
  endpoint = usb_topology_find (&host->topology, transfer->endpoint);
  if (endpoint == NULL || endpoint->kind == USB_CONTROL)
    usb_transfer_done (transfer, USB_STALL, 0);
  else if (endpoint->kind == USB_ISOCHRONOUS)
    usb_host_submit_packet (host, transfer);
  else
    submit_data (host, transfer, endpoint->kind);
}

/* --- what the controller asks --- */

static bool
must_wait (const UsbHost *host)
{
  return host->work != WORK_NONE || host->full;
}

void
usb_host_submit (UsbDevice *usb, UsbTransfer *transfer)
{
  UsbHost *host = (UsbHost *)usb;

  transfer->data = NULL;
  transfer->link.data = transfer;
  if (host->link == NULL || host->leaving || host->gone)
    usb_transfer_done (transfer, USB_ERROR, 0);
  else if (must_wait (host) || !g_queue_is_empty (&host->waiting))
    g_queue_push_tail_link (&host->waiting, &transfer->link);
  else
    begin (host, transfer);
}

void
usb_host_pump (UsbHost *host)
{
  unsigned n = host->waiting.length;

  while (n-- > 0 && !host->stopped && !must_wait (host) && !host->leaving
         && !g_queue_is_empty (&host->waiting))
    begin (host, g_queue_pop_head_link (&host->waiting)->data);
  if (host->leaving || must_wait (host))
    return;
  for (unsigned i = 0; i < 2; i++)
    for (unsigned number = 1; number < 16; number++)
      if (!g_queue_is_empty (&host->packets[i][number]))
        usb_host_flush (&host->usb, (uint8_t)(number | i << 7));
}

static void
take_back (HostUrb *urb, UsbTransfer *transfer)
{
  UsbHost *host = urb->host;

  for (unsigned i = 0; i < urb->n; i++)
    if (urb->transfers[i] == transfer)
      urb->transfers[i] = NULL;
  if (is_wanted (urb) || urb->telling)
    return;
  if (urb->link.data == NULL)
    {
      host->link->ops->cancel (host->link, &urb->urb);
      return;
    }
  g_queue_unlink (&host->finished, &urb->link);
  usb_host_urb_free (urb);
}

void
usb_host_cancel (UsbDevice *usb, UsbTransfer *transfer)
{
  UsbHost *host = (UsbHost *)usb;

  if (transfer == host->work_transfer)
    host->work_transfer = NULL;
  else if (transfer->data != NULL)
    take_back (transfer->data, transfer);
  else if (!usb_host_cancel_packet (host, transfer))
    g_queue_unlink (&host->waiting, &transfer->link);
  transfer->data = NULL;
  usb_transfer_done (transfer, USB_CANCELLED, 0);
}
