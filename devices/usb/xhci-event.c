/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/usb/xhci-private.h"

#include <stdatomic.h>

/* Event rings (section 4.9.4) and what tells of them (section 4.17). */

enum {
  IMAN = 0x00,
  IMOD = 0x04,
  ERSTSZ = 0x08,
  ERSTBA = 0x10,
  ERDP = 0x18,

  IMAN_PENDING = 1 << 0,
  IMAN_ENABLE = 1 << 1,
  ERDP_BUSY = 1 << 3,
};
#define ERDP_ADDRESS (~(uint64_t)15)

/* --- interrupts --- */

void
xhci_update_intx (Xhci *xhci)
{
  const uint32_t both = IMAN_PENDING | IMAN_ENABLE;

  pci_set_intx (&xhci->pci, (xhci->interrupters[0].management & both) == both
                              && (xhci->command & XHCI_CMD_INTERRUPTS) && !pci_msix_enabled (&xhci->pci));
}

/* Messages take the pending bit with them (section 4.17.5). */
static void
interrupt (Xhci *xhci, unsigned index)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index];

  interrupter->management |= IMAN_PENDING;
  xhci->status |= XHCI_STS_EVENT;
  if (!(interrupter->management & IMAN_ENABLE) || !(xhci->command & XHCI_CMD_INTERRUPTS))
    return;
  if (pci_msix_enabled (&xhci->pci))
    {
      interrupter->management &= ~(uint32_t)IMAN_PENDING;
      pci_send_vector (&xhci->pci, index);
    }
  else
    xhci_update_intx (xhci);
}

/* --- the ring --- */

static uint64_t
enqueue_address (const XhciInterrupter *interrupter)
{
  return interrupter->segments[interrupter->segment] + (uint64_t)interrupter->index * XHCI_TRB_SIZE;
}

static void
step (XhciInterrupter *interrupter)
{
  if (++interrupter->index < interrupter->segment_sizes[interrupter->segment])
    return;
  interrupter->index = 0;
  if (++interrupter->segment < interrupter->n_segments)
    return;
  interrupter->segment = 0;
  interrupter->cycle = !interrupter->cycle;
}

/* Whether one more, and one that says that there is no more room, have a place: a ring whose next place is
 * the guest's is full. */
static bool
has_room (const XhciInterrupter *interrupter, unsigned n)
{
  XhciInterrupter ahead = *interrupter;

  for (unsigned i = 0; i < n; i++)
    {
      step (&ahead);
      if (enqueue_address (&ahead) == (interrupter->dequeue & ERDP_ADDRESS))
        return false;
    }
  return true;
}

static void
write_event (Xhci *xhci, XhciInterrupter *interrupter, const uint8_t *raw)
{
  GuestMemory *memory = xhci->pci.device.board->memory;
  uint64_t address = enqueue_address (interrupter);
  uint32_t control = (load_le32 (raw + 12) & ~(uint32_t)XHCI_TRB_CYCLE) | interrupter->cycle;
  uint8_t last[4];

  store_le32 (last, control);
  /* The cycle bit hands it over. */
  if (!guest_write (memory, address, raw, 12))
    {
      xhci_fail (xhci, "an event ring in no RAM");
      return;
    }
  atomic_thread_fence (memory_order_release);
  guest_write (memory, address + 12, last, sizeof last);
  step (interrupter);
}

static void
tell_full (Xhci *xhci, XhciInterrupter *interrupter)
{
  uint8_t raw[XHCI_TRB_SIZE] = { 0 };

  if (interrupter->full_told)
    return;
  interrupter->full_told = true;
  store_le32 (raw + 8, (uint32_t)XHCI_EVENT_RING_FULL << 24);
  store_le32 (raw + 12, XHCI_TRB_HOST_EVENT << XHCI_TRB_TYPE_SHIFT);
  write_event (xhci, interrupter, raw);
}

static void
keep_for_later (Xhci *xhci, XhciInterrupter *interrupter, const uint8_t *raw)
{
  if (interrupter->n_late < XHCI_N_LATE)
    memcpy (interrupter->late + interrupter->n_late++ * XHCI_TRB_SIZE, raw, XHCI_TRB_SIZE);
  else
    GUEST_ERROR (xhci, "an event ring that is full for so long that events are lost");
}

static void
announce (Xhci *xhci, unsigned index)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index];

  if (interrupter->dequeue & ERDP_BUSY)
    return;
  interrupter->dequeue |= ERDP_BUSY;
  interrupt (xhci, index);
}

void
xhci_event (Xhci *xhci, unsigned index, const XhciTrb *event)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index % XHCI_N_INTERRUPTERS];
  uint8_t raw[XHCI_TRB_SIZE];

  if (!xhci_is_running (xhci) || interrupter->n_segments == 0)
    return;
  TRACE (xhci, "event", "type=%u code=%u slot=%u parameter=0x%" G_GINT64_MODIFIER "x", xhci_trb_type (event),
         event->status >> 24, event->control >> 24, event->parameter);
  store_le64 (raw, event->parameter);
  store_le32 (raw + 8, event->status);
  store_le32 (raw + 12, event->control & ~(uint32_t)XHCI_TRB_BLOCK);
  if (interrupter->n_late > 0 || !has_room (interrupter, 2))
    {
      if (interrupter->n_late == 0)
        tell_full (xhci, interrupter);
      keep_for_later (xhci, interrupter, raw);
    }
  else
    write_event (xhci, interrupter, raw);
  if (!(event->control & XHCI_TRB_BLOCK) || xhci_trb_type (event) != XHCI_TRB_TRANSFER_EVENT)
    announce (xhci, index % XHCI_N_INTERRUPTERS);
}

bool
xhci_events_are_late (const Xhci *xhci)
{
  for (unsigned i = 0; i < XHCI_N_INTERRUPTERS; i++)
    if (xhci->interrupters[i].n_late > 0)
      return true;
  return false;
}

/* There is room again. */
static void
write_late_events (Xhci *xhci, unsigned index)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index];
  unsigned n = 0;

  while (n < interrupter->n_late && has_room (interrupter, 2))
    write_event (xhci, interrupter, interrupter->late + n++ * XHCI_TRB_SIZE);
  if (n == 0)
    return;
  interrupter->n_late -= n;
  memmove (interrupter->late, interrupter->late + n * XHCI_TRB_SIZE, interrupter->n_late * XHCI_TRB_SIZE);
  interrupter->full_told = interrupter->n_late > 0;
}

/* --- registers --- */

/* Section 6.5. */
static void
read_table (Xhci *xhci, XhciInterrupter *interrupter)
{
  interrupter->n_segments = interrupter->segment = 0;
  interrupter->index = 0;
  interrupter->cycle = true;
  interrupter->full_told = false;
  interrupter->n_late = 0;
  for (unsigned i = 0; i < MIN (interrupter->table_size, XHCI_N_SEGMENTS); i++)
    {
      uint8_t raw[16];

      if (!guest_read (xhci->pci.device.board->memory, interrupter->table + i * sizeof raw, raw, sizeof raw))
        {
          xhci_fail (xhci, "an event ring's table in no RAM");
          return;
        }
      interrupter->segments[i] = load_le64 (raw) & ~(uint64_t)63;
      interrupter->segment_sizes[i] = load_le32 (raw + 8) & 0xffff;
      if (interrupter->segment_sizes[i] < 16 || interrupter->segment_sizes[i] > 4096)
        {
          xhci_fail (xhci, "an event ring's segment of %u TRBs", interrupter->segment_sizes[i]);
          return;
        }
      interrupter->n_segments = (uint8_t)(i + 1);
    }
}

static void
write_dequeue (Xhci *xhci, unsigned index, uint32_t value)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index];
  bool busy = (interrupter->dequeue & ERDP_BUSY) && !(value & ERDP_BUSY), was_late;

  interrupter->dequeue =
    (interrupter->dequeue & ~(uint64_t)UINT32_MAX) | (value & ~(uint32_t)ERDP_BUSY) | (busy ? ERDP_BUSY : 0);
  if (interrupter->n_segments == 0)
    return;
  was_late = xhci_events_are_late (xhci);
  write_late_events (xhci, index);
  /* What came since the guest looked. */
  if (!busy && enqueue_address (interrupter) != (interrupter->dequeue & ERDP_ADDRESS))
    announce (xhci, index);
  if (was_late && !xhci_events_are_late (xhci))
    {
      xhci_serve_commands (xhci);
      xhci_kick_all (xhci);
    }
}

static void
write_management (Xhci *xhci, XhciInterrupter *interrupter, uint32_t value)
{
  interrupter->management &= ~(value & IMAN_PENDING);
  interrupter->management = (interrupter->management & ~(uint32_t)IMAN_ENABLE) | (value & IMAN_ENABLE);
  xhci_update_intx (xhci);
}

void
xhci_event_registers_written (Xhci *xhci, unsigned index, unsigned offset, uint32_t value)
{
  XhciInterrupter *interrupter = &xhci->interrupters[index];

  switch (offset)
    {
    case IMAN:
      write_management (xhci, interrupter, value);
      break;
    case IMOD:
      interrupter->moderation = value;
      break;
    case ERSTSZ:
      interrupter->table_size = value & 0xffff;
      break;
    case ERSTBA:
      interrupter->table = (interrupter->table & ~(uint64_t)UINT32_MAX) | (value & ~UINT32_C (63));
      break;
    case ERSTBA + 4:
      interrupter->table = (interrupter->table & UINT32_MAX) | (uint64_t)value << 32;
      read_table (xhci, interrupter);
      break;
    case ERDP:
      write_dequeue (xhci, index, value);
      break;
    case ERDP + 4:
      interrupter->dequeue = (interrupter->dequeue & UINT32_MAX) | (uint64_t)value << 32;
      break;
    default:
      break;
    }
}

uint32_t
xhci_event_register (const Xhci *xhci, unsigned index, unsigned offset)
{
  const XhciInterrupter *interrupter = &xhci->interrupters[index];

  switch (offset)
    {
    case IMAN:
      return interrupter->management;
    case IMOD:
      return interrupter->moderation;
    case ERSTSZ:
      return interrupter->table_size;
    case ERSTBA:
      return (uint32_t)interrupter->table;
    case ERSTBA + 4:
      return (uint32_t)(interrupter->table >> 32);
    case ERDP:
      return (uint32_t)interrupter->dequeue;
    case ERDP + 4:
      return (uint32_t)(interrupter->dequeue >> 32);
    default:
      return 0;
    }
}

void
xhci_event_reset (Xhci *xhci)
{
  memset (xhci->interrupters, 0, sizeof xhci->interrupters);
  for (unsigned i = 0; i < XHCI_N_INTERRUPTERS; i++)
    xhci->interrupters[i].moderation = 4000; /* the default, section 5.5.2.2 */
}
