/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net.h"

G_BEGIN_DECLS

/*
 * What network cards do for their drivers: checksums, and cutting TCP segments that are too large for the
 * wire (RFC 791, 793, 1071, 8200). Pure functions. Frames come from guests and are hostile: what is no such
 * frame is said to be none.
 */

#define NET_HEADERS_MAX 138u /* Ethernet with a VLAN tag, and the longest headers of IPv4 and TCP */

enum {
  NET_TCP_FIN = 1 << 0,
  NET_TCP_SYN = 1 << 1,
  NET_TCP_RST = 1 << 2,
  NET_TCP_PSH = 1 << 3,
  NET_TCP_ACK = 1 << 4,
  NET_TCP_CWR = 1 << 7,
};

/* Where the parts of a TCP segment or UDP datagram in one frame are. */
typedef struct {
  bool ipv6;
  bool fragment;      /* of IPv4: transport may be anything */
  uint8_t protocol;   /* IPPROTO_TCP, ... */
  unsigned network;   /* IP's header */
  unsigned transport; /* what follows it */
  unsigned payload;   /* TCP only: what follows that */
  unsigned end;       /* by IP's length */
} NetLayout;

/* Reads a frame's headers; false unless they are IP's, and whole as far as @layout tells of them.
 * @any_length: IP's length isn't filled in yet, all of the frame counts. IPv6's extension headers are not
 * looked behind. */
bool net_layout_read (NetLayout *layout, const uint8_t *frame, size_t size, bool any_length);

/* RFC 1071: adds @size bytes, at an even place, to a sum that begins with 0. */
uint64_t net_sum_add (uint64_t sum, const void *data, size_t size);
uint16_t net_sum_fold (uint64_t sum); /* 16 bits, not complemented, in the host's order */

/* The part of TCP's or UDP's checksum that isn't in their packet, for @length bytes of it. */
uint64_t net_sum_pseudo (const uint8_t *frame, const NetLayout *layout, size_t length);

/* Fills in what @offload says is to be done; of a large segment of TCP too, which then is one large frame
 * with right lengths and checksums. False if @frame isn't what @offload says. */
bool net_complete (uint8_t *frame, size_t size, const NetOffload *offload);

/* Takes a piece: false ends the cutting. @packet is the callee's only until it returns. */
typedef bool (*NetCutFunc) (void *data, const NetPacket *packet);

/* Cuts a segment of TCP of any size, whose lengths may be wrong and checksums missing, into frames with up to
 * @segment_size bytes of payload each. False if it is no such segment, or @func ended it. */
bool net_cut_tcp (const uint8_t *frame, size_t size, unsigned segment_size, NetCutFunc func, void *data);

/* Cuts a complete packet of IPv4 into fragments of up to @mtu bytes (68 or more). False if it is none, may
 * not be fragmented, or @func ended it. */
bool net_cut_ipv4 (const uint8_t *frame, size_t size, unsigned mtu, NetCutFunc func, void *data);

G_END_DECLS
