/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/ethernet/e1000e-private.h"
#include "devices/net/net-offload.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

#include <netinet/in.h>

/* Section 7.1: reception. */

/* Sections 7.1.4 (legacy), 7.1.5 (extended) and 7.1.6 (packet split) descriptors. */
enum {
  RX_DESCRIPTOR_SIZE = 16,
  RX_SPLIT_SIZE = 32,
  RX_N_SPLIT = 4,

  STATUS_DD = 1 << 0,
  STATUS_EOP = 1 << 1,
  STATUS_IXSM = 1 << 2,
  STATUS_VP = 1 << 3,
  STATUS_UDPCS = 1 << 4,
  STATUS_TCPCS = 1 << 5,
  STATUS_IPCS = 1 << 6,
  STATUS_PIF = 1 << 7,

  /* In legacy descriptors' errors; 24 bits higher in the others' status. */
  ERROR_TCPE = 1 << 5,
  ERROR_IPE = 1 << 6,
  EXTENDED_ERROR_SHIFT = 24,
};

#define FCS_SIZE  4u
#define MIN_FRAME 60u

/* What the descriptors of one frame tell. */
typedef struct {
  uint32_t status; /* without DD and EOP */
  uint32_t errors;
  uint16_t tag;
  uint16_t checksum;
  uint32_t hash;
  unsigned hash_type, queue;
  size_t wire_size;
} RxInfo;

typedef struct {
  bool extended, split;
  unsigned descriptor_size;
  uint32_t sizes[RX_N_SPLIT]; /* of a descriptor's buffers */
  uint32_t total;
} RxFormat;

/* --- the frame --- */

/* IEEE 802.3, section 3.2.9; few drivers want it. */
static uint32_t
frame_check_sequence (const uint8_t *frame, size_t size)
{
  uint32_t crc = UINT32_MAX;

  for (size_t i = 0; i < size; i++)
    {
      crc ^= frame[i];
      for (unsigned bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
  return ~crc;
}

static void
check_transport (const uint8_t *frame, const NetLayout *layout, bool known_good, RxInfo *info)
{
  size_t length = layout->end - layout->transport;
  bool udp = layout->protocol == IPPROTO_UDP;
  bool good = known_good;

  if (layout->fragment || (!udp && layout->protocol != IPPROTO_TCP) || (udp && length < 8)
      || (udp && load_be16 (frame + layout->transport + 6) == 0))
    return;
  if (!good)
    good =
      net_sum_fold (net_sum_add (net_sum_pseudo (frame, layout, length), frame + layout->transport, length))
      == UINT16_MAX;
  info->status |= STATUS_TCPCS | (udp ? STATUS_UDPCS : 0);
  info->errors |= good ? 0 : ERROR_TCPE;
}

/* Section 7.1.11: checksums. */
static void
check_sums (E1000e *self, const uint8_t *frame, size_t size, bool known_good, RxInfo *info)
{
  uint32_t rxcsum = *e1000e_reg (self, REG_RXCSUM);
  unsigned start = rxcsum & 0xff;
  NetLayout layout;

  if (start < size)
    info->checksum = net_sum_fold (net_sum_add (0, frame + start, size - start));
  if (!net_layout_read (&layout, frame, size, false))
    return;
  if ((rxcsum & RXCSUM_IPOFLD) && !layout.ipv6)
    {
      info->status |= STATUS_IPCS;
      if (net_sum_fold (net_sum_add (0, frame + layout.network, layout.transport - layout.network))
          != UINT16_MAX)
        info->errors |= ERROR_IPE;
    }
  if (rxcsum & RXCSUM_TUOFLD)
    check_transport (frame, &layout, known_good, info);
}

/* Makes of the network's frame what goes into memory. Returns its size; 0: it isn't wanted. */
static size_t
prepare_frame (E1000e *self, const NetPacket *packet, RxInfo *info)
{
  uint8_t *frame = self->rx_frame;
  size_t size = iov_gather (packet->iov, packet->n_iov, 0, frame, NET_FRAME_MAX);

  if (packet->offload.gso != NET_GSO_NONE || packet->offload.checksum_needed || size < NET_HEADER
      || !e1000e_filter_passes (self, frame, size))
    return 0;
  if (size < MIN_FRAME)
    {
      memset (frame + size, 0, MIN_FRAME - size);
      size = MIN_FRAME;
    }
  info->wire_size = size;
  info->queue = e1000e_rss_queue (self, frame, size, &info->hash, &info->hash_type);
  check_sums (self, frame, size, packet->offload.checksum_good, info);
  if ((*e1000e_reg (self, REG_CTRL) & CTRL_VME) && e1000e_is_tagged (self, frame, size))
    {
      info->status |= STATUS_VP;
      info->tag = load_be16 (frame + 14);
      memmove (frame + 12, frame + 16, size - 16);
      size -= 4;
    }
  if (!(*e1000e_reg (self, REG_RCTL) & RCTL_SECRC))
    {
      store_le32 (frame + size, frame_check_sequence (frame, size));
      size += FCS_SIZE;
    }
  return size;
}

/* --- descriptors --- */

static RxFormat
read_format (E1000e *self)
{
  uint32_t rctl = *e1000e_reg (self, REG_RCTL), psrctl = *e1000e_reg (self, REG_PSRCTL);
  unsigned size = rctl >> 16 & 3;
  RxFormat format = { .extended = *e1000e_reg (self, REG_RFCTL) & RFCTL_EXSTEN,
                      .descriptor_size = RX_DESCRIPTOR_SIZE };

  if (format.extended && (rctl & RCTL_DTYP_PS))
    {
      format.split = true;
      format.descriptor_size = RX_SPLIT_SIZE;
      format.sizes[0] = (psrctl & 0x7f) * 128;
      for (unsigned i = 1; i < RX_N_SPLIT; i++)
        format.sizes[i] = (psrctl >> (8 * i) & 0x3f) * 1024;
    }
  else if (rctl & RCTL_BSEX)
    format.sizes[0] = size == 0 ? 2048 : 32768u >> size; /* 16, 8, 4 KiB */
  else
    format.sizes[0] = 2048u >> size;
  for (unsigned i = 0; i < RX_N_SPLIT; i++)
    format.total += format.sizes[i];
  return format;
}

/* Fills one descriptor's buffers and writes it back. Returns the bytes placed; 0 if its memory is none. */
static uint32_t
fill_descriptor (E1000e *self, const RxFormat *format, const RxInfo *info, uint64_t address,
                 const uint8_t *data, size_t left)
{
  GuestMemory *memory = self->pci.device.board->memory;
  uint8_t descriptor[RX_SPLIT_SIZE] = { 0 }, back[RX_SPLIT_SIZE] = { 0 };
  uint32_t lengths[RX_N_SPLIT] = { 0 }, placed = 0;
  uint32_t status = info->status | STATUS_DD | (left <= format->total ? STATUS_EOP : 0);

  if (!guest_read (memory, address, descriptor, format->descriptor_size))
    return 0;
  for (unsigned i = 0; i < (format->split ? RX_N_SPLIT : 1u); i++)
    {
      lengths[i] = (uint32_t)MIN (left - placed, format->sizes[i]);
      if (lengths[i] > 0
          && !guest_write (memory, load_le64 (descriptor + (size_t)i * 8), data + placed, lengths[i]))
        return 0;
      placed += lengths[i];
    }
  if (!format->extended)
    {
      memcpy (back, descriptor, 8);
      store_le16 (back + 8, (uint16_t)lengths[0]);
      store_le16 (back + 10, info->checksum);
      back[12] = (uint8_t)status;
      back[13] = (uint8_t)info->errors;
      store_le16 (back + 14, info->tag);
    }
  else
    {
      store_le32 (back, info->hash_type | info->queue << 8);
      store_le32 (back + 4, info->hash_type != 0 ? info->hash : (uint32_t)info->checksum << 16);
      store_le32 (back + 8, status | info->errors << EXTENDED_ERROR_SHIFT);
      store_le16 (back + 12, (uint16_t)lengths[0]);
      store_le16 (back + 14, info->tag);
      for (unsigned i = 1; format->split && i < RX_N_SPLIT; i++)
        store_le16 (back + 16 + (size_t)2 * i, (uint16_t)lengths[i]);
    }
  /* The status last: a driver that polls sees all or nothing. */
  if (!guest_write (memory, address, back, 8)
      || (format->split && !guest_write (memory, address + 16, back + 16, 16)))
    return 0;
  return guest_write (memory, address + 8, back + 8, 8) ? placed : 0;
}

static uint32_t
n_free (const Ring *ring)
{
  return (ring->tail + ring->n - ring->head) % ring->n;
}

/* Section 10.2.5.1: RCTL.RDMTS. */
static bool
is_low (E1000e *self, const Ring *ring)
{
  return n_free (ring) <= ring->n >> (1 + (*e1000e_reg (self, REG_RCTL) >> 8 & 3));
}

typedef enum { PLACED, NO_ROOM, LOST } Placing;

static Placing
place_frame (E1000e *self, const RxInfo *info, size_t size)
{
  RxFormat format = read_format (self);
  uint32_t head;
  size_t done = 0;
  Ring ring;

  if (!e1000e_ring_read (self, REG_RX_QUEUE + info->queue * QUEUE_STRIDE, format.descriptor_size, &ring))
    return NO_ROOM;
  if (format.total == 0 || (uint64_t)(ring.n - 1) * format.total < size)
    {
      GUEST_ERROR (self, "no room for a frame of %zu bytes in %u descriptors of %u", size, ring.n - 1,
                   format.total);
      return LOST;
    }
  if ((uint64_t)n_free (&ring) * format.total < size)
    return NO_ROOM;
  for (head = ring.head; done < size; head = (head + 1) % ring.n)
    {
      uint32_t placed =
        fill_descriptor (self, &format, info, ring.base + (uint64_t)head * format.descriptor_size,
                         self->rx_frame + done, size - done);

      if (placed == 0)
        {
          GUEST_ERROR (self, "receive descriptor %u or its buffers are no RAM", head);
          done = size; /* skipped, and the frame's rest with it */
        }
      done += placed;
    }
  e1000e_ring_set_head (self, &ring, head);
  e1000e_count_frame (self, false, self->rx_frame, info->wire_size);
  TRACE (self, "rx", "queue=%u size=%zu free=%u", info->queue, size, n_free (&ring));
  e1000e_raise (self, CAUSE_RXT0 | CAUSE_RXQ0 << info->queue | (is_low (self, &ring) ? CAUSE_RXDMT0 : 0));
  return PLACED;
}

static bool
receive_locked (E1000e *self, const NetPacket *packet)
{
  RxInfo info = { 0 };
  size_t size;

  if (!e1000e_has_link (self) || !(*e1000e_reg (self, REG_RCTL) & RCTL_EN))
    return true;
  if (self->halted || !pci_may_dma (&self->pci))
    {
      self->rx_waiting = true;
      return false;
    }
  size = prepare_frame (self, packet, &info);
  if (size == 0 || place_frame (self, &info, size) != NO_ROOM)
    return true;
  self->rx_waiting = true;
  return false;
}

static bool
card_receive (void *card, const NetPacket *packet)
{
  E1000e *self = card;
  bool taken;

  device_lock (&self->pci.device);
  taken = receive_locked (self, packet);
  device_unlock (&self->pci.device);
  return taken;
}

static void
card_send_ready (void *card)
{
  E1000e *self = card;

  device_lock (&self->pci.device);
  for (unsigned i = 0; i < E1000E_N_QUEUES && !self->halted; i++)
    e1000e_transmit (self, i);
  device_unlock (&self->pci.device);
}

static void
card_guest_error (void *card, const char *message)
{
  GUEST_ERROR (card, "%s", message);
}

const NetCardOps e1000e_card_ops = {
  .receive = card_receive,
  .send_ready = card_send_ready,
  .guest_error = card_guest_error,
};

void
e1000e_offer_again (E1000e *self)
{
  if (self->rx_waiting && self->backend)
    net_receive_ready (self->backend);
  self->rx_waiting = false;
}
