/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb-link.h"

G_BEGIN_DECLS

/*
 * FakeUsbLink: a USB device of the host's, made up. It notes what it is asked, and answers when it is told
 * to, or by itself.
 *
 * Threading: as UsbLink says; what it has noted is read where the device that has it is at rest.
 */
typedef struct {
  UsbLink link; /* first */
  Device *device;
  GQueue urbs; /* submitted, in order */
  GQueue over; /* cancelled ones, until the loop comes by */
  int submit_result;
  unsigned n_resets, configuration, interface, setting, n_cancelled, n_answers;
  uint8_t cleared;
  bool watched, *told_freed;
  bool answers; /* by itself, badly as often as not, and after a while it is pulled out */
  int freed;    /* atomic: it is only there for calls that come late */
} FakeUsbLink;

#define FAKE_USB_DESCRIPTORS 66u

/* Two bulk endpoints, 0x81 and 2, and in the second setting an isochronous one of 192 bytes, 0x83. */
extern const uint8_t fake_usb_descriptors[FAKE_USB_DESCRIPTORS];

/* For @device, a usb-host. @told_freed becomes true when it is freed. */
FakeUsbLink *fake_usb_link_new (Device *device, bool *told_freed);

/* The oldest transfer is done. @data: (nullable): what it reads, @actual bytes. */
void fake_usb_link_complete (FakeUsbLink *fake, UsbStatus status, const void *data, size_t actual);

G_END_DECLS
