/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/base/iov.h"
#include "vmm/device/device.h"

#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * What is plugged into a USB port, and what a host controller asks of it (Universal Serial Bus
 * Specification 2.0, chapters 5 and 9; 3.2 where it goes faster).
 *
 * A USB device is a Device whose struct begins with a UsbDevice. It shares its controller's lock: all calls
 * between the two are made with it held. Its config struct begins with a UsbPlace, its class's realize calls
 * usb_realize.
 *
 * Transfers: the controller submits one at a time or several for an endpoint; each is completed once, in
 * their order for an endpoint, by usb_transfer_done: at once or whenever there is something to say. An IN
 * endpoint of an idle device simply keeps what it was given: nothing polls.
 */
typedef struct UsbDevice UsbDevice;
typedef struct UsbTransfer UsbTransfer;
typedef struct UsbDeviceClass UsbDeviceClass;
typedef struct UsbBus UsbBus;

/* In the order of xHCI's default speed IDs (xHCI 1.2, table 7-13). */
typedef enum { USB_FULL_SPEED = 1, USB_LOW_SPEED, USB_HIGH_SPEED, USB_SUPER_SPEED } UsbSpeed;

typedef enum { USB_CONTROL, USB_ISOCHRONOUS, USB_BULK, USB_INTERRUPT } UsbKind;

typedef enum {
  USB_OK,
  USB_STALL,     /* the endpoint is halted, or the request isn't known */
  USB_BABBLE,    /* the device sent more than was asked for */
  USB_ERROR,     /* no proper answer */
  USB_NO_MEMORY, /* the guest named none for the data */
  USB_MISSED,    /* isochronous: there was no time for it */
  USB_CANCELLED, /* taken back by the controller */
} UsbStatus;

#define USB_IN 0x80u /* of an endpoint's address, and of bmRequestType */

/* Section 9.3. */
typedef struct {
  uint8_t type, request;
  uint16_t value, index, length;
} UsbSetup;

struct UsbTransfer {
  uint8_t endpoint;        /* address: number, and USB_IN; 0 for control transfers of either direction */
  UsbSetup setup;          /* of endpoint 0 */
  uint16_t stream;         /* 0: none */
  size_t length;           /* bytes that the host offers or asks for */
  size_t actual;           /* set by the device: bytes that were moved, at most @length */
  const struct iovec *iov; /* usb_transfer_map */
  unsigned n_iov;
  UsbStatus status;
  bool (*map) (UsbTransfer *transfer);  /* the controller's */
  void (*done) (UsbTransfer *transfer); /* the controller's */
  void *data;                           /* the device's while it has it */
  GList link;                           /* the device's */
};

/* Who has ports. */
typedef struct {
  Device *(*get_device) (UsbBus *bus);
  /* A device came or went at @port, or wants to wake the host (remote wakeup). */
  void (*attached) (UsbBus *bus, unsigned port, UsbDevice *device);
  void (*detached) (UsbBus *bus, unsigned port, UsbDevice *device);
  void (*wake) (UsbBus *bus, unsigned port, UsbDevice *device);
  /* A port that nothing is plugged into, or 0. */
  unsigned (*find_free) (UsbBus *bus);
} UsbBusOps;

struct UsbBus {
  const UsbBusOps *ops;
};

/* First member of every USB device's config struct. */
typedef struct {
  UsbBus *bus;
  unsigned port; /* from 1 */
} UsbPlace;

struct UsbDeviceClass {
  DeviceClass device;
  /* Bus reset: unconfigured, address 0. Nothing is pending. May be NULL. */
  void (*bus_reset) (UsbDevice *usb);
  void (*submit) (UsbDevice *usb, UsbTransfer *transfer);
  /* For now that was all for this endpoint. May be NULL. */
  void (*flush) (UsbDevice *usb, uint8_t endpoint);
  /* Another configuration, or another setting of its interface, was chosen: its endpoints are as new. May be
   * NULL. */
  void (*configured) (UsbDevice *usb);
  /* Takes back a transfer that was submitted and isn't done: it is done with USB_CANCELLED before this
   * returns. */
  void (*cancel) (UsbDevice *usb, UsbTransfer *transfer);
};

struct UsbDevice {
  Device device;
  UsbBus *bus;
  unsigned port;
  UsbSpeed speed;
  uint8_t configuration; /* 0: not configured */
  uint8_t alternate;     /* which setting of interface 0 */
  bool remote_wakeup;    /* the host allows it */
  bool suspended;
};

/* Of a device that is plugged in later: the bus's lock is its own from now on. In its realize. */
void usb_join (UsbDevice *usb, UsbBus *bus);
/* Plugs it in at any port, and pulls it out. With the lock held. False: all ports are taken. */
bool usb_plug (UsbDevice *usb, UsbSpeed speed);
void usb_unplug (UsbDevice *usb);

/* Plugs it in. The bus's lock is its own from then on. */
bool usb_realize (UsbDevice *usb, const UsbPlace *place, UsbSpeed speed, GError **error);
void usb_unrealize (UsbDevice *usb);

static inline const UsbDeviceClass *
usb_class (const UsbDevice *usb)
{
  return (const UsbDeviceClass *)usb->device.klass;
}

/* Finds the guest's memory for the data, @iov, which is to be read or written once, and soon: while it waits
 * a transfer is best left unmapped. False: there is none; end it with USB_NO_MEMORY. */
bool usb_transfer_map (UsbTransfer *transfer);

/* The device is done with @transfer; may free or submit it again at once. */
void usb_transfer_done (UsbTransfer *transfer, UsbStatus status, size_t actual);
/* The same, after giving it what fits of @data: a longer answer is cut as the host asked (section 9.3.5). */
void usb_transfer_answer (UsbTransfer *transfer, const void *data, size_t size);

extern const StateTable usb_device_state; /* STATE_STRUCT (MyDevice, usb, &usb_device_state, 1) */

G_END_DECLS
