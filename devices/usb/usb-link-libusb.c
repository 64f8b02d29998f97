/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-link-private.h"

#include "vmm/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* libusb on a descriptor that is open already: it looks for no devices, and has no thread. */

#define DESCRIPTORS_MAX 65536u
#define STREAM_BITS_MAX 6u /* as XHCI_MAX_STREAMS has it */

int
usb_link_errno (int result)
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
  result = usb_link_errno (libusb_set_configuration (self->handle, value == 0 ? -1 : (int)value));
  usb_topology_each (&self->topology, value, claim, self);
  usb_topology_configure (&self->topology, value);
  if (result == 0)
    open_streams (self);
  return result;
}

static int
set_interface (UsbLink *link, unsigned interface, unsigned setting)
{
  return usb_link_errno (
    libusb_set_interface_alt_setting (((LibusbLink *)link)->handle, (int)interface, (int)setting));
}

static int
clear_halt (UsbLink *link, uint8_t endpoint)
{
  int result = usb_link_errno (libusb_clear_halt (((LibusbLink *)link)->handle, endpoint));

  return result == -ENODEV && !((LibusbLink *)link)->lost ? -EPIPE : result;
}

/* One whose rights to do that were dropped, as by a portal, goes without. */
static int
reset (UsbLink *link)
{
  int result = usb_link_errno (libusb_reset_device (((LibusbLink *)link)->handle));

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
  .watch = usb_link_watch,
  .handle = usb_link_handle,
  .submit = usb_link_submit,
  .cancel = usb_link_cancel,
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
      libusb_set_pollfd_notifiers (self->context, NULL, usb_link_removed, self);
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
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "it is no USB device that can be used (%s); plug it in again, or at another port",
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
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "another program uses it; close that, or detach the device from the other machine");
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
      vmm_set_errno_error (error, errno, "no descriptor is left for it");
      g_free (self);
      return NULL;
    }
  if (wrap (self, error) && take (self, guard, error))
    return &self->link;
  free_link (&self->link);
  return NULL;
}
