/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/usb-topology.h"

#include "devices/usb/usb-descriptors.h"

#include "vmm/base/bytes.h"

#define DEVICE_SIZE        18u
#define CONFIGURATION_SIZE 9u

enum {
  DESCRIPTOR_INTERFACE = 4,
  DESCRIPTOR_ENDPOINT = 5,
  DESCRIPTOR_COMPANION = 48, /* of a fast endpoint: USB 3.2, section 9.6.7 */
};

typedef struct {
  const uint8_t *data;
  size_t size;
} Part;

/* The next descriptor of @rest. False: there is none that fits. */
static bool
take (Part *rest, Part *descriptor)
{
  if (rest->size < 2 || rest->data[0] < 2 || rest->data[0] > rest->size)
    return false;
  *descriptor = (Part){ rest->data, rest->data[0] };
  rest->data += descriptor->size;
  rest->size -= descriptor->size;
  return true;
}

/* What belongs to the configuration of that value, without its own descriptor. */
static bool
find_configuration (const UsbTopology *topology, unsigned value, Part *content)
{
  Part rest;

  if (topology->size < DEVICE_SIZE)
    return false;
  rest = (Part){ topology->data + DEVICE_SIZE, topology->size - DEVICE_SIZE };
  while (rest.size >= CONFIGURATION_SIZE && rest.data[1] == USB_DESCRIPTOR_CONFIGURATION)
    {
      size_t total = MIN (load_le16 (rest.data + 2), rest.size);

      if (rest.data[0] < CONFIGURATION_SIZE || total < rest.data[0])
        return false;
      if (rest.data[5] == value)
        {
          *content = (Part){ rest.data + rest.data[0], total - rest.data[0] };
          return true;
        }
      rest.data += total;
      rest.size -= total;
    }
  return false;
}

bool
usb_topology_init (UsbTopology *topology, const void *data, size_t size)
{
  const uint8_t *bytes = data;

  *topology = (UsbTopology){ .data = data, .size = size };
  return size >= DEVICE_SIZE && bytes[0] == DEVICE_SIZE && bytes[1] == USB_DESCRIPTOR_DEVICE;
}

/* Section 9.6.6; bits 11 and 12: further packets of a microframe. */
static void
note_endpoint (UsbTopology *topology, unsigned interface, const uint8_t *descriptor)
{
  unsigned packet = load_le16 (descriptor + 4);
  UsbEndpoint *endpoint = &topology->endpoints[descriptor[2] >> 7][descriptor[2] & 15];

  *endpoint = (UsbEndpoint){ .there = true,
                             .kind = descriptor[3] & 3,
                             .interface = (uint8_t)interface,
                             .max_packet = (uint16_t)((packet & 0x7ff) * ((packet >> 11 & 3) + 1)) };
}

static void
note_companion (UsbEndpoint *endpoint, const uint8_t *descriptor)
{
  if (endpoint->kind == USB_BULK)
    endpoint->stream_bits = descriptor[3] & 31;
  if (endpoint->kind == USB_ISOCHRONOUS)
    endpoint->max_packet = MAX (endpoint->max_packet, load_le16 (descriptor + 4));
}

static void
find_endpoints (UsbTopology *topology)
{
  Part rest, descriptor;
  bool current = false;
  unsigned interface = 0;
  UsbEndpoint *last = NULL;

  memset (topology->endpoints, 0, sizeof topology->endpoints);
  if (!find_configuration (topology, topology->configuration, &rest))
    return;
  while (take (&rest, &descriptor))
    switch (descriptor.data[1])
      {
      case DESCRIPTOR_INTERFACE:
        interface = descriptor.size >= 9 ? descriptor.data[2] : USB_N_INTERFACES;
        current = interface < USB_N_INTERFACES && descriptor.data[3] == topology->settings[interface];
        last = NULL;
        break;
      case DESCRIPTOR_ENDPOINT:
        last = NULL;
        if (!current || descriptor.size < 7 || (descriptor.data[2] & 15) == 0)
          break;
        note_endpoint (topology, interface, descriptor.data);
        last = &topology->endpoints[descriptor.data[2] >> 7][descriptor.data[2] & 15];
        break;
      case DESCRIPTOR_COMPANION:
        if (last != NULL && descriptor.size >= 6)
          note_companion (last, descriptor.data);
        break;
      default:
        break;
      }
}

void
usb_topology_configure (UsbTopology *topology, unsigned configuration)
{
  topology->configuration = (uint8_t)configuration;
  memset (topology->settings, 0, sizeof topology->settings);
  find_endpoints (topology);
}

void
usb_topology_set (UsbTopology *topology, unsigned interface, unsigned setting)
{
  if (interface >= USB_N_INTERFACES)
    return;
  topology->settings[interface] = (uint8_t)setting;
  find_endpoints (topology);
}

const UsbEndpoint *
usb_topology_find (const UsbTopology *topology, uint8_t address)
{
  const UsbEndpoint *endpoint = &topology->endpoints[address >> 7][address & 15];

  return endpoint->there ? endpoint : NULL;
}

void
usb_topology_each (const UsbTopology *topology, unsigned configuration,
                   void (*func) (unsigned interface, void *data), void *data)
{
  Part rest, descriptor;

  if (!find_configuration (topology, configuration, &rest))
    return;
  while (take (&rest, &descriptor))
    if (descriptor.data[1] == DESCRIPTOR_INTERFACE && descriptor.size >= 9
        && descriptor.data[2] < USB_N_INTERFACES)
      func (descriptor.data[2], data);
}
