/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/usb/usb.h"

G_BEGIN_DECLS

/* What a device says that it has: configurations, interfaces and their settings, endpoints (Universal Serial
 * Bus Specification 2.0, section 9.6). It may lie: nothing is believed but what fits. */
#define USB_N_INTERFACES 32u

typedef struct {
  bool there;
  UsbKind kind;
  uint8_t interface;
  uint8_t stream_bits; /* bulk: it has 2^n streams; 0: none */
  uint16_t max_packet; /* bytes of a packet, or of a service interval of isochronous ones */
} UsbEndpoint;

typedef struct {
  const uint8_t *data; /* of the link */
  size_t size;
  uint8_t configuration;
  uint8_t settings[USB_N_INTERFACES]; /* by interface */
  UsbEndpoint endpoints[2][16];       /* [1]: IN; by number */
} UsbTopology;

/* @data: the device's descriptor and those of each configuration. False: it doesn't begin with a device's. */
bool usb_topology_init (UsbTopology *topology, const void *data, size_t size);
/* All interfaces have setting 0. 0, or one that there isn't: nothing has endpoints. */
void usb_topology_configure (UsbTopology *topology, unsigned configuration);
void usb_topology_set (UsbTopology *topology, unsigned interface, unsigned setting);
/* @address: with USB_IN. (nullable): there is no such endpoint as it is configured. */
const UsbEndpoint *usb_topology_find (const UsbTopology *topology, uint8_t address);

/* Calls @func with each interface's number in @configuration, once for each of its settings. */
void usb_topology_each (const UsbTopology *topology, unsigned configuration,
                        void (*func) (unsigned interface, void *data), void *data);

G_END_DECLS
