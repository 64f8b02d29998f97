/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-guard.h"
#include "devices/usb/usb-link.h"
#include "devices/usb/usb-topology.h"

#include <libusb.h>

G_BEGIN_DECLS

/* Between usb-link-libusb.c, a link's life and what takes time, and usb-link-transfer.c. */
#define LIBUSB_LINK_N_WATCHES 4u

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
  Watch watches[LIBUSB_LINK_N_WATCHES];
  bool lost;
} LibusbLink;

/* Negative, or 0: of what libusb returns. */
int usb_link_errno (int result);

/* usb-link-transfer.c: of UsbLinkOps. */
void usb_link_watch (UsbLink *link, Device *device);
void usb_link_handle (UsbLink *link, unsigned timeout_ms);
int usb_link_submit (UsbLink *link, UsbUrb *urb);
void usb_link_cancel (UsbLink *link, UsbUrb *urb);
/* Of a device that was pulled out libusb wants to hear no more. @data: LibusbLink. */
void LIBUSB_CALL usb_link_removed (int fd, void *data);

G_END_DECLS
