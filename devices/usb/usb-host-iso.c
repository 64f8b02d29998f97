/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-host-private.h"

/* Isochronous transfers: those that the guest offers at once go to the host together, a packet each; as it
 * keeps several such lots under way, so does the host. */

static GQueue *
queue_of (UsbHost *host, uint8_t endpoint)
{
  return &host->packets[endpoint >> 7][endpoint & 15];
}

void
usb_host_submit_packet (UsbHost *host, UsbTransfer *transfer)
{
  transfer->data = NULL;
  transfer->link.data = transfer;
  g_queue_push_tail_link (queue_of (host, transfer->endpoint), &transfer->link);
}

bool
usb_host_cancel_packet (UsbHost *host, UsbTransfer *transfer)
{
  GQueue *queue = queue_of (host, transfer->endpoint);

  if (g_queue_find (queue, transfer) == NULL)
    return false;
  g_queue_unlink (queue, &transfer->link);
  return true;
}

/* A packet whose data isn't there goes out empty. */
static void
fill (HostUrb *urb)
{
  uint8_t *to = urb->urb.buffer;

  for (unsigned i = 0; i < urb->n; i++)
    {
      UsbTransfer *transfer = urb->transfers[i];
      size_t length = urb->urb.packets[i].length;

      memset (to, 0, length);
      if (length > 0 && usb_transfer_map (transfer))
        iov_gather (transfer->iov, transfer->n_iov, 0, to, length);
      to += length;
    }
}

static HostUrb *
gather (UsbHost *host, const UsbEndpoint *endpoint, uint8_t address)
{
  GQueue *queue = queue_of (host, address);
  unsigned n = MIN (queue->length, USB_HOST_MAX_PACKETS), lengths[USB_HOST_MAX_PACKETS];
  size_t sum = 0;
  HostUrb *urb;
  GList *link = queue->head;

  for (unsigned i = 0; i < n; i++, link = link->next)
    {
      lengths[i] = (unsigned)MIN (((UsbTransfer *)link->data)->length, endpoint->max_packet);
      sum += lengths[i];
    }
  urb = usb_host_urb_new (host, USB_ISOCHRONOUS, address, sum, n);
  urb->n = n;
  for (unsigned i = 0; i < n; i++)
    {
      urb->urb.packets[i].length = lengths[i];
      urb->transfers[i] = g_queue_pop_head_link (queue)->data;
    }
  if (!(address & USB_IN))
    fill (urb);
  return urb;
}

/* What the guest offers thereupon waits for its turn. */
static void
fail (UsbHost *host, UsbTransfer *const *transfers, unsigned n)
{
  host->telling = true;
  for (unsigned i = 0; i < n; i++)
    usb_transfer_done (transfers[i], USB_MISSED, 0);
  host->telling = false;
}

void
usb_host_flush (UsbDevice *usb, uint8_t address)
{
  UsbHost *host = (UsbHost *)usb;
  const UsbEndpoint *endpoint = usb_topology_find (&host->topology, address);
  GQueue *queue = queue_of (host, address);

  if (host->link == NULL || host->leaving || host->work != WORK_NONE || host->telling)
    return;
  for (unsigned n = queue->length; n > 0 && !g_queue_is_empty (queue); n--)
    {
      UsbTransfer *transfers[USB_HOST_MAX_PACKETS] = { NULL };
      HostUrb *urb;
      unsigned n_transfers;
      int result;

      if (endpoint == NULL)
        {
          transfers[0] = g_queue_pop_head_link (queue)->data;
          fail (host, transfers, 1);
          continue;
        }
      urb = gather (host, endpoint, address);
      n_transfers = urb->n;
      memcpy (transfers, urb->transfers, sizeof transfers);
      result = usb_host_urb_submit (urb);
      if (result == 0)
        continue;
      TRACE (host, "submit-failed", "endpoint=0x%02x packets=%u result=%d", address, n_transfers, result);
      fail (host, transfers, n_transfers);
    }
}

/* In their order; a transfer that is done may bring others, or the end of those after it. */
void
usb_host_finish_packets (HostUrb *urb)
{
  UsbHost *host = urb->host;
  const uint8_t *from = urb->urb.buffer;
  bool in = urb->urb.endpoint & USB_IN;

  host->telling = true;
  for (unsigned i = 0; i < urb->n; i++)
    {
      const UsbPacket *packet = &urb->urb.packets[i];
      UsbTransfer *transfer = g_steal_pointer (&urb->transfers[i]);
      size_t actual = MIN (packet->actual, packet->length);
      UsbStatus status = urb->urb.status == USB_OK ? packet->status : USB_MISSED;

      if (transfer != NULL)
        {
          transfer->data = NULL;
          if (in && actual > 0 && !usb_transfer_map (transfer))
            status = USB_NO_MEMORY;
          else if (in && actual > 0)
            iov_scatter (transfer->iov, transfer->n_iov, 0, from, actual);
          usb_transfer_done (transfer, status, actual);
        }
      from += packet->length;
    }
  host->telling = false;
  usb_host_flush (&host->usb, urb->urb.endpoint);
}
