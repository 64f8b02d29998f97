/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e-private.h"
#include "devices/net/net-offload.h"
#include "vmm/base/bytes.h"

/*
 * Section 7.2: transmission. A frame's descriptors are looked at until its last one; while that isn't there,
 * or the network has no room, the head stays where the frame begins, and all of it is looked at again.
 */

/* Sections 7.2.5 to 7.2.7: descriptors. */
enum {
  TX_DESCRIPTOR_SIZE = 16,

  /* Legacy. */
  TX_LENGTH = 8,
  TX_CSO = 10,
  TX_COMMAND = 11,
  TX_STATUS = 12,
  TX_CSS = 13,
  TX_SPECIAL = 14,

  /* Extended. */
  TX_TYPE_LENGTH = 8,
  TX_OPTIONS = 13,

  COMMAND_EOP = 1 << 0,
  COMMAND_IC = 1 << 2,  /* legacy */
  COMMAND_TSE = 1 << 2, /* extended */
  COMMAND_RS = 1 << 3,
  COMMAND_DEXT = 1 << 5,
  COMMAND_VLE = 1 << 6,
  STATUS_DD = 1 << 0,

  TYPE_CONTEXT = 0,
  TYPE_DATA = 1,
  OPTION_IXSM = 1 << 0,
  OPTION_TXSM = 1 << 1,

  CONTEXT_TCP = 1 << 0,
  CONTEXT_TSE = 1 << 2,
};

#define MIN_FRAME 60u

/* The frame at hand. */
typedef struct {
  size_t size;
  bool begun, bad;
  bool extended, segment, vlan;
  uint8_t options;      /* extended: which checksums */
  bool checksum;        /* legacy */
  uint8_t start, place; /* ... from where, and where to */
  uint16_t tag;
  const TxContext *context;
} TxFrame;

static void
read_context (E1000e *self, unsigned queue, const uint8_t *descriptor)
{
  bool segmentation = load_le32 (descriptor + 8) >> 24 & CONTEXT_TSE;

  self->contexts[queue][segmentation] = (TxContext){
    .ip = load_le32 (descriptor),
    .tcp = load_le32 (descriptor + 4),
    .command = load_le32 (descriptor + 8),
    .sizes = load_le32 (descriptor + 12),
  };
}

/* What a frame's first descriptor says is for all of it. */
static void
begin_frame (E1000e *self, unsigned queue, TxFrame *frame, const uint8_t *descriptor, uint8_t command)
{
  frame->begun = true;
  frame->extended = command & COMMAND_DEXT;
  frame->vlan = command & COMMAND_VLE;
  frame->tag = load_le16 (descriptor + TX_SPECIAL);
  if (frame->extended)
    {
      frame->segment = command & COMMAND_TSE;
      frame->options = descriptor[TX_OPTIONS];
      frame->context = &self->contexts[queue][frame->segment];
    }
  else
    {
      frame->checksum = command & COMMAND_IC;
      frame->start = descriptor[TX_CSS];
      frame->place = descriptor[TX_CSO];
    }
}

static void
add_data (E1000e *self, TxFrame *frame, uint64_t address, uint32_t length)
{
  /* Room for a VLAN tag stays. */
  if (frame->bad || length > NET_PACKET_MAX - 4 - frame->size
      || !guest_read (self->pci.device.board->memory, address, self->tx_frame + frame->size, length))
    {
      if (!frame->bad)
        GUEST_ERROR (self, "%u bytes at 0x%" G_GINT64_MODIFIER "x to send, after %zu", length, address,
                     frame->size);
      frame->bad = true;
      return;
    }
  frame->size += length;
}

/* --- what the card does for its driver --- */

/* Section 7.2.8: @end: the last byte, 0: the frame's. */
static void
put_checksum (E1000e *self, size_t size, unsigned start, unsigned place, unsigned end)
{
  size_t limit = end == 0 ? size : MIN (size, end + 1);
  uint16_t sum;

  if (start >= limit || place + 2 > size)
    {
      GUEST_ERROR (self, "a checksum of bytes %u to %u, at %u, of %zu", start, end, place, size);
      return;
    }
  sum = (uint16_t)~net_sum_fold (net_sum_add (0, self->tx_frame + start, limit - start));
  store_be16 (self->tx_frame + place, sum == 0 ? UINT16_MAX : sum);
}

static void
put_checksums (E1000e *self, const TxFrame *frame)
{
  if (!frame->extended)
    {
      if (frame->checksum)
        put_checksum (self, frame->size, frame->start, frame->place, 0);
      return;
    }
  if (frame->options & OPTION_IXSM)
    put_checksum (self, frame->size, frame->context->ip & 0xff, frame->context->ip >> 8 & 0xff,
                  frame->context->ip >> 16);
  if (frame->options & OPTION_TXSM)
    put_checksum (self, frame->size, frame->context->tcp & 0xff, frame->context->tcp >> 8 & 0xff,
                  frame->context->tcp >> 16);
}

/* Section 7.2.7: IP's and TCP's headers are as the driver wrote them, but for lengths and checksums. */
static bool
read_segmentation (E1000e *self, const TxFrame *frame, NetOffload *offload)
{
  bool ipv6 = frame->size > NET_HEADER && self->tx_frame[NET_HEADER] >> 4 == 6;

  if (!(frame->context->command >> 24 & CONTEXT_TCP) || frame->context->sizes >> 16 == 0)
    {
      GUEST_ERROR (self, "segmentation of no TCP, or into nothing: 0x%08x 0x%08x", frame->context->command,
                   frame->context->sizes);
      return false;
    }
  offload->gso = ipv6 ? NET_GSO_TCP6 : NET_GSO_TCP4;
  offload->segment_size = (uint16_t)(frame->context->sizes >> 16);
  return true;
}

static void
insert_tag (E1000e *self, TxFrame *frame)
{
  uint8_t *at = self->tx_frame + 12;

  memmove (at + 4, at, frame->size - 12);
  store_be16 (at, (uint16_t)*e1000e_reg (self, REG_VET));
  store_be16 (at + 2, frame->tag);
  frame->size += 4;
}

/* False: the network has no room. */
static bool
send_frame (E1000e *self, TxFrame *frame)
{
  struct iovec iov = { self->tx_frame, 0 };
  NetPacket packet = { .iov = &iov, .n_iov = 1 };

  if (frame->bad || frame->size < NET_HEADER)
    return true;
  if (!frame->segment)
    put_checksums (self, frame);
  else if (!read_segmentation (self, frame, &packet.offload))
    return true;
  if (frame->vlan && (*e1000e_reg (self, REG_CTRL) & CTRL_VME))
    insert_tag (self, frame);
  if (frame->size < MIN_FRAME && (*e1000e_reg (self, REG_TCTL) & TCTL_PSP))
    {
      memset (self->tx_frame + frame->size, 0, MIN_FRAME - frame->size);
      frame->size = MIN_FRAME;
    }
  TRACE (self, "tx", "size=%zu segment=%u", frame->size, packet.offload.segment_size);
  iov.iov_len = frame->size;
  if (e1000e_has_link (self) && !net_send (self->backend, &packet))
    return false;
  e1000e_count_frame (self, true, self->tx_frame, frame->size);
  if (frame->segment)
    e1000e_count (self, STAT_TSCTC, 1);
  return true;
}

/* --- the ring --- */

/* Section 7.2.4: descriptors with RS are marked as done. */
static uint32_t
write_back (E1000e *self, const Ring *ring, uint32_t end)
{
  GuestMemory *memory = self->pci.device.board->memory;
  uint32_t causes = 0;

  for (uint32_t i = ring->head; i != end; i = (i + 1) % ring->n)
    {
      uint64_t address = ring->base + (uint64_t)i * TX_DESCRIPTOR_SIZE;
      uint8_t descriptor[TX_DESCRIPTOR_SIZE];

      if (!guest_read (memory, address, descriptor, sizeof descriptor)
          || !(descriptor[TX_COMMAND] & COMMAND_RS))
        continue;
      descriptor[TX_STATUS] |= STATUS_DD;
      guest_write (memory, address + TX_STATUS, descriptor + TX_STATUS, 1);
      causes = CAUSE_TXDW;
    }
  return causes;
}

/* Takes one descriptor. Returns whether it is a frame's last. */
static bool
take_descriptor (E1000e *self, unsigned queue, const uint8_t *descriptor, TxFrame *frame)
{
  uint8_t command = descriptor[TX_COMMAND];
  uint32_t length = load_le16 (descriptor + TX_LENGTH);

  if (command & COMMAND_DEXT)
    {
      uint32_t type_length = load_le32 (descriptor + TX_TYPE_LENGTH);

      if ((type_length >> 20 & 0xf) == TYPE_CONTEXT)
        {
          if (!frame->begun)
            read_context (self, queue, descriptor);
          return false;
        }
      length = type_length & 0xfffff;
    }
  if (!frame->begun)
    begin_frame (self, queue, frame, descriptor, command);
  add_data (self, frame, load_le64 (descriptor), length);
  return command & COMMAND_EOP;
}

/* Sends from the head on. Returns where it ended. */
static uint32_t
walk (E1000e *self, unsigned queue, Ring *ring, uint32_t *causes)
{
  TxFrame frame = { 0 };

  for (uint32_t i = ring->head; i != ring->tail;)
    {
      uint8_t descriptor[TX_DESCRIPTOR_SIZE] = { 0 };
      bool last;

      if (!guest_read (self->pci.device.board->memory, ring->base + (uint64_t)i * TX_DESCRIPTOR_SIZE,
                       descriptor, sizeof descriptor))
        {
          GUEST_ERROR (self, "transmit descriptor %u is no RAM", i);
          return ring->tail;
        }
      last = take_descriptor (self, queue, descriptor, &frame);
      i = (i + 1) % ring->n;
      if (frame.begun && !last)
        continue;
      if (last && !send_frame (self, &frame))
        break;
      *causes |= write_back (self, ring, i);
      e1000e_ring_set_head (self, ring, i);
      frame = (TxFrame){ 0 };
    }
  return ring->head;
}

void
e1000e_transmit (E1000e *self, unsigned queue)
{
  uint32_t causes = 0;
  Ring ring;

  if (!(*e1000e_reg (self, REG_TCTL) & TCTL_EN)
      || !e1000e_ring_read (self, REG_TX_QUEUE + queue * QUEUE_STRIDE, TX_DESCRIPTOR_SIZE, &ring)
      || ring.head == ring.tail)
    return;
  e1000e_ring_set_head (self, &ring, walk (self, queue, &ring, &causes));
  if (ring.head == ring.tail)
    causes |= CAUSE_TXQE;
  if (causes != 0)
    e1000e_raise (self, causes | CAUSE_TXQ0 << queue);
}

static const StateField context_fields[] = {
  STATE_U32 (TxContext, ip, 1),
  STATE_U32 (TxContext, tcp, 1),
  STATE_U32 (TxContext, command, 1),
  STATE_U32 (TxContext, sizes, 1),
  STATE_END,
};

const StateTable e1000e_context_state = {
  .name = "e1000e-context",
  .version = 1,
  .fields = context_fields,
  .object_size = sizeof (TxContext),
};
