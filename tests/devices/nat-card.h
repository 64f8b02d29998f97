/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net-offload.h"
#include "tests/devices/net-frames.h"
#include "vmm/loop/loop-private.h"

G_BEGIN_DECLS

#define CARD_WAIT_SECONDS 20
#define CARD_SEGMENT_SIZE 1400u /* of what comes in large segments */

/* A network card in front of the NAT, in the tests' hands. */
typedef struct {
  EventLoop *loop;
  NetBackend *net;
  size_t largest; /* segment that came whole */
  GMutex lock;
  GCond cond;
  GQueue frames; /* of GBytes: what arrived and wasn't looked at */
  bool blocked;  /* takes nothing */
  unsigned n_refused, n_ready;
} Card;

/* The NAT has been told who we are. */
Card *card_new (void);
void card_free (Card *card);
void card_send (Card *card, const uint8_t *frame, size_t size);

/* The next frame that arrives, after answering those that ask for our address. (transfer full) */
GBytes *card_next_frame (Card *card);

G_END_DECLS
