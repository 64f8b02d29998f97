/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/nat-knock.h"

#include "devices/net/net-offload.h"
#include "vmm/base/bytes.h"

#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP  0x0806u
#define ARP_SIZE       (NET_HEADER + 28u)
#define ARP_REQUEST    1u
#define ARP_REPLY      2u

#define GATEWAY      0x0a000202u
#define IP           NET_HEADER
#define IP_SIZE      20u
#define TCP          (IP + IP_SIZE)
#define TCP_SIZE     20u
#define TCP_CHECKSUM 16u

/* As libslirp answers for the gateway. */
static const uint8_t gateway_mac[NET_MAC_SIZE] = { 0x52, 0x55, 10, 0, 2, 2 };

static void
write_ethernet (uint8_t *frame, const uint8_t *mac, uint16_t type)
{
  memset (frame, 0, NAT_KNOCK_MAX);
  memcpy (frame, mac, NET_MAC_SIZE);
  memcpy (frame + NET_MAC_SIZE, gateway_mac, NET_MAC_SIZE);
  store_be16 (frame + 12, type);
}

/* --- ARP --- */

size_t
nat_knock_ask (uint8_t *frame, uint32_t guest)
{
  static const uint8_t everybody[NET_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  uint8_t *arp = frame + NET_HEADER;

  write_ethernet (frame, everybody, ETHERTYPE_ARP);
  store_be16 (arp, 1); /* Ethernet */
  store_be16 (arp + 2, ETHERTYPE_IPV4);
  arp[4] = NET_MAC_SIZE;
  arp[5] = 4;
  store_be16 (arp + 6, ARP_REQUEST);
  memcpy (arp + 8, gateway_mac, NET_MAC_SIZE);
  store_be32 (arp + 14, GATEWAY);
  store_be32 (arp + 24, guest);
  return NAT_KNOCK_MAX;
}

bool
nat_knock_is_here (const uint8_t *frame, size_t size, uint32_t guest, uint8_t *mac)
{
  const uint8_t *arp = frame + NET_HEADER;

  if (size < ARP_SIZE || load_be16 (frame + 12) != ETHERTYPE_ARP || load_be16 (arp + 6) != ARP_REPLY
      || arp[4] != NET_MAC_SIZE || arp[5] != 4 || load_be32 (arp + 14) != guest)
    return false;
  memcpy (mac, arp + 8, NET_MAC_SIZE);
  return (mac[0] & 1) == 0; /* a card's, not a group's */
}

/* --- TCP --- */

static size_t
write_segment (uint8_t *frame, const uint8_t *mac, const NatKnock *knock, uint32_t sequence, uint8_t flags)
{
  uint8_t *ip = frame + IP, *tcp = frame + TCP;
  NetLayout layout;

  write_ethernet (frame, mac, ETHERTYPE_IPV4);
  ip[0] = 4 << 4 | IP_SIZE / 4;
  store_be16 (ip + 2, IP_SIZE + TCP_SIZE);
  ip[8] = 64;
  ip[9] = IPPROTO_TCP;
  store_be32 (ip + 12, GATEWAY);
  store_be32 (ip + 16, knock->guest);
  store_be16 (ip + 10, (uint16_t)~net_sum_fold (net_sum_add (0, ip, IP_SIZE)));
  store_be16 (tcp, knock->port);
  store_be16 (tcp + 2, knock->guest_port);
  store_be32 (tcp + 4, sequence);
  tcp[12] = TCP_SIZE / 4 << 4;
  tcp[13] = flags;
  store_be16 (tcp + 14, 8192);
  if (net_layout_read (&layout, frame, NAT_KNOCK_MAX, false))
    {
      uint64_t sum = net_sum_pseudo (frame, &layout, TCP_SIZE);

      store_be16 (tcp + TCP_CHECKSUM, (uint16_t)~net_sum_fold (net_sum_add (sum, tcp, TCP_SIZE)));
    }
  return NAT_KNOCK_MAX;
}

size_t
nat_knock_open (uint8_t *frame, const uint8_t *mac, const NatKnock *knock)
{
  return write_segment (frame, mac, knock, knock->sequence, NET_TCP_SYN);
}

size_t
nat_knock_reset (uint8_t *frame, const uint8_t *mac, const NatKnock *knock)
{
  return write_segment (frame, mac, knock, knock->sequence + 1, NET_TCP_RST);
}

NatAnswer
nat_knock_read (const uint8_t *frame, size_t size, const NatKnock *knock)
{
  const uint8_t *ip, *tcp;
  NetLayout layout;
  uint8_t flags;

  if (!net_layout_read (&layout, frame, size, false) || layout.ipv6 || layout.fragment
      || layout.protocol != IPPROTO_TCP)
    return NAT_ANSWER_NONE;
  ip = frame + layout.network;
  tcp = frame + layout.transport;
  if (load_be32 (ip + 12) != knock->guest || load_be32 (ip + 16) != GATEWAY
      || load_be16 (tcp) != knock->guest_port || load_be16 (tcp + 2) != knock->port
      || load_be32 (tcp + 8) != knock->sequence + 1)
    return NAT_ANSWER_NONE;
  flags = tcp[13] & (NET_TCP_SYN | NET_TCP_ACK | NET_TCP_RST);
  if (flags == (NET_TCP_SYN | NET_TCP_ACK))
    return NAT_ANSWER_OPEN;
  return flags & NET_TCP_RST ? NAT_ANSWER_CLOSED : NAT_ANSWER_NONE;
}
