/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/devices/xhci-guest.h"

#include "vmm/base/bytes.h"

#define BAR       PCI_BENCH_BAR (0)
#define DOORBELLS 0x2000u
#define RUNTIME   0x1000u

#define WAIT_SECONDS 20

enum {
  CONTEXTS = 0x0000, /* within XHCI_GUEST_MEMORY: DCBAA */
  TABLE = 0x1000,
  EVENTS = 0x2000,
  COMMANDS = 0x4000,
  DEVICE = 0x5000,
  INPUT = 0x6000,
  ENDPOINTS = 0x10000, /* of 0x1000 each */
  STREAMS = 0x200000,  /* of 0x20000 each: contexts, then rings of 0x400 */
  STREAM_RINGS = 0x1000,
};

enum { SETUP = 2, DATA = 3, STATUS = 4, LINK = 6, ENABLE_SLOT = 9, ADDRESS_DEVICE = 11, CONFIGURE = 12 };

uint32_t
xhci_guest_register (XhciGuest *guest, unsigned offset)
{
  return bench_read32 (guest->bench, BAR + 0x40 + offset);
}

void
xhci_guest_set_register (XhciGuest *guest, unsigned offset, uint32_t value)
{
  bench_write32 (guest->bench, BAR + 0x40 + offset, value);
}

uint32_t
xhci_guest_port (XhciGuest *guest, unsigned port)
{
  return xhci_guest_register (guest, 0x400 + 16 * (port - 1));
}

void
xhci_guest_set_port (XhciGuest *guest, unsigned port, uint32_t value)
{
  xhci_guest_set_register (guest, 0x400 + 16 * (port - 1), value);
}

static void
set_register64 (XhciGuest *guest, unsigned offset, uint64_t value)
{
  bench_write32 (guest->bench, BAR + offset, (uint32_t)value);
  bench_write32 (guest->bench, BAR + offset + 4, (uint32_t)(value >> 32));
}

/* --- rings --- */

static void
ring_new (XhciGuest *guest, XhciGuestRing *ring, uint64_t base, bool links)
{
  uint8_t *memory = bench_memory (guest->bench, base, XHCI_GUEST_N_TRBS * 16);
  uint8_t *link = memory + (XHCI_GUEST_N_TRBS - 1) * 16;

  *ring = (XhciGuestRing){ base, 0, true };
  memset (memory, 0, XHCI_GUEST_N_TRBS * 16);
  if (!links)
    return;
  store_le64 (link, base);
  store_le32 (link + 12, LINK << 10 | 2);
}

static uint64_t
put (XhciGuest *guest, XhciGuestRing *ring, const XhciGuestTrb *trb)
{
  uint64_t address = ring->base + ring->index * 16;
  uint8_t *p = bench_memory (guest->bench, address, 32);

  store_le64 (p, trb->parameter);
  store_le32 (p + 8, trb->status);
  store_le32 (p + 12, trb->control | ring->cycle);
  if (++ring->index < XHCI_GUEST_N_TRBS - 1)
    return address;
  p = bench_memory (guest->bench, ring->base + ring->index * 16, 16);
  store_le32 (p + 12, LINK << 10 | 2 | (trb->control & 16) | ring->cycle);
  ring->index = 0;
  ring->cycle = !ring->cycle;
  return address;
}

void
xhci_guest_start (XhciGuest *guest, Bench *bench)
{
  uint64_t base = XHCI_GUEST_MEMORY;
  uint8_t *table;

  memset (guest, 0, sizeof *guest);
  guest->bench = bench;
  xhci_guest_set_register (guest, 0x00, 2);
  memset (bench_memory (bench, base, 0x40000), 0, 0x40000);
  ring_new (guest, &guest->commands, base + COMMANDS, true);
  ring_new (guest, &guest->events, base + EVENTS, false);
  table = bench_memory (bench, base + TABLE, 16);
  store_le64 (table, base + EVENTS);
  store_le32 (table + 8, XHCI_GUEST_N_TRBS);
  xhci_guest_set_register (guest, 0x38, 16);
  set_register64 (guest, 0x40 + 0x30, base + CONTEXTS);
  set_register64 (guest, 0x40 + 0x18, (base + COMMANDS) | 1);
  bench_write32 (bench, BAR + RUNTIME + 0x20 + 0x08, 1);
  set_register64 (guest, RUNTIME + 0x20 + 0x18, base + EVENTS);
  set_register64 (guest, RUNTIME + 0x20 + 0x10, base + TABLE);
  bench_write32 (bench, BAR + RUNTIME + 0x20, 2);
  xhci_guest_set_register (guest, 0x00, 1 | 4);
}

bool
xhci_guest_event (XhciGuest *guest, XhciGuestTrb *event)
{
  XhciGuestRing *ring = &guest->events;
  const uint8_t *p = bench_memory (guest->bench, ring->base + ring->index * 16, 16);

  bench_settle (guest->bench);
  *event = (XhciGuestTrb){ load_le64 (p), load_le32 (p + 8), load_le32 (p + 12) };
  if ((event->control & 1) != ring->cycle)
    return false;
  if (++ring->index == XHCI_GUEST_N_TRBS)
    {
      ring->index = 0;
      ring->cycle = !ring->cycle;
    }
  set_register64 (guest, RUNTIME + 0x20 + 0x18, (ring->base + ring->index * 16) | 8);
  return true;
}

/* Some come from threads that nobody else waits for. */
XhciGuestTrb
xhci_guest_wait (XhciGuest *guest, unsigned type)
{
  gint64 end = g_get_monotonic_time () + WAIT_SECONDS * G_TIME_SPAN_SECOND;
  XhciGuestTrb event;

  do
    while (!xhci_guest_event (guest, &event))
      {
        g_assert_cmpint (g_get_monotonic_time (), <, end);
        g_thread_yield ();
      }
  while ((event.control >> 10 & 0x3f) != type);
  return event;
}

unsigned
xhci_guest_command (XhciGuest *guest, unsigned type, unsigned slot, unsigned endpoint, uint64_t parameter)
{
  return xhci_guest_command_with (guest, type, slot, endpoint, parameter, 0);
}

unsigned
xhci_guest_command_with (XhciGuest *guest, unsigned type, unsigned slot, unsigned endpoint,
                         uint64_t parameter, uint32_t status)
{
  const XhciGuestTrb trb = { parameter, status, slot << 24 | endpoint << 16 | type << 10 };
  uint64_t address = put (guest, &guest->commands, &trb);
  XhciGuestTrb event;

  bench_write32 (guest->bench, BAR + DOORBELLS, 0);
  event = xhci_guest_wait (guest, 33);
  g_assert_cmphex (event.parameter, ==, address);
  if (type == ENABLE_SLOT)
    guest->slot = event.control >> 24;
  return event.status >> 24;
}

uint64_t
xhci_guest_put (XhciGuest *guest, unsigned endpoint, const XhciGuestTrb *trb)
{
  return put (guest, &guest->endpoints[endpoint], trb);
}

void
xhci_guest_ring (XhciGuest *guest, unsigned endpoint)
{
  bench_write32 (guest->bench, BAR + DOORBELLS + 4 * guest->slot, endpoint);
}

/* --- contexts --- */

static uint8_t *
input_context (XhciGuest *guest, unsigned index)
{
  return (uint8_t *)bench_memory (guest->bench, XHCI_GUEST_MEMORY + INPUT, 33 * 32) + index * 32;
}

static void
describe_endpoint (XhciGuest *guest, unsigned endpoint, unsigned type, unsigned max_packet)
{
  uint8_t *context = input_context (guest, endpoint + 1);
  uint64_t base = XHCI_GUEST_MEMORY + ENDPOINTS + endpoint * 0x1000;

  ring_new (guest, &guest->endpoints[endpoint], base, true);
  memset (context, 0, 32);
  store_le32 (context + 4, type << 3 | 3 << 1 | max_packet << 16);
  store_le64 (context + 8, base | 1);
}

unsigned
xhci_guest_address (XhciGuest *guest, unsigned port)
{
  unsigned code;

  xhci_guest_set_port (guest, port, 1 << 9 | 1 << 4);
  code = xhci_guest_command (guest, ENABLE_SLOT, 0, 0, 0);
  if (code != 1)
    return code;
  store_le64 (bench_memory (guest->bench, XHCI_GUEST_MEMORY + CONTEXTS + 8 * guest->slot, 8),
              XHCI_GUEST_MEMORY + DEVICE);
  memset (input_context (guest, 0), 0, 33 * 32);
  store_le32 (input_context (guest, 0) + 4, 3);
  store_le32 (input_context (guest, 1), 1 << 27);
  store_le32 (input_context (guest, 1) + 4, port << 16);
  describe_endpoint (guest, 1, 4, 64);
  return xhci_guest_command (guest, ADDRESS_DEVICE, guest->slot, 0, XHCI_GUEST_MEMORY + INPUT);
}

unsigned
xhci_guest_open (XhciGuest *guest, unsigned endpoint, unsigned type, unsigned max_packet)
{
  store_le32 (input_context (guest, 0), 0);
  store_le32 (input_context (guest, 0) + 4, 1 | 1u << endpoint);
  describe_endpoint (guest, endpoint, type, max_packet);
  return xhci_guest_command (guest, CONFIGURE, guest->slot, 0, XHCI_GUEST_MEMORY + INPUT);
}

static uint64_t
stream_contexts (unsigned endpoint)
{
  return XHCI_GUEST_MEMORY + STREAMS + endpoint * 0x20000;
}

unsigned
xhci_guest_open_streams (XhciGuest *guest, unsigned endpoint, unsigned type, unsigned max_packet)
{
  uint64_t contexts = stream_contexts (endpoint);
  uint8_t *p = bench_memory (guest->bench, contexts, XHCI_GUEST_N_STREAMS * 16);

  store_le32 (input_context (guest, 0), 0);
  store_le32 (input_context (guest, 0) + 4, 1 | 1u << endpoint);
  describe_endpoint (guest, endpoint, type, max_packet);
  store_le32 (input_context (guest, endpoint + 1), 5 << 10 | 1 << 15);
  store_le64 (input_context (guest, endpoint + 1) + 8, contexts);
  memset (p, 0, XHCI_GUEST_N_STREAMS * 16);
  for (unsigned i = 1; i < XHCI_GUEST_N_STREAMS; i++)
    {
      uint64_t ring = contexts + STREAM_RINGS + i * XHCI_GUEST_N_TRBS * 16;

      ring_new (guest, &guest->streams[endpoint][i], ring, true);
      store_le64 (p + i * 16, ring | 1 << 1 | 1);
    }
  return xhci_guest_command (guest, CONFIGURE, guest->slot, 0, XHCI_GUEST_MEMORY + INPUT);
}

uint64_t
xhci_guest_put_stream (XhciGuest *guest, unsigned endpoint, unsigned stream, const XhciGuestTrb *trb)
{
  return put (guest, &guest->streams[endpoint][stream], trb);
}

void
xhci_guest_ring_stream (XhciGuest *guest, unsigned endpoint, unsigned stream)
{
  bench_write32 (guest->bench, BAR + DOORBELLS + 4 * guest->slot, stream << 16 | endpoint);
}

uint64_t
xhci_guest_stream_dequeue (XhciGuest *guest, unsigned endpoint, unsigned stream)
{
  return load_le64 (bench_memory (guest->bench, stream_contexts (endpoint) + stream * 16, 8))
         & ~UINT64_C (15);
}

unsigned
xhci_guest_control (XhciGuest *guest, uint8_t type, uint8_t request, uint16_t value, uint16_t index,
                    uint16_t length, unsigned *actual)
{
  bool in = type & 0x80;
  uint64_t setup =
    type | request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 | (uint64_t)length << 48;
  XhciGuestTrb event;
  unsigned missing = 0;

  xhci_guest_put (guest, 1, &(XhciGuestTrb){ setup, 8, SETUP << 10 | 1 << 6 });
  if (length > 0)
    xhci_guest_put (guest, 1,
                    &(XhciGuestTrb){ XHCI_GUEST_DATA, length, DATA << 10 | (in ? 1 << 16 : 0) | 1 << 2 });
  xhci_guest_put (guest, 1, &(XhciGuestTrb){ 0, 0, STATUS << 10 | (in ? 0 : 1 << 16) | 1 << 5 });
  xhci_guest_ring (guest, 1);
  event = xhci_guest_wait (guest, 32);
  if (event.status >> 24 == 13)
    {
      missing = event.status & 0xffffff;
      event = xhci_guest_wait (guest, 32);
    }
  if (actual != NULL)
    *actual = length - missing;
  return event.status >> 24;
}
