/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/usb/usb-hid.h"
#include "devices/usb/usb-storage.h"
#include "devices/usb/xhci.h"

G_STATIC_ASSERT (PC_USB_FIRST_DRIVE + PC_N_USB_DRIVES + PC_N_USB_HOSTS <= XHCI_N_SOCKETS + 1);

bool
pc_add_usb_controller (Pc *pc, GError **error)
{
  const XhciConfig config = { .place = pc_place (pc, PC_SLOT_USB, 0) };

  if (!pc->spec->usb && !machine_spec_has_bus (pc->spec, DISK_BUS_USB))
    return true;
  pc->xhci = board_add (pc->board, &xhci_class, NULL, &config, error);
  return pc->xhci != NULL;
}

/* The hub prefers the newest whose driver is there: those of virtio, which cost the guest less, come after
 * these. There is no keyboard unless it is asked for: what the firmware drives has the keys, also those meant
 * for a system that was started since and has no driver. */
static bool
add_input (Pc *pc, GError **error)
{
  UsbHidConfig hid = { .model = USB_HID_TABLET, .hub = pc->input };

  hid.place = (UsbPlace){ xhci_bus (pc->xhci), PC_USB_TABLET };
  if (!board_add (pc->board, &usb_hid_class.device, "usb-tablet", &hid, error))
    return false;
  hid.place.port = PC_USB_KEYBOARD;
  hid.model = USB_HID_KEYBOARD;
  return !pc->spec->usb_keyboard || board_add (pc->board, &usb_hid_class.device, "usb-keyboard", &hid, error);
}

bool
pc_add_usb (Pc *pc, GError **error)
{
  if (pc->spec->usb && !add_input (pc, error))
    return false;
  return pc->xhci == NULL || pc_add_usb_hosts (pc, xhci_bus (pc->xhci), error);
}

Device *
pc_add_usb_drive (Pc *pc, const DiskSpec *disk, const ScsiUnitConfig *unit, unsigned place, GError **error)
{
  g_autofree char *name = g_strdup_printf ("usb-%s", disk->id);
  const UsbStorageConfig config = {
    .place = { xhci_bus (pc->xhci), PC_USB_FIRST_DRIVE + place },
    .speed = USB_SUPER_SPEED,
    .unit = *unit,
  };

  return board_add (pc->board, &usb_storage_class.device, name, &config, error);
}
