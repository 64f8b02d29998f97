/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-descriptors.h"
#include "devices/usb/usb-hid.h"
#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/* What keyboard and tablet share: reports that wait for the guest to ask, and the requests of the class. */
#define HID_REPORT_MAX 8u
#define HID_N_WAITING  32u

typedef struct UsbHid UsbHid;

typedef struct {
  UsbDescriptors descriptors;
  const uint8_t *report_descriptor;
  size_t report_descriptor_size;
  size_t report_size;
  InputSinkOps sink;
  /* The present state as a report; what is relative in it is taken. */
  void (*compose) (UsbHid *hid, uint8_t *report);
  bool (*is_held) (const UsbHid *hid); /* (nullable): whether it is to be said again and again (SET_IDLE) */
  void (*set_report) (UsbHid *hid, uint8_t value); /* (nullable) */
} HidKind;

struct UsbHid {
  UsbDevice usb;
  const HidKind *kind;
  InputHub *hub;
  InputSink *sink;
  uint8_t idle;     /* in 4 ms; 0: only changes are told. Section 7.2.4 */
  uint8_t protocol; /* section 7.2.6: 0 boot, 1 report */
  uint8_t leds;

  uint8_t pressed[32]; /* keys, by usage; or buttons */
  uint16_t x, y;
  int16_t wheel, pan; /* not told yet */
  uint8_t n_waiting;
  uint8_t waiting[HID_N_WAITING * HID_REPORT_MAX];
  bool ends_with_position; /* the last of what waits says nothing else: the next takes its place */

  /* Not saved. */
  LoopTimer *timer;
  GQueue asked; /* of UsbTransfer */
};

extern const HidKind usb_keyboard_kind, usb_tablet_kind;

/* Tells the present state; @position: nothing but where the pointer is has changed. */
void usb_hid_tell (UsbHid *hid, bool position);

static inline bool
usb_hid_is_pressed (const UsbHid *hid, unsigned key)
{
  return hid->pressed[key / 8] >> key % 8 & 1;
}

/* False: it was so. */
bool usb_hid_press (UsbHid *hid, unsigned key, bool down);

G_END_DECLS
