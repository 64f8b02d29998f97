/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb.h"

G_BEGIN_DECLS

/*
 * The way to a USB device of the host's: libusb's (usb-link-libusb.c), or in tests one that is made up.
 *
 * Threading: submit, cancel, watch and handle are called with the user's device locked, and so are the
 * callbacks. The functions that block are called without, by one thread at a time. Errors are negative errno
 * values.
 */
typedef struct UsbLink UsbLink;
typedef struct UsbUrb UsbUrb;

/* A part of an isochronous transfer: they follow each other in the buffer by their lengths. */
typedef struct {
  unsigned length, actual; /* bytes */
  UsbStatus status;
} UsbPacket;

/* A transfer as the host has it. Its memory is its own: a guest's may be gone before it is done. */
struct UsbUrb {
  UsbKind kind;
  uint8_t endpoint; /* address */
  uint16_t stream;
  uint8_t *buffer; /* control: the setup packet comes first */
  size_t length;   /* of what is behind the setup packet, or of all */
  size_t actual;
  UsbStatus status;
  UsbPacket *packets; /* isochronous */
  unsigned n_packets;
  void (*done) (UsbUrb *urb);
  void *data;
  UsbLink *link; /* this and the next: the link's */
  void *host;
};

typedef struct {
  /* From now on urbs are done on the loop of @device, which has the lock; NULL: nothing is, as nothing is
   * under way. */
  void (*watch) (UsbLink *link, Device *device);
  /* Waits, at most @timeout_ms, until something is done, without a loop. */
  void (*handle) (UsbLink *link, unsigned timeout_ms);
  /* -ENOMEM: too much is under way. -ENODEV: it was pulled out. */
  int (*submit) (UsbLink *link, UsbUrb *urb);
  /* It will be done, soon. */
  void (*cancel) (UsbLink *link, UsbUrb *urb);

  /* These block. */
  int (*reset) (UsbLink *link);                             /* -ENODEV: it isn't what it was */
  int (*set_configuration) (UsbLink *link, unsigned value); /* 0: none */
  int (*set_interface) (UsbLink *link, unsigned interface, unsigned setting);
  int (*clear_halt) (UsbLink *link, uint8_t endpoint);
  void (*free) (UsbLink *link); /* the host has it again. Nothing is under way, nobody watches */
} UsbLinkOps;

struct UsbLink {
  const UsbLinkOps *ops;
  UsbSpeed speed;
  uint8_t
    *descriptors; /* the device's, then those of each configuration; as the device has them: it may lie */
  size_t descriptors_size;
  uint8_t configuration;     /* as it was found */
  void (*gone) (void *data); /* it was pulled out of the host; the user's */
  void *data;                /* the user's */
};

/**
 * usb_link_open:
 * @fd: the device's node in /dev/bus/usb, the caller's
 * @guard: the program bonsai-usb-guard, which gives the device back to the host's drivers whatever becomes of
 * this process
 *
 * Takes a device from the host's drivers. Blocks. Errors go on a sentence about the device. Returns:
 * (transfer full): or NULL with VMM_ERROR_BUSY if another program has it, VMM_ERROR_PERMISSION,
 * VMM_ERROR_INVALID if it is no USB device.
 */
UsbLink *usb_link_open (int fd, const char *guard, GError **error);

static inline void
usb_link_free (UsbLink *link)
{
  link->ops->free (link);
}

G_END_DECLS
