/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

/* A computer's /sys and /dev with USB devices, made below a folder of a test's: as BONSAI_USB_ROOT. */

typedef struct {
  const char *port;
  unsigned bus, number;
  const char *id;                              /* "046d:c52b" */
  const char *manufacturer, *product, *serial; /* (nullable) */
  uint8_t device_class;
  const uint8_t (*interfaces)[3]; /* class, subclass, protocol; 0 ends; (nullable) */
  const char *driver;             /* (nullable): of all interfaces */
  const char *input;              /* (nullable): "keyboard" or "mouse" */
} UsbTreeDevice;

void usb_tree_plug (const char *root, const UsbTreeDevice *device);
void usb_tree_unplug (const char *root, const char *port);
/* A keyboard that isn't a USB device, or a mouse. */
void usb_tree_add_input (const char *root, const char *folder, const char *kind);
