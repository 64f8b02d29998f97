/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net-forward.h"
#include "devices/net/net.h"

G_BEGIN_DECLS

/*
 * Asking a guest, as the gateway, whether it is there (ARP, RFC 826) and whether one of its ports is open
 * (TCP's handshake, RFC 9293, broken off). Pure functions. What guests send is hostile.
 */

#define NAT_KNOCK_MAX 60u /* bytes of a frame */

/* Where a port is knocked at, and how the answer is known. */
typedef struct {
  uint32_t guest;
  uint16_t guest_port;
  uint16_t port;     /* the gateway's */
  uint32_t sequence; /* a new random number each time */
} NatKnock;

typedef enum {
  NAT_ANSWER_NONE, /* the frame is something else */
  NAT_ANSWER_OPEN,
  NAT_ANSWER_CLOSED,
} NatAnswer;

/* Asks for the hardware address of @guest. Returns: the size of @frame, of NAT_KNOCK_MAX. */
size_t nat_knock_ask (uint8_t *frame, uint32_t guest);
/* Whether @frame of the guest's says that @guest is at @mac (out, NET_MAC_SIZE bytes). */
bool nat_knock_is_here (const uint8_t *frame, size_t size, uint32_t guest, uint8_t *mac);

size_t nat_knock_open (uint8_t *frame, const uint8_t *mac, const NatKnock *knock);
/* Takes back what was answered with NAT_ANSWER_OPEN. */
size_t nat_knock_reset (uint8_t *frame, const uint8_t *mac, const NatKnock *knock);
NatAnswer nat_knock_read (const uint8_t *frame, size_t size, const NatKnock *knock);

G_END_DECLS
