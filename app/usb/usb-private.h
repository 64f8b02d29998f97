/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/usb/host-usb.h"

G_BEGIN_DECLS

/* Between the files of this folder. */

/* What a device says, as it may be shown and compared: (transfer full), or NULL if nothing is left. @bytes:
 * any. */
char *usb_clean_text (const char *bytes, gsize length);

/* What the hardware database calls it; each (out) (transfer full) (nullable). */
void usb_look_up_names (uint16_t vendor, uint16_t product, char **vendor_name, char **product_name);

/* The classes in a device descriptor and what follows it (USB 2.0, section 9.6), any bytes, are added to
 * @classes (of UsbClass). */
void usb_read_classes (const uint8_t *bytes, gsize length, GArray *classes);
void usb_add_class (GArray *classes, UsbClass class);

/* What the host would lose with each of @devices (of HostUsb). */
void usb_find_sole (const char *root, GPtrArray *devices);

/* Opens its node as root, which an administrator has to allow. As usb_open. */
int usb_open_by_polkit (const HostUsb *usb, GError **error);

G_END_DECLS
