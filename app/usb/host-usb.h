/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * The USB devices that are plugged into this computer, as the kernel tells of them in /sys; hubs are none.
 *
 * What a device says of itself is anybody's: texts are cut to USB_TEXT_MAX characters, and are UTF-8 without
 * any that control or turn around what is shown. Threading: any; plain values. Reading blocks briefly.
 */

#define USB_TEXT_MAX     80u
#define USB_IDENTITY_MAX 128u

/* USB class codes (usb.org, “Defined Class Codes”). */
enum {
  USB_CODE_AUDIO = 0x01,
  USB_CODE_COMMUNICATIONS = 0x02,
  USB_CODE_HID = 0x03,
  USB_CODE_IMAGE = 0x06,
  USB_CODE_PRINTER = 0x07,
  USB_CODE_STORAGE = 0x08,
  USB_CODE_HUB = 0x09,
  USB_CODE_DATA = 0x0a,
  USB_CODE_SMART_CARD = 0x0b,
  USB_CODE_VIDEO = 0x0e,
  USB_CODE_WIRELESS = 0xe0,
  USB_CODE_MISCELLANEOUS = 0xef,
  USB_CODE_VENDOR = 0xff,
};

typedef struct {
  uint8_t code, subclass, protocol;
} UsbClass;

/* What the host would lose with a device. */
typedef enum {
  USB_SOLE_NONE,
  USB_SOLE_KEYBOARD, /* its only keyboard */
  USB_SOLE_MOUSE,    /* its only mouse, touchpad or touch screen */
} UsbSole;

typedef struct {
  char *port; /* "1-2.3": where it is plugged in: bus 1, the hub's port 2, that one's port 3 */
  unsigned bus, number;
  uint16_t vendor, product;
  char *vendor_name, *product_name; /* its own words, or those of the hardware database; never NULL */
  char *serial;                     /* (nullable) */
  double speed;                     /* Mbit/s; 0: unknown */
  GArray *classes; /* of UsbClass: its own, and of the interfaces of all its configurations; none twice */
  GStrv drivers;   /* of the kernel, which hold its interfaces now; never NULL */
  char *node;      /* /dev/bus/usb/001/004 */
  bool accessible; /* this user may open it */
  UsbSole sole;
} HostUsb;

/* The folder below which /sys and /dev are looked for: $BONSAI_USB_ROOT, or "": the host's own. */
const char *host_usb_root (void);

/* What is plugged in (element-type HostUsb), by bus and port. @root: as host_usb_root. (transfer full) */
GPtrArray *host_usb_list (const char *root);
/* The one at @port, or NULL. (transfer full) */
HostUsb *host_usb_read (const char *root, const char *port);

HostUsb *host_usb_copy (const HostUsb *usb);
void host_usb_free (HostUsb *usb);

/* Whether @fd is the device's node. */
bool host_usb_is_open_as (const HostUsb *usb, int fd);

/* "Logitech USB Receiver". (transfer full) */
char *host_usb_label (const HostUsb *usb);
/* "046d:c52b". (transfer full) */
char *host_usb_id (const HostUsb *usb);
/* Which piece it is, as far as it can be told, below USB_IDENTITY_MAX bytes: "0951:1666:60A44C4251", wherever
 * it is plugged in; without a serial number its port says it: "1234:5678@1-3". (transfer full) */
char *host_usb_identity (const HostUsb *usb);
/* "046d:c52b" → its numbers. */
bool host_usb_parse_id (const char *text, uint16_t *vendor, uint16_t *product);
/* Whether @text has the form of a port: "1-2.3". */
bool host_usb_is_port (const char *text);

/* What it is, in one word of permissions and --json: "mass-storage", "audio", …; "other". */
const char *host_usb_kind (const HostUsb *usb);
/* The name of such an icon. */
const char *host_usb_icon (const HostUsb *usb);
bool host_usb_has_class (const HostUsb *usb, uint8_t code);

/* The word for a class, or NULL: it has none. */
const char *usb_class_name (uint8_t code);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HostUsb, host_usb_free)

G_END_DECLS
