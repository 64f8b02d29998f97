/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-link.h"

G_BEGIN_DECLS

/*
 * A place for a USB device of the host's. It is soldered to the board, so that what is saved of a machine
 * doesn't depend on what is plugged in: it knows which device it has, or had when the state was saved. To a
 * guest that goes on from a saved state the device was pulled out, and perhaps plugged in again: what it does
 * can't be turned back.
 *
 * Threading: the functions below: any thread but the loop's.
 */
#define USB_HOST_KEY_SIZE  32u
#define USB_HOST_ID_SIZE   128u
#define USB_HOST_NAME_SIZE 128u

/* Which device it is: UTF-8; what is too long for the sizes above is cut. */
typedef struct {
  const char *key;  /* where it is plugged in at the host; not "" */
  const char *id;   /* which one it is, as far as it says; "": unknown */
  const char *name; /* for people */
} UsbHostName;

typedef struct {
  UsbBus *bus;
} UsbHostConfig;

extern const UsbDeviceClass usb_host_class;

/* It was pulled out of the host; by now the place is free. On a thread of its own. */
typedef void (*UsbHostLostFunc) (const char *key, const char *name, void *data);
void usb_host_set_lost (Device *device, UsbHostLostFunc lost, void *data);

/* What it has, or waits for. (transfer full); NULL: nothing. */
char *usb_host_key (Device *device);
char *usb_host_id (Device *device);
char *usb_host_name (Device *device);
bool usb_host_is_plugged (Device *device);

/* Plugs in what @link (transfer full) leads to. False with VMM_ERROR_BUSY if the place, or all of the guest's
 * ports, are taken, VMM_ERROR_INVALID if the device says what can't be, in words that go on a sentence about
 * it; then @link is the caller's still. */
bool usb_host_plug (Device *device, UsbLink *link, const UsbHostName *name, GError **error);

/* Pulls it out of the guest. Blocks until nothing is under way. (transfer full): the link, NULL if there is
 * none or it broke. */
UsbLink *usb_host_unplug (Device *device);

/* What isn't there isn't waited for any more. */
void usb_host_forget (Device *device);

G_END_DECLS
