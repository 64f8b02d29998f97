/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/nat-flows.h"

G_BEGIN_DECLS

/* What the network is said to carry, and what passes through libslirp at a time. While there is more to come
 * libslirp sends whole segments only, or waits for seconds: one must fit into the window of a guest that is
 * short of memory, of which Linux leaves four ordinary segments. libslirp makes its own as large as the MTU
 * allows. */
#define NAT_MTU           1500u
#define NAT_LARGE_SEGMENT (4u * 1460u)
#define NAT_LARGE_MTU     (NAT_LARGE_SEGMENT + 40u)

/* The NAT's way to the guest: whole or cut, as the card takes it, and a queue for what it refuses. On the
 * loop's thread. */
typedef struct {
  NetBackend *backend;
  NatFlows *flows;
  NetQueue waiting; /* what the card refused */
  bool offered;     /* the card took something, and wasn't told that this is all */
} NatDelivery;

void nat_delivery_init (NatDelivery *delivery, NetBackend *backend);
void nat_delivery_clear (NatDelivery *delivery);

/* A frame of libslirp's, of up to NAT_LARGE_MTU. Where the queue is full it is lost. */
void nat_deliver (NatDelivery *delivery, const uint8_t *frame, size_t size);

/* Offers again what was refused. */
void nat_deliver_waiting (NatDelivery *delivery);

/* Nothing more comes for now. */
void nat_delivery_done (NatDelivery *delivery);

G_END_DECLS
