/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/nat-delivery.h"

#include "vmm/base/bytes.h"

#include <netinet/in.h>

#define TCP_CHECKSUM 16u

void
nat_delivery_init (NatDelivery *delivery, NetBackend *backend)
{
  *delivery = (NatDelivery){ .backend = backend, .flows = nat_flows_new () };
}

void
nat_delivery_clear (NatDelivery *delivery)
{
  net_queue_clear (&delivery->waiting);
  g_clear_pointer (&delivery->flows, nat_flows_free);
}

static bool
offer (NatDelivery *delivery, const NetPacket *packet)
{
  const NetCardOps *ops = delivery->backend->card_ops;

  if (!ops)
    return true;
  if (!net_offer (delivery->backend, packet))
    return false;
  delivery->offered = true;
  return true;
}

void
nat_delivery_done (NatDelivery *delivery)
{
  const NetCardOps *ops = delivery->backend->card_ops;

  if (delivery->offered && ops && ops->receive_done)
    ops->receive_done (delivery->backend->card);
  delivery->offered = false;
}

static bool
deliver (void *data, const NetPacket *packet)
{
  NatDelivery *delivery = data;

  /* A full queue loses frames, as a switch does; TCP sends them again. */
  if (!net_queue_is_empty (&delivery->waiting) || !offer (delivery, packet))
    net_queue_push (&delivery->waiting, packet);
  return true;
}

/* A segment that the guest cuts itself; what it is told of the checksum is what one computed piece by piece
 * begins with. */
static void
deliver_large (NatDelivery *delivery, const uint8_t *frame, size_t size, const NetLayout *layout,
               unsigned segment_size)
{
  uint8_t headers[NET_HEADERS_MAX];
  const struct iovec iov[] = { { headers, layout->payload },
                               { (void *)(frame + layout->payload), size - layout->payload } };
  const NetPacket packet = {
    .iov = iov,
    .n_iov = G_N_ELEMENTS (iov),
    .offload = { .checksum_needed = true,
                 .checksum_start = (uint16_t)layout->transport,
                 .checksum_offset = TCP_CHECKSUM,
                 .gso = NET_GSO_TCP4,
                 .segment_size = (uint16_t)segment_size },
  };

  memcpy (headers, frame, layout->payload);
  store_be16 (headers + layout->transport + TCP_CHECKSUM,
              net_sum_fold (net_sum_pseudo (frame, layout, layout->end - layout->transport)));
  deliver (delivery, &packet);
}

/* More than the network carries at a time. */
static void
send_large_packet (NatDelivery *delivery, const uint8_t *frame, size_t size)
{
  int abilities = g_atomic_int_get (&delivery->backend->card_abilities);
  NetLayout layout;
  unsigned segment_size;

  if (!net_layout_read (&layout, frame, size, false) || layout.ipv6 || layout.end != size)
    return;
  if (layout.protocol != IPPROTO_TCP || layout.fragment)
    {
      net_cut_ipv4 (frame, size, NAT_MTU, deliver, delivery);
      return;
    }
  segment_size = nat_flows_segment_size (delivery->flows, frame, &layout);
  if (abilities & NET_CARD_TSO4)
    deliver_large (delivery, frame, size, &layout, segment_size);
  else
    net_cut_tcp (frame, size, segment_size, deliver, delivery);
}

void
nat_deliver (NatDelivery *delivery, const uint8_t *frame, size_t size)
{
  const struct iovec iov = { (void *)frame, size };
  const NetPacket packet = { .iov = &iov, .n_iov = 1, .offload.checksum_good = true };

  if (size > NET_HEADER + NAT_MTU)
    send_large_packet (delivery, frame, size);
  else
    deliver (delivery, &packet);
}

void
nat_deliver_waiting (NatDelivery *delivery)
{
  NetFrame *frame;

  while ((frame = net_queue_peek (&delivery->waiting)))
    {
      const struct iovec iov = { frame->data, frame->size };

      if (!offer (delivery, &(NetPacket){ .iov = &iov, .n_iov = 1, .offload = frame->offload }))
        break;
      g_free (net_queue_pop (&delivery->waiting));
    }
}
