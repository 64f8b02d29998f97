/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-guard.h"
#include "devices/usb/usb-link.h"
#include "devices/usb/usb-topology.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <libusb.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* libusb on a descriptor that is open already: it looks for no devices, and has no thread. */

#define DESCRIPTORS_MAX 65536u
#define N_WATCHES       4u
#define STREAM_BITS_MAX 6u /* as XHCI_MAX_STREAMS has it */

typedef struct {
  int fd;
  LoopWatch *watch;
} Watch;

typedef struct {
  UsbLink link; /* first */
  int fd;
  libusb_context *context;
  libusb_device_handle *handle;
  UsbTopology topology; /* as it is configured */
  uint32_t claimed;     /* bits of interfaces */
  UsbGuard *guard;
  Device *device; /* which watches, or NULL */
  Watch watches[N_WATCHES];
  bool lost;
} LibusbLink;

static int
errno_of (int result)
{
  switch (result)
    {
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
      return -ENODEV;
    case LIBUSB_ERROR_ACCESS:
      return -EACCES;
    case LIBUSB_ERROR_BUSY:
      return -EBUSY;
    case LIBUSB_ERROR_NO_MEM:
      return -ENOMEM;
    case LIBUSB_ERROR_PIPE:
      return -EPIPE;
    default:
      return result < 0 ? -EIO : 0;
    }
}

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

static int
submit (UsbLink *link, UsbUrb *urb)
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
  result = errno_of (libusb_submit_transfer (transfer));
  if (result != 0)
    libusb_free_transfer (transfer);
  return result;
}

static void
cancel (UsbLink *link, UsbUrb *urb)
{
  libusb_cancel_transfer (urb->host);
}

/* --- events --- */

static void
handle (UsbLink *link, unsigned timeout_ms)
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
  handle (part, 0);
}

static void
add_watch (LibusbLink *self, int fd, short events)
{
  GIOCondition condition =
    (events & POLLIN ? G_IO_IN : 0) | (events & POLLOUT ? G_IO_OUT : 0) | G_IO_ERR | G_IO_HUP;

  for (unsigned i = 0; i < N_WATCHES; i++)
    if (self->watches[i].watch == NULL)
      {
        self->watches[i] =
          (Watch){ fd, device_watch_fd_for_part (self->device, fd, condition, on_ready, &self->link) };
        return;
      }
}

/* Of a device that was pulled out libusb wants to hear no more. */
static void LIBUSB_CALL
on_removed (int fd, void *data)
{
  LibusbLink *self = data;

  for (unsigned i = 0; i < N_WATCHES; i++)
    if (self->watches[i].watch != NULL && self->watches[i].fd == fd)
      {
        device_watch_free (g_steal_pointer (&self->watches[i].watch));
        self->lost = self->lost || fd == self->fd;
      }
}

static void
watch (UsbLink *link, Device *device)
{
  LibusbLink *self = (LibusbLink *)link;
  const struct libusb_pollfd **fds;

  for (unsigned i = 0; i < N_WATCHES; i++)
    g_clear_pointer (&self->watches[i].watch, device_watch_free);
  self->device = device;
  if (device == NULL)
    return;
  fds = libusb_get_pollfds (self->context);
  for (unsigned i = 0; fds != NULL && fds[i] != NULL; i++)
    add_watch (self, fds[i]->fd, fds[i]->events);
  libusb_free_pollfds (fds);
}

/* --- interfaces --- */

/* What a hub's or a disk's driver of the host's has is taken from it. */
static void
claim (unsigned interface, void *data)
{
  LibusbLink *self = data;

  if (self->claimed >> interface & 1)
    return;
  libusb_detach_kernel_driver (self->handle, (int)interface);
  if (libusb_claim_interface (self->handle, (int)interface) == 0)
    self->claimed |= UINT32_C (1) << interface;
}

static void
release_all (LibusbLink *self)
{
  for (unsigned interface = 0; interface < USB_N_INTERFACES; interface++)
    if (self->claimed >> interface & 1)
      libusb_release_interface (self->handle, (int)interface);
  self->claimed = 0;
}

/* As many as the guest's controller has at most; the host may have fewer. */
static void
open_streams (LibusbLink *self)
{
  uint8_t addresses[30];
  int n = 0;
  unsigned bits = STREAM_BITS_MAX;

  for (unsigned address = 0; address < 256 && n < 30; address++)
    {
      const UsbEndpoint *endpoint = usb_topology_find (&self->topology, (uint8_t)address);

      if (endpoint == NULL || endpoint->stream_bits == 0)
        continue;
      addresses[n++] = (uint8_t)address;
      bits = MIN (bits, endpoint->stream_bits);
    }
  if (n > 0)
    libusb_alloc_streams (self->handle, (1u << bits) - 1, addresses, n);
}

static int
set_configuration (UsbLink *link, unsigned value)
{
  LibusbLink *self = (LibusbLink *)link;
  int result;

  release_all (self);
  result = errno_of (libusb_set_configuration (self->handle, value == 0 ? -1 : (int)value));
  usb_topology_each (&self->topology, value, claim, self);
  usb_topology_configure (&self->topology, value);
  if (result == 0)
    open_streams (self);
  return result;
}

static int
set_interface (UsbLink *link, unsigned interface, unsigned setting)
{
  return errno_of (
    libusb_set_interface_alt_setting (((LibusbLink *)link)->handle, (int)interface, (int)setting));
}

static int
clear_halt (UsbLink *link, uint8_t endpoint)
{
  int result = errno_of (libusb_clear_halt (((LibusbLink *)link)->handle, endpoint));

  return result == -ENODEV && !((LibusbLink *)link)->lost ? -EPIPE : result;
}

/* One whose rights to do that were dropped, as by a portal, goes without. */
static int
reset (UsbLink *link)
{
  int result = errno_of (libusb_reset_device (((LibusbLink *)link)->handle));

  return result == -ENODEV ? result : 0;
}

/* --- its life --- */

static void
free_link (UsbLink *link)
{
  LibusbLink *self = (LibusbLink *)link;

  if (self->handle != NULL)
    libusb_close (self->handle);
  if (self->context != NULL)
    libusb_exit (self->context);
  close (self->fd);
  usb_guard_free (self->guard);
  g_free (link->descriptors);
  g_free (self);
}

static const UsbLinkOps ops = {
  .watch = watch,
  .handle = handle,
  .submit = submit,
  .cancel = cancel,
  .reset = reset,
  .set_configuration = set_configuration,
  .set_interface = set_interface,
  .clear_halt = clear_halt,
  .free = free_link,
};

/* usbfs gives them as the device had them when it was plugged in. */
static bool
read_descriptors (LibusbLink *self)
{
  ssize_t n;

  self->link.descriptors = g_malloc (DESCRIPTORS_MAX);
  n = pread (self->fd, self->link.descriptors, DESCRIPTORS_MAX, 0);
  self->link.descriptors_size = (size_t)MAX (n, 0);
  return usb_topology_init (&self->topology, self->link.descriptors, self->link.descriptors_size);
}

static UsbSpeed
speed_of (libusb_device *device)
{
  switch (libusb_get_device_speed (device))
    {
    case LIBUSB_SPEED_LOW:
      return USB_LOW_SPEED;
    case LIBUSB_SPEED_FULL:
      return USB_FULL_SPEED;
    case LIBUSB_SPEED_HIGH:
      return USB_HIGH_SPEED;
    default:
      return USB_SUPER_SPEED;
    }
}

static bool
wrap (LibusbLink *self, GError **error)
{
  int result;

  libusb_set_option (NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
  result = libusb_init (&self->context);
  if (result == 0)
    {
      libusb_set_pollfd_notifiers (self->context, NULL, on_removed, self);
      result = libusb_wrap_sys_device (self->context, self->fd, &self->handle);
    }
  if (result == 0 && read_descriptors (self))
    {
      int configuration = 0;

      self->link.speed = speed_of (libusb_get_device (self->handle));
      libusb_get_configuration (self->handle, &configuration);
      self->link.configuration = (uint8_t)configuration;
      return true;
    }
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "What was opened is no USB device that can be used: %s",
               result == 0 ? "its descriptors make no sense" : libusb_strerror (result));
  return false;
}

typedef struct {
  int fd;
  uint32_t drivers;
  bool taken;
} Look;

static void
look (unsigned interface, void *data)
{
  Look *found = data;
  struct usbdevfs_getdriver driver = { .interface = interface };

  if (ioctl (found->fd, USBDEVFS_GETDRIVER, &driver) != 0)
    return;
  if (g_str_equal (driver.driver, "usbfs"))
    found->taken = true;
  else
    found->drivers |= UINT32_C (1) << interface;
}

static bool
take (LibusbLink *self, const char *guard, GError **error)
{
  Look found = { .fd = self->fd };

  usb_topology_each (&self->topology, self->link.configuration, look, &found);
  if (found.taken)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_BUSY,
        "Another program uses the USB device: close that, or detach the device from the other machine");
      return false;
    }
  self->guard = usb_guard_new (guard, self->fd, self->link.configuration, found.drivers, error);
  if (self->guard == NULL)
    return false;
  usb_topology_each (&self->topology, self->link.configuration, claim, self);
  return true;
}

UsbLink *
usb_link_open (int fd, const char *guard, GError **error)
{
  LibusbLink *self = g_new0 (LibusbLink, 1);

  self->link.ops = &ops;
  self->fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  if (self->fd < 0)
    {
      vmm_set_errno_error (error, errno, "The USB device can't be taken");
      g_free (self);
      return NULL;
    }
  if (wrap (self, error) && take (self, guard, error))
    return &self->link;
  free_link (&self->link);
  return NULL;
}
