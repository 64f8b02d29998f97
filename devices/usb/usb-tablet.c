/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-hid-private.h"

/* A pointer that is where it is pointed at. */

#define REPORT_SIZE 7u

/* HID 1.11, section 6.2.2; HID Usage Tables 1.4: five buttons, X, Y, wheel, AC Pan. */
static const uint8_t report_descriptor[] = {
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00, /* mouse, pointer */
  0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01,
  0x95, 0x05, 0x75, 0x01, 0x81, 0x02, /* buttons */
  0x95, 0x01, 0x75, 0x03, 0x81, 0x01, /* padding */
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x00, 0x26, 0xff,
  0x7f, 0x35, 0x00, 0x46, 0xff, 0x7f, /* X and Y */
  0x75, 0x10, 0x95, 0x02, 0x81, 0x02, /* absolute */
  0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0x00, 0x45, 0x00,
  0x75, 0x08, 0x95, 0x01, 0x81, 0x06,                   /* wheel */
  0x05, 0x0c, 0x0a, 0x38, 0x02, 0x95, 0x01, 0x81, 0x06, /* AC Pan */
  0xc0, 0xc0,
};

static const uint8_t device_descriptor[] = {
  18, USB_DESCRIPTOR_DEVICE, 0x00, 0x02, 0, 0, 0, 64, 0xad, 0x15, 0x01, 0x00, 0x00, 0x01, 1, 2, 3, 1,
};

static const uint8_t qualifier[] = { 10, USB_DESCRIPTOR_QUALIFIER, 0x00, 0x02, 0, 0, 0, 64, 1, 0 };

static const uint8_t configuration[] = {
  9,    USB_DESCRIPTOR_CONFIGURATION,
  34,   0,
  1,    1,
  0,    0xa0 /* bus-powered, wakes */,
  50,   9,
  4,    0,
  0,    1,
  3,    0,
  0,    0,
  9,    0x21,
  0x11, 0x01,
  0,    1,
  0x22, sizeof report_descriptor,
  0,    7,
  5,    0x81,
  3,    8,
  0,    4, /* each millisecond */
};

static const char *const strings[] = { "Bonsai", "Tablet", "1", NULL };

/* --- input --- */

static void
compose (UsbHid *hid, uint8_t *report)
{
  int wheel = CLAMP (hid->wheel, -127, 127), pan = CLAMP (hid->pan, -127, 127);

  report[0] = hid->pressed[0] & 0x1f;
  store_le16 (report + 1, hid->x);
  store_le16 (report + 3, hid->y);
  report[5] = (uint8_t)wheel;
  report[6] = (uint8_t)pan;
  hid->wheel = hid->pan = 0;
}

static void
sink_position (void *sink, unsigned x, unsigned y)
{
  UsbHid *hid = sink;

  device_lock (&hid->usb.device);
  hid->x = (uint16_t)MIN (x, POINTER_POSITION_MAX);
  hid->y = (uint16_t)MIN (y, POINTER_POSITION_MAX);
  usb_hid_tell (hid, true);
  device_unlock (&hid->usb.device);
}

static void
sink_button (void *sink, PointerButton button, bool down)
{
  UsbHid *hid = sink;

  device_lock (&hid->usb.device);
  if (usb_hid_press (hid, button, down))
    usb_hid_tell (hid, false);
  device_unlock (&hid->usb.device);
}

static void
sink_wheel (void *sink, int horizontal, int vertical)
{
  UsbHid *hid = sink;

  device_lock (&hid->usb.device);
  hid->wheel = (int16_t)CLAMP (hid->wheel + vertical, -127, 127);
  hid->pan = (int16_t)CLAMP (hid->pan + horizontal, -127, 127);
  usb_hid_tell (hid, false);
  device_unlock (&hid->usb.device);
}

const HidKind usb_tablet_kind = {
  .descriptors = { .device = device_descriptor,
                   .configuration = configuration,
                   .configuration_size = sizeof configuration,
                   .qualifier = qualifier,
                   .strings = strings },
  .report_descriptor = report_descriptor,
  .report_descriptor_size = sizeof report_descriptor,
  .report_size = REPORT_SIZE,
  .sink = { .position = sink_position, .button = sink_button, .wheel = sink_wheel },
  .compose = compose,
};
