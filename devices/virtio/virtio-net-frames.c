/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-net-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/iov.h"

/* virtio 1.2, sections 5.1.6.2 (transmission) and 5.1.6.4 (reception). */

/* Pieces of guest memory that a frame to send may lie in; one more is for what the header left over. */
#define MAX_PIECES VIRTQ_CHAIN_MAX

/* Section 5.1.6, struct virtio_net_hdr. */
enum {
  HEADER_FLAGS = 0,
  HEADER_GSO = 1,
  HEADER_LENGTH = 2,
  HEADER_SEGMENT_SIZE = 4,
  HEADER_CHECKSUM_START = 6,
  HEADER_CHECKSUM_OFFSET = 8,
  HEADER_NUM_BUFFERS = 10,
  HEADER_SIZE = 12,

  FLAG_NEEDS_CHECKSUM = 1,
  FLAG_DATA_VALID = 2,

  GSO_NONE = 0,
  GSO_TCP4 = 1,
  GSO_TCP6 = 4,
  GSO_ECN = 0x80,
};

/* What tells flows apart: the first bytes of frames. */
#define FLOW_SIZE 58u

/* --- steering --- */

static unsigned
sum_of (const uint8_t *bytes, unsigned size)
{
  unsigned sum = 0;

  for (unsigned i = 0; i < size; i += 2)
    sum += load_be16 (bytes + i);
  return sum;
}

/* The same for both directions of a flow of TCP or UDP, and for all else. */
static unsigned
flow_place (const uint8_t *frame, size_t size)
{
  unsigned type = size >= NET_HEADER + 4 ? load_be16 (frame + 12) : 0;
  unsigned hash = 0;

  if (type == 0x0800 && size >= 38 && (frame[23] == 6 || frame[23] == 17))
    hash = sum_of (frame + 26, 8) + ((frame[14] & 0x0f) == 5 ? sum_of (frame + 34, 4) : 0);
  else if (type == 0x86dd && size >= FLOW_SIZE && (frame[20] == 6 || frame[20] == 17))
    hash = sum_of (frame + 22, 32) + sum_of (frame + 54, 4);
  hash *= 0x9e3779b1u;
  return (hash >> 16) % NET_STEERING_SIZE;
}

static void
learn_flow (VirtioNet *net, const Virtq *vq, const VirtqChain *chain)
{
  uint8_t start[FLOW_SIZE];

  if (net->n_pairs > 1)
    net->steering[flow_place (start, virtq_chain_read (chain, HEADER_SIZE, start, sizeof start))] =
      (uint8_t)(vq->index / 2);
}

static Virtq *
queue_for (VirtioNet *net, const uint8_t *start, size_t size)
{
  unsigned pair = net->n_pairs > 1 ? net->steering[flow_place (start, size)] : 0;

  return &net->virtio.queues[2 * (pair < net->n_pairs ? pair : 0)];
}

/* --- to the network --- */

/* The frame without its header, in place. Returns the number of pieces, 0 if there is no frame. */
static unsigned
strip_header (const VirtqChain *chain, struct iovec *iov)
{
  return iov_slice (iov, MAX_PIECES, chain->iov, chain->n_out, HEADER_SIZE, UINT64_MAX);
}

static bool
read_gso (VirtioNet *net, const uint8_t *header, NetOffload *offload)
{
  unsigned gso = header[HEADER_GSO] & ~GSO_ECN;
  unsigned feature = gso == GSO_TCP4 ? NET_F_HOST_TSO4 : NET_F_HOST_TSO6;

  if (gso == GSO_NONE)
    return true;
  if ((gso != GSO_TCP4 && gso != GSO_TCP6) || !virtio_has_feature (&net->virtio, feature))
    {
      GUEST_ERROR (net, "a frame of kind 0x%02x to cut", header[HEADER_GSO]);
      return false;
    }
  offload->gso = gso == GSO_TCP4 ? NET_GSO_TCP4 : NET_GSO_TCP6;
  offload->segment_size = load_le16 (header + HEADER_SEGMENT_SIZE);
  if (offload->segment_size == 0)
    {
      GUEST_ERROR (net, "a frame to cut into segments of nothing");
      return false;
    }
  return true;
}

/* Section 5.1.6.2.1. What isn't negotiated is ignored, or makes the frame nonsense. */
static bool
read_header (VirtioNet *net, const VirtqChain *chain, NetOffload *offload)
{
  uint8_t header[HEADER_SIZE];

  *offload = (NetOffload){ 0 };
  if (virtq_chain_read (chain, 0, header, sizeof header) < sizeof header)
    {
      GUEST_ERROR (net, "a frame without a header");
      return false;
    }
  if ((header[HEADER_FLAGS] & FLAG_NEEDS_CHECKSUM) && virtio_has_feature (&net->virtio, NET_F_CSUM))
    {
      offload->checksum_needed = true;
      offload->checksum_start = load_le16 (header + HEADER_CHECKSUM_START);
      offload->checksum_offset = load_le16 (header + HEADER_CHECKSUM_OFFSET);
    }
  return read_gso (net, header, offload);
}

/* False if it must wait. */
static bool
send_frame (VirtioNet *net, const VirtqChain *chain)
{
  struct iovec iov[MAX_PIECES];
  NetPacket packet = { .iov = iov };

  if (!read_header (net, chain, &packet.offload) || net->backend == NULL || !net->link_up)
    return true;
  packet.n_iov = strip_header (chain, iov);
  return net_send (net->backend, &packet);
}

void
virtio_net_transmit (VirtioNet *net, Virtq *vq)
{
  VirtioDevice *vdev = &net->virtio;
  VirtqChain *chain = &net->chains[0];

  while (virtq_pop (vq, chain))
    {
      TRACE (vdev, "tx", "queue=%u size=%" G_GUINT64_FORMAT, vq->index, chain->out_size);
      learn_flow (net, vq, chain);
      if (!send_frame (net, chain))
        {
          virtq_park (vq, chain);
          break;
        }
      virtq_push (vq, chain, 0);
    }
  virtq_notify (vq);
}

static void
card_send_ready (void *card)
{
  VirtioNet *net = card;

  device_lock (&net->virtio.pci.device);
  for (unsigned i = 0; i < (virtio_has_feature (&net->virtio, NET_F_MQ) ? net->max_pairs : 1); i++)
    virtio_net_transmit (net, &net->virtio.queues[2 * i + 1]);
  device_unlock (&net->virtio.pci.device);
}

/* --- to the guest --- */

static void
park_all (Virtq *vq, VirtqChain *chains, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    virtq_park (vq, &chains[i]);
}

typedef enum {
  BUFFERS_TAKEN,
  BUFFERS_MISSING,   /* the guest has to offer more */
  BUFFERS_TOO_SMALL, /* more won't help */
} Buffers;

/* Takes buffers for @size bytes; @n: how many they are. If they don't do, the queue has them back. */
static Buffers
take_buffers (VirtioNet *net, Virtq *vq, size_t size, unsigned *n)
{
  unsigned limit = virtio_has_feature (&net->virtio, NET_F_MRG_RXBUF) ? MIN (NET_MAX_MERGED, vq->size) : 1;
  uint64_t room = 0;

  for (*n = 0; room < size; (*n)++)
    {
      if (*n == limit)
        {
          GUEST_ERROR (net, "no room for a frame of %zu bytes in %u buffers", size, limit);
          park_all (vq, net->chains, *n);
          return BUFFERS_TOO_SMALL;
        }
      if (!virtq_pop (vq, &net->chains[*n]))
        {
          park_all (vq, net->chains, *n);
          return BUFFERS_MISSING;
        }
      room += net->chains[*n].in_size;
    }
  return BUFFERS_TAKEN;
}

/* Section 5.1.6.4.1. */
static void
write_header (const VirtioNet *net, const NetPacket *packet, unsigned n_buffers, uint8_t *header)
{
  const NetOffload *offload = &packet->offload;
  uint8_t tcp_offset = 0;

  memset (header, 0, HEADER_SIZE);
  store_le16 (header + HEADER_NUM_BUFFERS, (uint16_t)n_buffers);
  if (offload->checksum_needed)
    {
      header[HEADER_FLAGS] = FLAG_NEEDS_CHECKSUM;
      store_le16 (header + HEADER_CHECKSUM_START, offload->checksum_start);
      store_le16 (header + HEADER_CHECKSUM_OFFSET, offload->checksum_offset);
    }
  else if (offload->checksum_good && (net->guest_offloads & VIRTIO_FEATURE (NET_F_GUEST_CSUM)))
    header[HEADER_FLAGS] = FLAG_DATA_VALID;
  if (offload->gso != NET_GSO_NONE)
    {
      header[HEADER_GSO] = offload->gso == NET_GSO_TCP4 ? GSO_TCP4 : GSO_TCP6;
      iov_gather (packet->iov, packet->n_iov, offload->checksum_start + 12u, &tcp_offset, 1);
      store_le16 (header + HEADER_LENGTH, (uint16_t)(offload->checksum_start + (tcp_offset >> 4) * 4u));
      store_le16 (header + HEADER_SEGMENT_SIZE, offload->segment_size);
    }
}

/* Copies a frame's pieces into the buffers, after the header. */
static void
fill_buffers (VirtioNet *net, Virtq *vq, unsigned n, const NetPacket *packet)
{
  uint8_t header[HEADER_SIZE];
  uint32_t written[NET_MAX_MERGED] = { HEADER_SIZE };
  unsigned i = 0;

  write_header (net, packet, n, header);
  virtq_chain_write (&net->chains[0], 0, header, sizeof header);
  for (unsigned piece = 0; piece < packet->n_iov; piece++)
    {
      const uint8_t *from = packet->iov[piece].iov_base;
      size_t left = packet->iov[piece].iov_len;

      while (left > 0 && i < n)
        {
          size_t part = virtq_chain_write (&net->chains[i], written[i], from, left);

          written[i] += (uint32_t)part;
          from += part;
          left -= part;
          if (left > 0)
            i++;
        }
    }
  virtq_push_all (vq, net->chains, written, n);
}

/* A frame that a driver which is gone would have taken is lost. */
static bool
driver_takes (const VirtioNet *net, const NetOffload *offload)
{
  uint64_t needed = offload->checksum_needed ? VIRTIO_FEATURE (NET_F_GUEST_CSUM) : 0;

  if (offload->gso != NET_GSO_NONE)
    needed |= VIRTIO_FEATURE (offload->gso == NET_GSO_TCP4 ? NET_F_GUEST_TSO4 : NET_F_GUEST_TSO6);
  return (net->guest_offloads & needed) == needed;
}

static bool
receive_locked (VirtioNet *net, const NetPacket *packet)
{
  VirtioDevice *vdev = &net->virtio;
  size_t size = net_iov_size (packet->iov, packet->n_iov);
  uint8_t start[FLOW_SIZE];
  size_t n_start = iov_gather (packet->iov, packet->n_iov, 0, start, sizeof start);
  Virtq *vq = queue_for (net, start, n_start);
  unsigned n;

  if (!net->link_up || !virtq_is_live (vq) || !virtio_net_filter_passes (net, start, n_start)
      || !driver_takes (net, &packet->offload))
    return true;
  switch (take_buffers (net, vq, HEADER_SIZE + size, &n))
    {
    case BUFFERS_MISSING:
      net->rx_waiting = true;
      return false;
    case BUFFERS_TOO_SMALL:
      return true;
    case BUFFERS_TAKEN:
      break;
    }
  if (net->chains[0].in_size < HEADER_SIZE)
    {
      virtio_fail (vdev, "a receive buffer of %" G_GUINT64_FORMAT " bytes", net->chains[0].in_size);
      park_all (vq, net->chains, n);
      return true;
    }
  TRACE (vdev, "rx", "queue=%u size=%zu buffers=%u", vq->index, size, n);
  fill_buffers (net, vq, n, packet);
  return true;
}

static void
notify_receivers (VirtioNet *net)
{
  for (unsigned i = 0; i < net->n_pairs; i++)
    virtq_notify (&net->virtio.queues[2 * i]);
}

static bool
card_receive (void *card, const NetPacket *packet)
{
  VirtioNet *net = card;
  bool taken;

  device_lock (&net->virtio.pci.device);
  taken = receive_locked (net, packet);
  /* The guest must know of what it has before it offers more. */
  if (!taken)
    notify_receivers (net);
  device_unlock (&net->virtio.pci.device);
  return taken;
}

static void
card_receive_done (void *card)
{
  VirtioNet *net = card;

  device_lock (&net->virtio.pci.device);
  notify_receivers (net);
  device_unlock (&net->virtio.pci.device);
}

static void
card_guest_error (void *card, const char *message)
{
  GUEST_ERROR (card, "%s", message);
}

const NetCardOps virtio_net_card_ops = {
  .receive = card_receive,
  .receive_done = card_receive_done,
  .send_ready = card_send_ready,
  .guest_error = card_guest_error,
};

void
virtio_net_offer_again (VirtioNet *net)
{
  if (net->rx_waiting && net->backend)
    net_receive_ready (net->backend);
  net->rx_waiting = false;
}
