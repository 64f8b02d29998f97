/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-link-private.h"

#include <poll.h>

/* --- transfers --- */

static UsbStatus
status_of (enum libusb_transfer_status status)
{
  switch (status)
    {
    case LIBUSB_TRANSFER_COMPLETED:
      return USB_OK;
    case LIBUSB_TRANSFER_STALL:
      return USB_STALL;
    case LIBUSB_TRANSFER_OVERFLOW:
      return USB_BABBLE;
    case LIBUSB_TRANSFER_CANCELLED:
      return USB_CANCELLED;
    default:
      return USB_ERROR;
    }
}

static void
take_packets (UsbUrb *urb, const struct libusb_transfer *transfer)
{
  for (unsigned i = 0; i < urb->n_packets; i++)
    {
      const struct libusb_iso_packet_descriptor *packet = &transfer->iso_packet_desc[i];

      urb->packets[i].actual = packet->actual_length;
      urb->packets[i].status = status_of (packet->status);
    }
}

static void LIBUSB_CALL
on_done (struct libusb_transfer *transfer)
{
  UsbUrb *urb = transfer->user_data;
  LibusbLink *self = (LibusbLink *)urb->link;

  if (transfer->status == LIBUSB_TRANSFER_NO_DEVICE)
    self->lost = true;
  urb->status = status_of (transfer->status);
  /* Cut off by the host, not by who asked: its endpoints went with a configuration. */
  if (urb->status == USB_CANCELLED)
    urb->status = USB_ERROR;
  urb->actual = (size_t)MAX (transfer->actual_length, 0);
  take_packets (urb, transfer);
  libusb_free_transfer (transfer);
  urb->host = NULL;
  urb->done (urb);
}

static uint8_t
type_of (const UsbUrb *urb)
{
  static const uint8_t types[] = { [USB_CONTROL] = LIBUSB_TRANSFER_TYPE_CONTROL,
                                   [USB_ISOCHRONOUS] = LIBUSB_TRANSFER_TYPE_ISOCHRONOUS,
                                   [USB_BULK] = LIBUSB_TRANSFER_TYPE_BULK,
                                   [USB_INTERRUPT] = LIBUSB_TRANSFER_TYPE_INTERRUPT };

  return urb->stream != 0 ? LIBUSB_TRANSFER_TYPE_BULK_STREAM : types[urb->kind];
}

int
usb_link_submit (UsbLink *link, UsbUrb *urb)
{
  LibusbLink *self = (LibusbLink *)link;
  struct libusb_transfer *transfer = libusb_alloc_transfer ((int)urb->n_packets);
  int result;

  transfer->dev_handle = self->handle;
  transfer->endpoint = urb->endpoint;
  transfer->type = type_of (urb);
  transfer->buffer = urb->buffer;
  transfer->length = (int)(urb->length + (urb->kind == USB_CONTROL ? LIBUSB_CONTROL_SETUP_SIZE : 0));
  transfer->callback = on_done;
  transfer->user_data = urb;
  transfer->num_iso_packets = (int)urb->n_packets;
  for (unsigned i = 0; i < urb->n_packets; i++)
    transfer->iso_packet_desc[i].length = urb->packets[i].length;
  if (urb->stream != 0)
    libusb_transfer_set_stream_id (transfer, urb->stream);
  urb->link = link;
  urb->host = transfer;
  result = usb_link_errno (libusb_submit_transfer (transfer));
  if (result != 0)
    libusb_free_transfer (transfer);
  return result;
}

void
usb_link_cancel (UsbLink *link, UsbUrb *urb)
{
  libusb_cancel_transfer (urb->host);
}

/* --- events --- */

void
usb_link_handle (UsbLink *link, unsigned timeout_ms)
{
  LibusbLink *self = (LibusbLink *)link;
  struct timeval limit = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

  libusb_handle_events_timeout_completed (self->context, &limit, NULL);
  if (self->lost && link->gone != NULL)
    link->gone (link->data);
}

static void
on_ready (void *part, int fd, GIOCondition condition)
{
  usb_link_handle (part, 0);
}

static void
add_watch (LibusbLink *self, int fd, short events)
{
  GIOCondition condition =
    (events & POLLIN ? G_IO_IN : 0) | (events & POLLOUT ? G_IO_OUT : 0) | G_IO_ERR | G_IO_HUP;

  for (unsigned i = 0; i < LIBUSB_LINK_N_WATCHES; i++)
    if (self->watches[i].watch == NULL)
      {
        self->watches[i] =
          (Watch){ fd, device_watch_fd_for_part (self->device, fd, condition, on_ready, &self->link) };
        return;
      }
}

void LIBUSB_CALL
usb_link_removed (int fd, void *data)
{
  LibusbLink *self = data;

  for (unsigned i = 0; i < LIBUSB_LINK_N_WATCHES; i++)
    if (self->watches[i].watch != NULL && self->watches[i].fd == fd)
      {
        device_watch_free (g_steal_pointer (&self->watches[i].watch));
        self->lost = self->lost || fd == self->fd;
      }
}

void
usb_link_watch (UsbLink *link, Device *device)
{
  LibusbLink *self = (LibusbLink *)link;
  const struct libusb_pollfd **fds;

  for (unsigned i = 0; i < LIBUSB_LINK_N_WATCHES; i++)
    g_clear_pointer (&self->watches[i].watch, device_watch_free);
  self->device = device;
  if (device == NULL)
    return;
  fds = libusb_get_pollfds (self->context);
  for (unsigned i = 0; fds != NULL && fds[i] != NULL; i++)
    add_watch (self, fds[i]->fd, fds[i]->events);
  libusb_free_pollfds (fds);
}
