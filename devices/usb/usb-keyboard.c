/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-hid-private.h"

/* A keyboard that firmware knows without reading its report descriptor (boot protocol). */

#define REPORT_SIZE     8u
#define N_KEYS          6u
#define FIRST_MODIFIER  0xe0u
#define ERROR_ROLL_OVER 0x01

/* HID 1.11, appendices B.1 and E.6. */
static const uint8_t report_descriptor[] = {
  0x05, 0x01, 0x09, 0x06, 0xa1, 0x01, /* keyboard */
  0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02, /* modifiers
                                                                                                   */
  0x95, 0x01, 0x75, 0x08, 0x81, 0x01,                                     /* reserved */
  0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02, /* LEDs */
  0x95, 0x01, 0x75, 0x03, 0x91, 0x01,                                     /* padding */
  0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x26, 0xff, 0x00, 0x05, 0x07, 0x19, 0x00, 0x2a, 0xff, 0x00, 0x81,
  0x00, /* keys */
  0xc0,
};

static const uint8_t device_descriptor[] = {
  18, USB_DESCRIPTOR_DEVICE, 0x00, 0x02, 0, 0, 0, 64, 0xad, 0x15, 0x02, 0x00, 0x00, 0x01, 1, 2, 3, 1,
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
  3,    1,
  1,    0, /* boot interface, keyboard */
  9,    0x21,
  0x11, 0x01,
  0,    1,
  0x22, sizeof report_descriptor,
  0,    7,
  5,    0x81,
  3,    8,
  0,    7, /* each 8 ms */
};

static const char *const strings[] = { "Bonsai", "Keyboard", "1", NULL };

static void
compose (UsbHid *hid, uint8_t *report)
{
  unsigned n = 0;

  memset (report, 0, REPORT_SIZE);
  report[0] = hid->pressed[FIRST_MODIFIER / 8];
  for (unsigned usage = 4; usage < FIRST_MODIFIER; usage++)
    if (usb_hid_is_pressed (hid, usage))
      {
        if (n < N_KEYS)
          report[2 + n] = (uint8_t)usage;
        n++;
      }
  if (n > N_KEYS)
    memset (report + 2, ERROR_ROLL_OVER, N_KEYS);
}

static bool
is_held (const UsbHid *hid)
{
  for (unsigned i = 0; i < FIRST_MODIFIER / 8; i++)
    if (hid->pressed[i] != 0)
      return true;
  return false;
}

static void
set_report (UsbHid *hid, uint8_t leds)
{
  hid->leds = leds & 7;
  TRACE (hid, "leds", "leds=%u", hid->leds);
  if (hid->hub != NULL)
    input_hub_set_leds (hid->hub, hid->leds);
}

static void
sink_key (void *sink, KeyUsage usage, bool down)
{
  UsbHid *hid = sink;

  device_lock (&hid->usb.device);
  if (usb_hid_press (hid, usage, down))
    usb_hid_tell (hid, false);
  device_unlock (&hid->usb.device);
}

const HidKind usb_keyboard_kind = {
  .descriptors = { .device = device_descriptor,
                   .configuration = configuration,
                   .configuration_size = sizeof configuration,
                   .qualifier = qualifier,
                   .strings = strings },
  .report_descriptor = report_descriptor,
  .report_descriptor_size = sizeof report_descriptor,
  .report_size = REPORT_SIZE,
  .sink = { .key = sink_key },
  .compose = compose,
  .is_held = is_held,
  .set_report = set_report,
};
