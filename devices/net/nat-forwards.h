/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/nat-knock.h"
#include "devices/net/net-forward.h"

G_BEGIN_DECLS

/*
 * The NAT's forwarded ports: which of libslirp's listening sockets it may look at. While a guest starts, who
 * connects waits: the guest is asked, now and then, whether it answers, and libslirp, which would ask once,
 * takes the connection when it does. Two minutes after the start, or once it has answered, connections go to
 * the guest as they come.
 *
 * Threading: the loop's thread.
 */
typedef struct NatForwards NatForwards;

typedef struct {
  void (*send) (void *data, const uint8_t *frame, size_t size); /* to the guest */
  void (*turn) (void *data);                                    /* some socket is libslirp's from now on */
} NatForwardsOps;

NatForwards *nat_forwards_new (EventLoop *loop, const NatForwardsOps *ops, void *data);
void nat_forwards_free (NatForwards *forwards);

/* @fd: the socket with that port; libslirp's. */
void nat_forwards_add (NatForwards *forwards, const NetForward *forward, int fd);
/* Forgets the one of that protocol, address and port. Returns: whether it was there. */
bool nat_forwards_remove (NatForwards *forwards, const NetForward *forward);

/* @polled: (element-type struct pollfd): what libslirp waits for, with what has happened. What isn't
 * libslirp's business yet is taken out, and the guest asked about it. */
void nat_forwards_look (NatForwards *forwards, GArray *polled);
/* @polled: the same, about to be waited for. @full: no more sockets are to be opened. */
void nat_forwards_mask (NatForwards *forwards, GArray *polled, bool full);

/* A frame of the guest's. Returns: whether it was an answer to what was asked here, which is nobody else's.
 */
bool nat_forwards_take (NatForwards *forwards, const uint8_t *frame, size_t size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NatForwards, nat_forwards_free)

G_END_DECLS
