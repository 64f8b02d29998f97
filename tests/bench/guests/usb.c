/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Works a USB disk behind an xHCI controller (Extensible Host Controller Interface 1.2) as disk.c works a virtio one,
 * by the same words: with UAS by USB Attached SCSI and a stream for each command, else by Bulk-Only Transport, one
 * transfer after the other as Linux does.
 */
#include "work.h"

#ifndef UAS
#define UAS 0
#endif

#define N_TRBS     256u
#define N_CONTEXTS 32u /* of streams */

/* Where things lie in RAM. */
#define CONTEXTS ((volatile uint64_t *)0x10000)
#define TABLE    ((volatile uint32_t *)0x10800)
#define OUTPUT   ((volatile uint32_t *)0x11000)
#define INPUT    ((volatile uint32_t *)0x12000)
#define EVENTS   ((volatile struct Trb *)0x14000)
#define MESSAGES 0x18000u /* 64 bytes for each command: block or information unit; then status */
#define STATUSES 0x19000u
#define BUFFER   0x1a000u
#define STREAMS  0x20000u /* contexts, 0x1000 for each endpoint */
#define RINGS    0x40000u /* 0x1000 each */

struct Trb {
  uint64_t parameter;
  uint32_t status, control;
};

struct Ring {
  volatile struct Trb *trbs;
  unsigned index, cycle;
};

enum { NORMAL = 1, SETUP = 2, DATA_STAGE = 3, STATUS = 4, LINK = 6, ENABLE_SLOT = 9, ADDRESS = 11, CONFIGURE = 12 };
enum { BULK_OUT = 2, CONTROL = 4, BULK_IN = 6 };
enum { EP_OUT = UAS ? 8 : 4, EP_IN = UAS ? 7 : 3, EP_COMMAND = UAS ? 2 : 4, EP_STATUS = UAS ? 5 : 3 };
enum { CHAIN = 1 << 4, TELL = 1 << 5, IMMEDIATE = 1 << 6 };

/* What is known of it all: the program itself lies in a ROM. */
struct Usb {
  volatile uint32_t *operational, *runtime, *doorbells;
  struct Ring commands, events, endpoints[32], streams[2][N_CONTEXTS], statuses[N_CONTEXTS];
  uint64_t next_ring;
  unsigned slot, unseen;
};
#define usb ((struct Usb *)0x1c000)

static void
fail (void)
{
  say ('x');
  stop ();
}

/* --- rings --- */

static struct Ring
ring_new (void)
{
  struct Ring ring = { (volatile struct Trb *)usb->next_ring, 0, 1 };

  usb->next_ring += 0x1000;
  ring.trbs[N_TRBS - 1].parameter = (uintptr_t)ring.trbs;
  ring.trbs[N_TRBS - 1].control = LINK << 10 | 2;
  return ring;
}

static void
put (struct Ring *ring, uint64_t parameter, uint32_t status, uint32_t control)
{
  volatile struct Trb *trb = &ring->trbs[ring->index];

  trb->parameter = parameter;
  trb->status = status;
  __atomic_thread_fence (__ATOMIC_RELEASE);
  trb->control = control | ring->cycle;
  if (++ring->index < N_TRBS - 1)
    return;
  trb = &ring->trbs[N_TRBS - 1];
  trb->control = LINK << 10 | 2 | (control & CHAIN) | ring->cycle;
  ring->index = 0;
  ring->cycle ^= 1;
}

/* The next event; its place is given back with many others'. */
static struct Trb
next_event (void)
{
  volatile struct Trb *trb = &usb->events.trbs[usb->events.index];
  struct Trb event;

  while ((trb->control & 1) != usb->events.cycle)
    __asm__ volatile("pause");
  event.parameter = trb->parameter;
  event.status = trb->status;
  event.control = trb->control;
  if (++usb->events.index == N_TRBS)
    {
      usb->events.index = 0;
      usb->events.cycle ^= 1;
    }
  if (++usb->unseen == N_TRBS / 4)
    {
      usb->unseen = 0;
      usb->runtime[14] = (uint32_t)(uintptr_t)&usb->events.trbs[usb->events.index] | 8;
    }
  return event;
}

static struct Trb
wait_event (unsigned type)
{
  struct Trb event;

  do
    event = next_event ();
  while ((event.control >> 10 & 0x3f) != type);
  if (event.status >> 24 != 1 && event.status >> 24 != 13)
    fail ();
  return event;
}

static void
command (unsigned type, uint64_t parameter)
{
  put (&usb->commands, parameter, 0, usb->slot << 24 | type << 10);
  usb->doorbells[0] = 0;
  usb->slot = wait_event (33).control >> 24;
}

/* --- the controller and the device --- */

static void
start_controller (void)
{
  volatile uint8_t *bar = (void *)(uintptr_t)BARS;
  volatile uint32_t *capabilities = (void *)bar;

  usb->next_ring = RINGS;
  usb->operational = (void *)(bar + bar[0]);
  usb->doorbells = (void *)(bar + capabilities[5]);
  usb->runtime = (void *)(bar + capabilities[6]);
  usb->operational[0] = 2;
  while ((usb->operational[0] & 2) || (usb->operational[1] & 1 << 11))
    ;
  usb->commands = ring_new ();
  usb->events = (struct Ring){ EVENTS, 0, 1 };
  TABLE[0] = (uint32_t)(uintptr_t)EVENTS;
  TABLE[2] = N_TRBS;
  usb->operational[14] = capabilities[1] & 0xff;
  usb->operational[12] = (uint32_t)(uintptr_t)CONTEXTS;
  usb->operational[13] = 0;
  usb->operational[6] = (uint32_t)(uintptr_t)usb->commands.trbs | 1;
  usb->operational[7] = 0;
  usb->runtime[10] = 1;
  usb->runtime[14] = (uint32_t)(uintptr_t)EVENTS;
  usb->runtime[15] = 0;
  usb->runtime[12] = (uint32_t)(uintptr_t)TABLE;
  usb->runtime[13] = 0;
  usb->operational[0] = 1;
}

/* The first port with a device of SuperSpeed. */
static unsigned
find_port (void)
{
  unsigned n = *(volatile uint32_t *)(uintptr_t)(BARS + 4) >> 24;

  for (unsigned i = 0; i < n; i++)
    if ((usb->operational[0x100 + 4 * i] & (0xf << 10 | 1)) == (4 << 10 | 1))
      {
        usb->operational[0x100 + 4 * i] = 1 << 9 | 1 << 4;
        while (!(usb->operational[0x100 + 4 * i] & 1 << 21))
          ;
        return i + 1;
      }
  fail ();
  return 0;
}

/* Section 6.2.3; @bits: MaxPStreams. */
static void
describe (unsigned endpoint, unsigned type, unsigned max_packet, uint64_t dequeue, unsigned bits)
{
  volatile uint32_t *context = INPUT + (endpoint + 1) * 8;

  context[0] = bits > 0 ? bits << 10 | 1 << 15 : 0;
  context[1] = type << 3 | 3 << 1 | max_packet << 16;
  context[2] = (uint32_t)dequeue;
  context[3] = 0;
  INPUT[1] |= 1u << endpoint;
}

static void
open_endpoint (unsigned endpoint, unsigned type, unsigned max_packet)
{
  usb->endpoints[endpoint] = ring_new ();
  describe (endpoint, type, max_packet, (uintptr_t)usb->endpoints[endpoint].trbs | 1, 0);
}

static void
open_streams (unsigned endpoint, unsigned type, struct Ring *rings)
{
  volatile uint64_t *contexts = (void *)(uintptr_t)(STREAMS + endpoint * 0x1000);

  for (unsigned i = 1; i <= DEPTH; i++)
    {
      rings[i] = ring_new ();
      contexts[2 * i] = (uintptr_t)rings[i].trbs | 2 | 1;
    }
  describe (endpoint, type, 1024, (uintptr_t)contexts, 4);
}

static void
control (uint32_t request, uint16_t index, uint16_t length)
{
  put (&usb->endpoints[1], request | (uint64_t)index << 32 | (uint64_t)length << 48, 8,
       SETUP << 10 | IMMEDIATE | (length > 0 ? 3 << 16 : 0));
  if (length > 0)
    put (&usb->endpoints[1], BUFFER, length, DATA_STAGE << 10 | 1 << 16);
  put (&usb->endpoints[1], 0, 0, STATUS << 10 | TELL | (length > 0 ? 0 : 1 << 16));
  usb->doorbells[usb->slot] = 1;
  wait_event (32);
}

/* The setting of the interface that has our protocol. */
static unsigned
find_setting (void)
{
  const volatile uint8_t *p = (void *)(uintptr_t)BUFFER;
  unsigned size;

  control (0x80 | 6 << 8 | 0x0200u << 16, 0, 9);
  size = p[2] | p[3] << 8;
  control (0x80 | 6 << 8 | 0x0200u << 16, 0, (uint16_t)size);
  for (unsigned at = 0; at + 9 <= size && p[at] > 0; at += p[at])
    if (p[at + 1] == 4 && p[at + 7] == (UAS ? 0x62 : 0x50))
      return p[at + 3];
  fail ();
  return 0;
}

static void
start_device (void)
{
  unsigned port = find_port (), setting;

  command (ENABLE_SLOT, 0);
  CONTEXTS[usb->slot] = (uintptr_t)OUTPUT;
  INPUT[1] = 1;
  INPUT[8] = 1 << 27 | 4 << 20;
  INPUT[9] = port << 16;
  open_endpoint (1, CONTROL, 512);
  command (ADDRESS, (uintptr_t)INPUT);
  setting = find_setting ();
  control (0x00 | 9 << 8 | 1u << 16, 0, 0);
  INPUT[1] = 1;
  INPUT[8] = 8 << 27 | 4 << 20;
  if (UAS)
    {
      open_endpoint (EP_COMMAND, BULK_OUT, 1024);
      open_streams (EP_STATUS, BULK_IN, usb->statuses);
      open_streams (EP_IN, BULK_IN, usb->streams[0]);
      open_streams (EP_OUT, BULK_OUT, usb->streams[1]);
    }
  else
    {
      open_endpoint (EP_IN, BULK_IN, 1024);
      open_endpoint (EP_OUT, BULK_OUT, 1024);
    }
  command (CONFIGURE, (uintptr_t)INPUT);
  if (setting > 0)
    control (0x01 | 11 << 8 | setting << 16, 0, 0);
}

/* --- commands --- */

static void
transfer (struct Ring *ring, uint64_t address, uint32_t size)
{
  for (; size > 65536; size -= 65536, address += 65536)
    put (ring, address, 65536, NORMAL << 10 | CHAIN);
  put (ring, address, size, NORMAL << 10 | TELL);
}

static volatile uint8_t *
message (unsigned tag)
{
  volatile uint8_t *p = (void *)(uintptr_t)(MESSAGES + 64 * tag);

  for (unsigned i = 0; i < 64; i++)
    p[i] = 0;
  return p;
}

static void
store_be (volatile uint8_t *p, uint64_t value, unsigned n)
{
  while (n-- > 0)
    {
      p[n] = (uint8_t)value;
      value >>= 8;
    }
}

static void
fill_cdb (volatile uint8_t *cdb, unsigned opcode, uint32_t block, unsigned n_blocks)
{
  cdb[0] = (uint8_t)opcode;
  store_be (cdb + 2, block, 4);
  store_be (cdb + 7, n_blocks, 2);
}

/* By UAS: status, data and command, in that order. */
static void
begin (unsigned tag, unsigned opcode, uint32_t block, unsigned n_blocks, uint64_t data, uint32_t size)
{
  volatile uint8_t *p = message (tag);
  unsigned out = opcode == 0x2a;

  p[0] = 1;
  p[3] = (uint8_t)tag;
  fill_cdb (p + 16, opcode, block, n_blocks);
  put (&usb->statuses[tag], STATUSES + 64 * tag, 64, NORMAL << 10 | TELL | 4);
  usb->doorbells[usb->slot] = tag << 16 | EP_STATUS;
  if (size > 0)
    {
      transfer (&usb->streams[out][tag], data, size);
      usb->doorbells[usb->slot] = tag << 16 | (out ? EP_OUT : EP_IN);
    }
  put (&usb->endpoints[EP_COMMAND], (uintptr_t)p, 32, NORMAL << 10 | TELL);
  usb->doorbells[usb->slot] = EP_COMMAND;
}

/* The tag of the next command that is done. */
static unsigned
next_done (void)
{
  for (;;)
    {
      struct Trb event = wait_event (32);
      unsigned endpoint = event.control >> 16 & 0x1f;

      if (endpoint == EP_STATUS) /* its ring says which */
        return ((unsigned)event.parameter - (unsigned)(uintptr_t)usb->statuses[1].trbs) / 0x1000 + 1;
    }
}

/* By Bulk-Only Transport, to its end. Returns: the status. */
static unsigned
run_bulk (unsigned opcode, uint32_t block, unsigned n_blocks, uint64_t data, uint32_t size)
{
  volatile uint8_t *p = message (1), *status = (void *)(uintptr_t)STATUSES;
  unsigned endpoint = opcode == 0x2a ? EP_OUT : EP_IN;

  p[0] = 'U';
  p[1] = 'S';
  p[2] = 'B';
  p[3] = 'C';
  *(volatile uint32_t *)(p + 8) = size;
  p[12] = endpoint == EP_IN ? 0x80 : 0;
  p[14] = 10;
  fill_cdb (p + 15, opcode, block, n_blocks);
  transfer (&usb->endpoints[EP_OUT], (uintptr_t)p, 31);
  usb->doorbells[usb->slot] = EP_OUT;
  wait_event (32);
  if (size > 0)
    {
      transfer (&usb->endpoints[endpoint], data, size);
      usb->doorbells[usb->slot] = endpoint;
      wait_event (32);
    }
  transfer (&usb->endpoints[EP_IN], STATUSES, 13);
  usb->doorbells[usb->slot] = EP_IN;
  wait_event (32);
  return status[12];
}

static unsigned
run_one (unsigned opcode, uint32_t block, unsigned n_blocks, uint64_t data, uint32_t size)
{
  unsigned tag;

  if (!UAS)
    return run_bulk (opcode, block, n_blocks, data, size);
  begin (1, opcode, block, n_blocks, data, size);
  tag = next_done ();
  return ((volatile uint8_t *)(uintptr_t)(STATUSES + 64 * tag))[6];
}

/* Its attentions are out of the way then. Returns: its size in blocks. */
static uint32_t
make_ready (void)
{
  const volatile uint8_t *p = (void *)(uintptr_t)BUFFER;

  while (run_one (0x00, 0, 0, 0, 0) != 0)
    if (!UAS)
      run_one (0x03, 18 << 8, 0, BUFFER, 18);
  run_one (0x25, 0, 0, BUFFER, 8);
  return ((uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]) + 1;
}

static void
run (uint64_t n_blocks)
{
  uint64_t state = 88172645463325252;
  unsigned submitted = 0, done = 0, opcode = TYPE ? 0x2a : 0x28;

  while (done < COUNT)
    {
      unsigned tag = submitted < DEPTH ? submitted + 1 : UAS ? next_done () : 1;
      uint32_t block = (uint32_t)(next_block (&state, n_blocks) * (BLOCK / 512));

      done += submitted >= DEPTH || !UAS;
      if (submitted++ >= COUNT)
        continue;
      if (UAS)
        begin (tag, opcode, block, BLOCK / 512, DATA + (uint64_t)(tag - 1) * BLOCK, BLOCK);
      else if (run_bulk (opcode, block, BLOCK / 512, DATA, BLOCK) != 0)
        fail ();
    }
}

void work (void);

void
work (void)
{
  uint32_t n_blocks;

  place_bars (find_slot (8, 0xffffff00, 0x0c033000));
  start_controller ();
  start_device ();
  n_blocks = make_ready ();
  say ('s');
  run (n_blocks / (BLOCK / 512));
  say ('e');
  stop ();
}
