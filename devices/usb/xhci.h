/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "devices/usb/usb.h"

G_BEGIN_DECLS

/*
 * A USB host controller: xHCI (Extensible Host Controller Interface, revision 1.2) with sockets that take USB
 * 2 and USB 3 devices. It has no timer: it works when the guest rings, when a device has something to say,
 * and never else.
 */
#define XHCI_N_SOCKETS 15u /* more of one speed some drivers don't take */

typedef struct {
  PciPlace place;
} XhciConfig;

extern const DeviceClass xhci_class;

/* Where devices are plugged in: ports 1..XHCI_N_SOCKETS. (transfer none) */
UsbBus *xhci_bus (Device *xhci);

G_END_DECLS
