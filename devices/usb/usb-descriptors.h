/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb.h"

G_BEGIN_DECLS

/*
 * Standard requests (USB 2.0, section 9.4), answered from what a device says of itself. Descriptors are given
 * as the wire has them.
 */
typedef struct {
  const uint8_t *device; /* 18 bytes */
  const uint8_t *configuration;
  size_t configuration_size; /* with all that belongs to it: wTotalLength */
  const uint8_t *qualifier;  /* (nullable): 10 bytes, of high-speed devices */
  const uint8_t *bos;        /* (nullable): of USB 2.1 and later */
  size_t bos_size;
  const char *const *strings; /* from number 1; NULL at the end */
  unsigned n_alternates;      /* of interface 0, beyond its first setting */
} UsbDescriptors;

enum {
  USB_GET_STATUS = 0,
  USB_CLEAR_FEATURE = 1,
  USB_SET_FEATURE = 3,
  USB_SET_ADDRESS = 5,
  USB_GET_DESCRIPTOR = 6,
  USB_SET_DESCRIPTOR = 7,
  USB_GET_CONFIGURATION = 8,
  USB_SET_CONFIGURATION = 9,
  USB_GET_INTERFACE = 10,
  USB_SET_INTERFACE = 11,
  USB_SET_SEL = 48,
  USB_SET_ISOCH_DELAY = 49,

  USB_DESCRIPTOR_DEVICE = 1,
  USB_DESCRIPTOR_CONFIGURATION = 2,
  USB_DESCRIPTOR_STRING = 3,
  USB_DESCRIPTOR_QUALIFIER = 6,
  USB_DESCRIPTOR_INTERFACE = 4,
  USB_DESCRIPTOR_ENDPOINT = 5,
  USB_DESCRIPTOR_BOS = 15,
  USB_DESCRIPTOR_COMPANION = 48,

  USB_FEATURE_HALT = 0,
  USB_FEATURE_REMOTE_WAKEUP = 1,
  USB_FEATURE_FUNCTION_SUSPEND = 0, /* of interfaces */
  USB_FEATURE_U1 = 48,
  USB_FEATURE_U2 = 49,

  USB_TYPE_CLASS = 0x20,
  USB_TO_INTERFACE = 0x01,
  USB_TO_ENDPOINT = 0x02,
};

/* bmRequestType and bRequest as one number. */
#define USB_REQUEST(type, request) ((unsigned)(type) << 8 | (request))

/* Answers @transfer of endpoint 0 if it is a standard request that needs no more than @descriptors. False: it
 * is left to the caller. */
bool usb_standard_request (UsbDevice *usb, UsbTransfer *transfer, const UsbDescriptors *descriptors);

G_END_DECLS
