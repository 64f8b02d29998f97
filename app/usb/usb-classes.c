/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What kinds of devices there are. */
#include "app/usb/usb-private.h"

/* USB 2.0, tables 9-5, 9-8 and 9-12. */
#define DESCRIPTOR_DEVICE    1
#define DESCRIPTOR_INTERFACE 4
#define DEVICE_LENGTH        18
#define INTERFACE_LENGTH     9
#define MAX_CLASSES          64u

void
usb_add_class (GArray *classes, UsbClass class)
{
  for (guint i = 0; i < classes->len; i++)
    {
      const UsbClass *known = &g_array_index (classes, UsbClass, i);

      if (known->code == class.code && known->subclass == class.subclass && known->protocol == class.protocol)
        return;
    }
  if (classes->len < MAX_CLASSES)
    g_array_append_val (classes, class);
}

/* 0: each interface says it; 0xef: it has several functions. */
static bool
says_something (uint8_t device_class)
{
  return device_class != 0 && device_class != USB_CODE_MISCELLANEOUS;
}

void
usb_read_classes (const uint8_t *bytes, gsize length, GArray *classes)
{
  for (gsize at = 0; at + 2 <= length && bytes[at] >= 2 && bytes[at] <= length - at; at += bytes[at])
    {
      const uint8_t *descriptor = bytes + at;

      if (descriptor[1] == DESCRIPTOR_DEVICE && descriptor[0] >= DEVICE_LENGTH
          && says_something (descriptor[4]))
        usb_add_class (classes, (UsbClass){ descriptor[4], descriptor[5], descriptor[6] });
      else if (descriptor[1] == DESCRIPTOR_INTERFACE && descriptor[0] >= INTERFACE_LENGTH)
        usb_add_class (classes, (UsbClass){ descriptor[5], descriptor[6], descriptor[7] });
    }
}

/* --- their words --- */

/* The first that a device has says what it is: a headset also has keys, a camera a microphone. */
static const struct {
  uint8_t code;
  const char *name, *icon;
} kinds[] = {
  { USB_CODE_STORAGE, "mass-storage", "drive-removable-media-symbolic" },
  { USB_CODE_VIDEO, "video", "camera-web-symbolic" },
  { USB_CODE_PRINTER, "printer", "printer-symbolic" },
  { USB_CODE_IMAGE, "image", "camera-photo-symbolic" },
  { USB_CODE_AUDIO, "audio", "audio-card-symbolic" },
  { USB_CODE_SMART_CARD, "smart-card", "dialog-password-symbolic" },
  { USB_CODE_WIRELESS, "wireless", "network-wireless-symbolic" },
  { USB_CODE_COMMUNICATIONS, "communications", "network-wired-symbolic" },
  { USB_CODE_DATA, "communications", "network-wired-symbolic" },
  { USB_CODE_HID, "hid", "input-keyboard-symbolic" },
  { USB_CODE_VENDOR, "vendor", "drive-harddisk-usb-symbolic" },
};

const char *
usb_class_name (uint8_t code)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (kinds[i].code == code)
      return kinds[i].name;
  return NULL;
}

bool
host_usb_has_class (const HostUsb *usb, uint8_t code)
{
  for (guint i = 0; i < usb->classes->len; i++)
    if (g_array_index (usb->classes, UsbClass, i).code == code)
      return true;
  return false;
}

const char *
host_usb_kind (const HostUsb *usb)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (host_usb_has_class (usb, kinds[i].code))
      return kinds[i].name;
  return "other";
}

static bool
has_exactly (const HostUsb *usb, UsbClass wanted)
{
  for (guint i = 0; i < usb->classes->len; i++)
    {
      const UsbClass *class = &g_array_index (usb->classes, UsbClass, i);

      if (class->code == wanted.code && class->subclass == wanted.subclass
          && class->protocol == wanted.protocol)
        return true;
    }
  return false;
}

const char *
host_usb_icon (const HostUsb *usb)
{
  /* “Still Image Capture Device Definition”, as phones have it too; HID 1.11, sections 4.2 and 4.3;
   * “Bluetooth Core”, Vol 4, Part B. */
  const UsbClass adb = { USB_CODE_VENDOR, 0x42, 1 }, mouse = { USB_CODE_HID, 1, 2 },
                 keyboard = { USB_CODE_HID, 1, 1 }, bluetooth = { USB_CODE_WIRELESS, 1, 1 };

  if (has_exactly (usb, adb))
    return "phone-symbolic";
  if (has_exactly (usb, bluetooth))
    return "bluetooth-active-symbolic";
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (host_usb_has_class (usb, kinds[i].code))
      return kinds[i].code == USB_CODE_HID && has_exactly (usb, mouse) && !has_exactly (usb, keyboard)
               ? "input-mouse-symbolic"
               : kinds[i].icon;
  return "drive-harddisk-usb-symbolic";
}
