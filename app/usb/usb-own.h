/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Devices that are a machine's, or were when they were pulled out, or when its state was saved: what a
 * UsbFollower remembers. Threading: none; plain values. */
typedef struct {
  char *identity; /* as host_usb_identity; "": of an old saved state, which knows port and name only */
  char *port, *name;
  bool is_here;
} UsbOwn;

/* Of UsbOwn. (transfer full) */
GPtrArray *usb_own_new (void);

/* What is at @port; or, if nothing is, what was. (nullable) */
UsbOwn *usb_own_find (const GPtrArray *all, const char *port);
/* The one that isn't here and that @usb is. (nullable) */
UsbOwn *usb_own_find_wanted (const GPtrArray *all, const HostUsb *usb);
bool usb_own_is (const UsbOwn *own, const HostUsb *usb);

/* It is here, at @port, and may have been wanted at another one. @usb: (nullable): what is known of it. */
void usb_own_take (GPtrArray *all, const char *port, const HostUsb *usb, const char *name);
/* It isn't here, and is wanted. */
const UsbOwn *usb_own_want (GPtrArray *all, const char *port, const char *identity, const char *name);
/* Says that a saved state had it, and what helps. */
void usb_own_set_absent_error (const UsbOwn *own, GError **error);

G_END_DECLS
