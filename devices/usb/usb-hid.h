/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb.h"
#include "display/input/input.h"

G_BEGIN_DECLS

/*
 * A keyboard, and a pointer with absolute positions, five buttons and two wheels (Device Class Definition for
 * HID 1.11). They take the hub's input while a driver of the guest's asks for it, and leave it to older
 * devices otherwise.
 */
typedef enum { USB_HID_KEYBOARD, USB_HID_TABLET } UsbHidModel;

typedef struct {
  UsbPlace place;
  UsbHidModel model;
  InputHub *hub; /* (nullable) */
} UsbHidConfig;

extern const UsbDeviceClass usb_hid_class;

G_END_DECLS
