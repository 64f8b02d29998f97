/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

#include <stdatomic.h>

/* Section 4.9.2. The cycle bit says whose a TRB is: it is written last, so it is read first. */

static bool
read_trb (Xhci *xhci, uint64_t address, bool cycle, XhciTrb *trb, bool *owned)
{
  GuestMemory *memory = xhci->pci.device.board->memory;
  uint8_t raw[XHCI_TRB_SIZE];

  if (!guest_read (memory, address + 12, raw + 12, 4))
    return false;
  *owned = (load_le32 (raw + 12) & XHCI_TRB_CYCLE) == cycle;
  if (!*owned)
    return true;
  atomic_thread_fence (memory_order_acquire);
  if (!guest_read (memory, address, raw, sizeof raw))
    return false;
  *trb = (XhciTrb){ load_le64 (raw), load_le32 (raw + 8), load_le32 (raw + 12), address };
  return true;
}

XhciRingResult
xhci_ring_next (Xhci *xhci, XhciRing *ring, XhciTrb *trb)
{
  XhciRing at = *ring;

  for (unsigned links = 0; links <= XHCI_MAX_LINKS; links++)
    {
      bool owned;

      if (!read_trb (xhci, at.dequeue, at.cycle, trb, &owned))
        return XHCI_RING_BAD;
      if (!owned)
        return XHCI_RING_EMPTY;
      if (xhci_trb_type (trb) != XHCI_TRB_LINK)
        {
          at.dequeue += XHCI_TRB_SIZE;
          *ring = at;
          return XHCI_RING_TRB;
        }
      at.dequeue = trb->parameter & ~(uint64_t)15;
      at.cycle ^= (trb->control & XHCI_TRB_TOGGLE) != 0;
    }
  return XHCI_RING_BAD;
}
