/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/loop/loop.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * NetBackend: what is at the other end of a network card's cable. It carries Ethernet frames
 * without FCS, 14 to NET_FRAME_MAX bytes; others are dropped.
 *
 * Threading: net_send and net_receive_ready: any thread, a device's lock may be held; they only queue.
 * The card's callbacks run on the loop's thread and may take the card's lock. net_attach: once, before the
 * first frame. net_free: on the loop's thread, without locks; no callback comes after it.
 */
typedef struct NetBackend NetBackend;

#define NET_FRAME_MAX 9018u /* jumbo frames */
#define NET_QUEUE_MAX 256u  /* frames that wait in one direction */
#define NET_HEADER    14u

/* The card's side. */
typedef struct {
  /* Takes a frame for the guest. False if there is no room now: the backend keeps the frame, offers it again
   * after net_receive_ready, and until then takes nothing more from the network than it has to. */
  bool (*receive) (void *card, const void *frame, size_t size);

  /* After a net_send that was refused: there is room again. */
  void (*send_ready) (void *card);

  /* What the guest sent that made no sense. May be NULL. */
  void (*guest_error) (void *card, const char *message);
} NetCardOps;

typedef struct {
  bool (*send) (NetBackend *backend, const struct iovec *iov, unsigned n_iov);
  void (*receive_ready) (NetBackend *backend);
  void (*free) (NetBackend *backend);
} NetBackendOps;

/* First member of every backend. */
struct NetBackend {
  const NetBackendOps *ops;
  const NetCardOps *card_ops; /* NULL: not attached */
  void *card;
};

/**
 * net_nat_new:
 *
 * A private network behind the host's: DHCP gives the guest 10.0.2.15, the gateway 10.0.2.2 is the host
 * itself, DNS at 10.0.2.3 is the host's. Outgoing TCP, UDP and ping; nothing from outside gets in. Returns:
 * (transfer full).
 */
NetBackend *net_nat_new (EventLoop *loop, GError **error);
void net_free (NetBackend *backend);

void net_attach (NetBackend *backend, const NetCardOps *ops, void *card);

/* Queues a frame of the guest's. False if the queue is full: send_ready will tell. */
bool net_send (NetBackend *backend, const struct iovec *iov, unsigned n_iov);

/* After a refused receive: offer again. Spurious calls do no harm. */
void net_receive_ready (NetBackend *backend);

/* --- for backends: a queue of frames with NET_QUEUE_MAX places; its owner locks --- */

typedef struct {
  size_t size;
  uint8_t data[];
} NetFrame;

typedef struct {
  GQueue frames; /* of NetFrame */
} NetQueue;

void net_queue_clear (NetQueue *queue);
bool net_queue_is_full (const NetQueue *queue);
bool net_queue_is_empty (const NetQueue *queue);

/* Copies a frame. False, and nothing is queued, if its size is out of range or the queue is full. */
bool net_queue_push (NetQueue *queue, const struct iovec *iov, unsigned n_iov);
NetFrame *net_queue_peek (NetQueue *queue); /* the oldest; NULL: none */
NetFrame *net_queue_pop (NetQueue *queue);  /* (transfer full): for g_free */

/* Sum of lengths; SIZE_MAX if it overflows. */
size_t net_iov_size (const struct iovec *iov, unsigned n_iov);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NetBackend, net_free)

G_END_DECLS
