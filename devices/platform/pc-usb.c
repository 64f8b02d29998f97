/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/usb/usb-hid.h"
#include "devices/usb/xhci.h"

/* The hub prefers the newest whose driver is there: those of virtio, which cost the guest less, come after
 * these. */
bool
pc_add_usb (Pc *pc, GError **error)
{
  const XhciConfig config = { .place = pc_place (pc, PC_SLOT_USB, 0) };
  Device *xhci = pc->spec->usb ? board_add (pc->board, &xhci_class, NULL, &config, error) : NULL;
  UsbHidConfig hid = { .model = USB_HID_TABLET, .hub = pc->input };

  if (xhci == NULL)
    return !pc->spec->usb;
  hid.place = (UsbPlace){ xhci_bus (xhci), 1 };
  if (!board_add (pc->board, &usb_hid_class.device, "usb-tablet", &hid, error))
    return false;
  hid.place.port = 2;
  hid.model = USB_HID_KEYBOARD;
  if (!board_add (pc->board, &usb_hid_class.device, "usb-keyboard", &hid, error))
    return false;
  return pc_add_usb_hosts (pc, hid.place.bus, error);
}
