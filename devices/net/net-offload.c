/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/net/net-offload.h"

#include "vmm/base/bytes.h"

#include <netinet/in.h>

enum {
  ETHER_TYPE = 12,
  TYPE_IPV4 = 0x0800,
  TYPE_IPV6 = 0x86dd,
  TYPE_VLAN = 0x8100,
  VLAN_TAG = 4,
};

/* RFC 791, section 3.1. */
enum {
  IP4_LENGTH = 2,
  IP4_ID = 4,
  IP4_FRAGMENT = 6,
  IP4_PROTOCOL = 9,
  IP4_CHECKSUM = 10,
  IP4_SOURCE = 12,
  IP4_HEADER = 20,
  IP4_ADDRESSES = 8,
  IP4_DONT_FRAGMENT = 0x4000,
  IP4_MORE_FRAGMENTS = 0x2000,
  IP4_OFFSET = 0x1fff,
};

/* RFC 8200, section 3. */
enum {
  IP6_LENGTH = 4,
  IP6_NEXT = 6,
  IP6_SOURCE = 8,
  IP6_HEADER = 40,
  IP6_ADDRESSES = 32,
};

/* RFC 9293, section 3.1. */
enum {
  TCP_SEQUENCE = 4,
  TCP_OFFSET = 12,
  TCP_FLAGS = 13,
  TCP_CHECKSUM = 16,
  TCP_HEADER = 20,
};

/* --- headers --- */

static bool
read_ipv4 (NetLayout *layout, const uint8_t *frame, size_t size, bool any_length)
{
  const uint8_t *ip = frame + layout->network;
  size_t room = size - layout->network;
  unsigned header, length;

  if (room < IP4_HEADER || ip[0] >> 4 != 4)
    return false;
  header = (ip[0] & 0x0fu) * 4;
  length = any_length ? (unsigned)MIN (room, UINT16_MAX) : load_be16 (ip + IP4_LENGTH);
  if (header < IP4_HEADER || length < header || length > room)
    return false;
  layout->protocol = ip[IP4_PROTOCOL];
  layout->fragment = load_be16 (ip + IP4_FRAGMENT) & (IP4_MORE_FRAGMENTS | IP4_OFFSET);
  layout->transport = layout->network + header;
  layout->end = layout->network + length;
  return true;
}

static bool
read_ipv6 (NetLayout *layout, const uint8_t *frame, size_t size, bool any_length)
{
  const uint8_t *ip = frame + layout->network;
  size_t room = size - layout->network;
  unsigned length;

  if (room < IP6_HEADER || ip[0] >> 4 != 6)
    return false;
  length = any_length ? (unsigned)MIN (room - IP6_HEADER, UINT16_MAX) : load_be16 (ip + IP6_LENGTH);
  if (length > room - IP6_HEADER)
    return false;
  layout->ipv6 = true;
  layout->protocol = ip[IP6_NEXT];
  layout->transport = layout->network + IP6_HEADER;
  layout->end = layout->transport + length;
  return true;
}

bool
net_layout_read (NetLayout *layout, const uint8_t *frame, size_t size, bool any_length)
{
  unsigned type_at = ETHER_TYPE;
  unsigned type, header;

  *layout = (NetLayout){ 0 };
  if (size < NET_HEADER + VLAN_TAG)
    return false;
  type = load_be16 (frame + type_at);
  if (type == TYPE_VLAN)
    type = load_be16 (frame + (type_at += VLAN_TAG));
  layout->network = type_at + 2;
  if (!(type == TYPE_IPV4   ? read_ipv4 (layout, frame, size, any_length)
        : type == TYPE_IPV6 ? read_ipv6 (layout, frame, size, any_length)
                            : false))
    return false;
  layout->payload = layout->transport;
  if (layout->protocol != IPPROTO_TCP || layout->fragment)
    return true;
  if (layout->end - layout->transport < TCP_HEADER)
    return false;
  header = (frame[layout->transport + TCP_OFFSET] >> 4) * 4u;
  layout->payload = layout->transport + header;
  return header >= TCP_HEADER && layout->payload <= layout->end;
}

/* --- checksums --- */

uint64_t
net_sum_add (uint64_t sum, const void *data, size_t size)
{
  const uint8_t *bytes = data;
  uint64_t wide = 0;

  /* Section 2(B) of RFC 1071: the order of bytes doesn't matter until the end; nor does the width of the
   * words. */
  for (; size >= 16; size -= 16, bytes += 16)
    {
      uint64_t low, high;

      memcpy (&low, bytes, 8);
      memcpy (&high, bytes + 8, 8);
      wide += (low & UINT32_MAX) + (low >> 32) + (high & UINT32_MAX) + (high >> 32);
    }
  for (; size >= 2; size -= 2, bytes += 2)
    {
      uint16_t word;

      memcpy (&word, bytes, 2);
      wide += word;
    }
  if (size > 0)
    wide += GUINT16_FROM_LE ((uint16_t)bytes[0]);
  return sum + GUINT16_FROM_BE (net_sum_fold (wide));
}

uint16_t
net_sum_fold (uint64_t sum)
{
  while (sum > UINT16_MAX)
    sum = (sum & UINT16_MAX) + (sum >> 16);
  return (uint16_t)sum;
}

uint64_t
net_sum_pseudo (const uint8_t *frame, const NetLayout *layout, size_t length)
{
  const uint8_t *ip = frame + layout->network;

  return net_sum_add (layout->protocol + (uint64_t)length, ip + (layout->ipv6 ? IP6_SOURCE : IP4_SOURCE),
                      layout->ipv6 ? IP6_ADDRESSES : IP4_ADDRESSES);
}

static void
set_ipv4_header (uint8_t *ip, unsigned header, unsigned length)
{
  store_be16 (ip + IP4_LENGTH, (uint16_t)length);
  store_be16 (ip + IP4_CHECKSUM, 0);
  store_be16 (ip + IP4_CHECKSUM, (uint16_t)~net_sum_fold (net_sum_add (0, ip, header)));
}

static void
set_ip_length (uint8_t *frame, const NetLayout *layout, unsigned transport_size)
{
  uint8_t *ip = frame + layout->network;
  unsigned header = layout->transport - layout->network;

  if (layout->ipv6)
    store_be16 (ip + IP6_LENGTH, (uint16_t)transport_size);
  else
    set_ipv4_header (ip, header, header + transport_size);
}

static bool
is_large_tcp (NetLayout *layout, const uint8_t *frame, size_t size)
{
  return net_layout_read (layout, frame, size, true) && layout->protocol == IPPROTO_TCP && !layout->fragment
         && layout->end == size;
}

static bool
complete_tcp (uint8_t *frame, size_t size)
{
  NetLayout layout;
  uint8_t *tcp;
  size_t length;

  if (!is_large_tcp (&layout, frame, size))
    return false;
  tcp = frame + layout.transport;
  length = size - layout.transport;
  set_ip_length (frame, &layout, (unsigned)length);
  store_be16 (tcp + TCP_CHECKSUM, 0);
  store_be16 (tcp + TCP_CHECKSUM,
              (uint16_t)~net_sum_fold (net_sum_add (net_sum_pseudo (frame, &layout, length), tcp, length)));
  return true;
}

bool
net_complete (uint8_t *frame, size_t size, const NetOffload *offload)
{
  unsigned start = offload->checksum_start;
  unsigned at = start + offload->checksum_offset;
  uint16_t sum;

  if (offload->gso != NET_GSO_NONE)
    return complete_tcp (frame, size);
  if (!offload->checksum_needed)
    return true;
  if (start > size || at + 2 > size)
    return false;
  sum = (uint16_t)~net_sum_fold (net_sum_add (0, frame + start, size - start));
  /* RFC 768: to UDP, 0 is no checksum; to the others both zeroes are the same. */
  store_be16 (frame + at, sum == 0 ? UINT16_MAX : sum);
  return true;
}

/* --- cutting --- */

typedef struct {
  const uint8_t *frame;
  NetLayout layout;
  uint8_t headers[NET_HEADERS_MAX];
} Cut;

static bool
emit (Cut *cut, unsigned header, size_t offset, size_t size, NetCutFunc func, void *data)
{
  struct iovec iov[] = { { cut->headers, header }, { (uint8_t *)cut->frame + offset, size } };
  NetPacket packet = { .iov = iov, .n_iov = size > 0 ? 2 : 1, .offload.checksum_good = true };

  return func (data, &packet);
}

/* What the segment that begins at @offset of the payload gets for a header. */
static void
set_tcp_header (Cut *cut, unsigned number, size_t offset, size_t size, bool last)
{
  const NetLayout *layout = &cut->layout;
  const uint8_t *original = cut->frame + layout->transport;
  uint8_t *ip = cut->headers + layout->network, *tcp = cut->headers + layout->transport;
  unsigned header = layout->payload - layout->transport;
  uint64_t sum;

  if (!layout->ipv6)
    store_be16 (ip + IP4_ID, (uint16_t)(load_be16 (cut->frame + layout->network + IP4_ID) + number));
  set_ip_length (cut->headers, layout, header + (unsigned)size);
  store_be32 (tcp + TCP_SEQUENCE, load_be32 (original + TCP_SEQUENCE) + (uint32_t)offset);
  tcp[TCP_FLAGS] = original[TCP_FLAGS];
  if (!last)
    tcp[TCP_FLAGS] &= ~(NET_TCP_FIN | NET_TCP_PSH);
  if (number > 0)
    tcp[TCP_FLAGS] &= (uint8_t)~NET_TCP_CWR; /* RFC 3168, section 6.1.2: once per window */
  store_be16 (tcp + TCP_CHECKSUM, 0);
  sum = net_sum_pseudo (cut->headers, layout, header + size);
  sum = net_sum_add (sum, tcp, header);
  sum = net_sum_add (sum, cut->frame + layout->payload + offset, size);
  store_be16 (tcp + TCP_CHECKSUM, (uint16_t)~net_sum_fold (sum));
}

bool
net_cut_tcp (const uint8_t *frame, size_t size, unsigned segment_size, NetCutFunc func, void *data)
{
  Cut cut = { .frame = frame };
  size_t payload, offset = 0;
  unsigned number = 0;

  if (segment_size == 0 || !is_large_tcp (&cut.layout, frame, size) || cut.layout.payload > NET_HEADERS_MAX)
    return false;
  memcpy (cut.headers, frame, cut.layout.payload);
  payload = size - cut.layout.payload;
  do
    {
      size_t part = MIN (payload - offset, segment_size);

      set_tcp_header (&cut, number++, offset, part, offset + part == payload);
      if (!emit (&cut, cut.layout.payload, cut.layout.payload + offset, part, func, data))
        return false;
      offset += part;
    }
  while (offset < payload);
  return true;
}

bool
net_cut_ipv4 (const uint8_t *frame, size_t size, unsigned mtu, NetCutFunc func, void *data)
{
  Cut cut = { .frame = frame };
  unsigned network, header, part_max, flags;
  size_t payload, offset = 0;

  /* TCP's header, where it is one, is of no interest. */
  if (!net_layout_read (&cut.layout, frame, size, false) || cut.layout.ipv6
      || (load_be16 (frame + cut.layout.network + IP4_FRAGMENT) & IP4_DONT_FRAGMENT))
    return false;
  network = cut.layout.network;
  header = cut.layout.transport - network;
  if (mtu < header + 8)
    return false;
  flags = load_be16 (frame + network + IP4_FRAGMENT);
  part_max = (mtu - header) & ~7u;
  payload = cut.layout.end - cut.layout.transport;
  memcpy (cut.headers, frame, cut.layout.transport);
  do
    {
      size_t part = MIN (payload - offset, part_max);
      bool more = offset + part < payload || (flags & IP4_MORE_FRAGMENTS);

      store_be16 (cut.headers + network + IP4_FRAGMENT,
                  (uint16_t)(((flags & IP4_OFFSET) + offset / 8) | (more ? IP4_MORE_FRAGMENTS : 0)));
      set_ipv4_header (cut.headers + network, header, header + (unsigned)part);
      if (!emit (&cut, cut.layout.transport, cut.layout.transport + offset, part, func, data))
        return false;
      offset += part;
    }
  while (offset < payload);
  return true;
}
