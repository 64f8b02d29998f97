/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

#include "vmm/base/error.h"

/* What is saved. Transfers at devices aren't: they are read from their rings again. */

static const StateField ring_fields[] = {
  STATE_U64 (XhciRing, dequeue, 1),
  STATE_BOOL (XhciRing, cycle, 1),
  STATE_END,
};

static const StateTable ring_state = {
  .name = "xhci-ring",
  .version = 1,
  .fields = ring_fields,
  .object_size = sizeof (XhciRing),
};

static const StateField endpoint_fields[] = {
  STATE_U8 (XhciEndpoint, state, 1),
  STATE_U8 (XhciEndpoint, type, 1),
  STATE_U16 (XhciEndpoint, max_packet, 1),
  STATE_STRUCT (XhciEndpoint, queue.ring, &ring_state, 1),
  STATE_U8 (XhciEndpoint, stream_bits, 2),
  STATE_U64 (XhciEndpoint, contexts, 2),
  STATE_END,
};

static const StateTable endpoint_state = {
  .name = "xhci-endpoint",
  .version = 2,
  .fields = endpoint_fields,
  .object_size = sizeof (XhciEndpoint),
};

static const StateField slot_fields[] = {
  STATE_BOOL (XhciSlot, enabled, 1),
  STATE_U8 (XhciSlot, state, 1),
  STATE_U8 (XhciSlot, port, 1),
  STATE_U8 (XhciSlot, interrupter, 1),
  STATE_U64 (XhciSlot, context, 1),
  STATE_STRUCTS (XhciSlot, endpoints, &endpoint_state, 1),
  STATE_END,
};

static const StateTable slot_state = {
  .name = "xhci-slot",
  .version = 1,
  .fields = slot_fields,
  .object_size = sizeof (XhciSlot),
};

static const StateField port_fields[] = {
  STATE_U32 (XhciPort, status, 1),
  STATE_END,
};

static const StateTable port_state = {
  .name = "xhci-port",
  .version = 1,
  .fields = port_fields,
  .object_size = sizeof (XhciPort),
};

static const StateField interrupter_fields[] = {
  STATE_U32 (XhciInterrupter, management, 1),
  STATE_U32 (XhciInterrupter, moderation, 1),
  STATE_U32 (XhciInterrupter, table_size, 1),
  STATE_U64 (XhciInterrupter, table, 1),
  STATE_U64 (XhciInterrupter, dequeue, 1),
  STATE_U64 (XhciInterrupter, segments, 1),
  STATE_U32 (XhciInterrupter, segment_sizes, 1),
  STATE_U8 (XhciInterrupter, n_segments, 1),
  STATE_U8 (XhciInterrupter, segment, 1),
  STATE_U32 (XhciInterrupter, index, 1),
  STATE_BOOL (XhciInterrupter, cycle, 1),
  STATE_BOOL (XhciInterrupter, full_told, 1),
  STATE_U8 (XhciInterrupter, n_late, 1),
  STATE_BYTES (XhciInterrupter, late, 1),
  STATE_END,
};

static const StateTable interrupter_state = {
  .name = "xhci-interrupter",
  .version = 1,
  .fields = interrupter_fields,
  .object_size = sizeof (XhciInterrupter),
};

static const StateField fields[] = {
  STATE_STRUCT (Xhci, pci, &pci_device_state, 1),
  STATE_U32 (Xhci, command, 1),
  STATE_U32 (Xhci, status, 1),
  STATE_U32 (Xhci, notification, 1),
  STATE_U32 (Xhci, config, 1),
  STATE_U64 (Xhci, contexts, 1),
  STATE_STRUCT (Xhci, commands, &ring_state, 1),
  STATE_BOOL (Xhci, commands_running, 1),
  STATE_U64 (Xhci, started, 1),
  STATE_STRUCTS (Xhci, ports, &port_state, 1),
  STATE_STRUCTS (Xhci, slots, &slot_state, 1),
  STATE_STRUCTS (Xhci, interrupters, &interrupter_state, 1),
  STATE_END,
};

/* --- what can be --- */

static bool
interrupter_is_sound (const XhciInterrupter *interrupter)
{
  bool sound = interrupter->n_segments <= XHCI_N_SEGMENTS && interrupter->n_late <= XHCI_N_LATE;

  for (unsigned i = 0; sound && i < interrupter->n_segments; i++)
    sound = interrupter->segment_sizes[i] >= 16 && interrupter->segment_sizes[i] <= 4096;
  return sound
         && (interrupter->n_segments == 0
             || (interrupter->segment < interrupter->n_segments
                 && interrupter->index < interrupter->segment_sizes[interrupter->segment]));
}

static bool
slot_is_sound (const XhciSlot *slot)
{
  bool sound = slot->state <= XHCI_SLOT_CONFIGURED && slot->port <= XHCI_N_PORTS
               && slot->interrupter < XHCI_N_INTERRUPTERS;

  for (unsigned i = 1; sound && i < XHCI_N_ENDPOINTS; i++)
    sound = slot->endpoints[i].state <= XHCI_EP_ERROR && slot->endpoints[i].type < 8
            && slot->endpoints[i].stream_bits <= XHCI_MAX_STREAMS
            && (slot->enabled || slot->endpoints[i].state == XHCI_EP_DISABLED);
  return sound;
}

static bool
check (const void *object, const void *incoming, GError **error)
{
  const Xhci *live = object, *xhci = incoming;
  bool sound = true;

  for (unsigned i = 1; sound && i <= XHCI_N_SLOTS; i++)
    sound = slot_is_sound (&xhci->slots[i]);
  for (unsigned i = 0; sound && i < XHCI_N_INTERRUPTERS; i++)
    sound = interrupter_is_sound (&xhci->interrupters[i]);
  if (!sound)
    g_set_error (error, VMM_ERROR, VMM_ERROR_STATE, "The saved state of %s has rings or slots that can't be",
                 live->pci.device.name);
  return sound;
}

static void
load_endpoint (XhciEndpoint *endpoint)
{
  xhci_transfers_cancel (endpoint, false);
  xhci_streams_close (endpoint);
  if (endpoint->stream_bits > 0)
    xhci_streams_open (endpoint);
}

static void
after_load (void *object)
{
  Xhci *xhci = object;

  for (unsigned slot = 1; slot <= XHCI_N_SLOTS; slot++)
    for (unsigned i = 1; i < XHCI_N_ENDPOINTS; i++)
      load_endpoint (&xhci->slots[slot].endpoints[i]);
  xhci_update_intx (xhci);
}

const StateTable xhci_state = {
  .name = "xhci",
  .version = 1,
  .fields = fields,
  .object_size = sizeof (Xhci),
  .check = check,
  .after_load = after_load,
};
