/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/pci-bench.h"

G_BEGIN_DECLS

/* The guest's side of an xHCI controller on a bench: a small driver (xHCI 1.2, section 4), with one event
 * ring. */
#define XHCI_GUEST_MEMORY    UINT64_C (0x100000) /* its rings and contexts, up to 0x180000 */
#define XHCI_GUEST_DATA      UINT64_C (0x200000)
#define XHCI_GUEST_N_TRBS    64u /* of each ring, the link among them */
#define XHCI_GUEST_N_STREAMS 64u /* of endpoints that have some; from 1 */

typedef struct {
  uint64_t parameter;
  uint32_t status, control;
} XhciGuestTrb;

typedef struct {
  uint64_t base;
  unsigned index;
  bool cycle;
} XhciGuestRing;

typedef struct {
  Bench *bench;
  XhciGuestRing commands, events;
  XhciGuestRing endpoints[32]; /* of one slot, by device context index */
  XhciGuestRing streams[32][XHCI_GUEST_N_STREAMS];
  unsigned slot;
} XhciGuest;

/* Resets the controller, gives it rings, and lets it run. */
void xhci_guest_start (XhciGuest *guest, Bench *bench);
uint32_t xhci_guest_register (XhciGuest *guest, unsigned offset); /* from the operational ones on */
void xhci_guest_set_register (XhciGuest *guest, unsigned offset, uint32_t value);
uint32_t xhci_guest_port (XhciGuest *guest, unsigned port); /* PORTSC, from 1 */
void xhci_guest_set_port (XhciGuest *guest, unsigned port, uint32_t value);

/* Takes the next event off its ring; false: there is none. */
bool xhci_guest_event (XhciGuest *guest, XhciGuestTrb *event);

/* Waits for one of that type; others on the way are dropped. */
XhciGuestTrb xhci_guest_wait (XhciGuest *guest, unsigned type);

/* Runs a command. Returns: its completion code. */
unsigned xhci_guest_command (XhciGuest *guest, unsigned type, unsigned slot, unsigned endpoint,
                             uint64_t parameter);
unsigned xhci_guest_command_with (XhciGuest *guest, unsigned type, unsigned slot, unsigned endpoint,
                                  uint64_t parameter, uint32_t status);

/* Puts TRBs on an endpoint's ring; rings. */
uint64_t xhci_guest_put (XhciGuest *guest, unsigned endpoint, const XhciGuestTrb *trb);
void xhci_guest_ring (XhciGuest *guest, unsigned endpoint);

/* Resets @port, enables a slot and gives the device there an address. Returns: the completion code. */
unsigned xhci_guest_address (XhciGuest *guest, unsigned port);
/* Opens an endpoint. @type: 1..7, as its context has it. */
unsigned xhci_guest_open (XhciGuest *guest, unsigned endpoint, unsigned type, unsigned max_packet);

/* The same for a bulk endpoint, with streams. */
unsigned xhci_guest_open_streams (XhciGuest *guest, unsigned endpoint, unsigned type, unsigned max_packet);
uint64_t xhci_guest_put_stream (XhciGuest *guest, unsigned endpoint, unsigned stream,
                                const XhciGuestTrb *trb);
void xhci_guest_ring_stream (XhciGuest *guest, unsigned endpoint, unsigned stream);
/* Where the controller says that a stream goes on. */
uint64_t xhci_guest_stream_dequeue (XhciGuest *guest, unsigned endpoint, unsigned stream);

/* A control transfer with @length bytes at XHCI_GUEST_DATA; *@actual (nullable): how many were moved.
 * Returns: the completion code. */
unsigned xhci_guest_control (XhciGuest *guest, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                             uint16_t length, unsigned *actual);

G_END_DECLS
