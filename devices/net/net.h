/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net-forward.h"
#include "vmm/loop/loop.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * NetBackend: what is at the other end of a network card's cable. It carries Ethernet frames
 * without FCS, 14 to NET_FRAME_MAX bytes, and what is to become several of those (NetOffload), up to
 * NET_PACKET_MAX bytes; others are dropped.
 *
 * Threading: net_send, net_receive_ready and net_set_card_abilities: any thread, a device's lock may be held;
 * they only queue. The card's callbacks run on the loop's thread and may take the card's lock. net_attach:
 * once, before the first frame. net_free: on the loop's thread, without locks; no callback comes after it.
 */
typedef struct NetBackend NetBackend;

#define NET_FRAME_MAX  9018u             /* jumbo frames */
#define NET_PACKET_MAX (14u + 4 + 65535) /* an IP packet of any size, with a VLAN tag */
#define NET_QUEUE_MAX  256u              /* frames that wait in one direction ... */
#define NET_QUEUE_SIZE (4u << 20)        /* ... and their bytes */
#define NET_HEADER     14u
#define NET_MAC_SIZE   6u

typedef enum {
  NET_GSO_NONE,
  NET_GSO_TCP4,
  NET_GSO_TCP6,
} NetGso;

/* What is left to do with a frame, by whoever can't pass it on as it is. All zero: nothing. */
typedef struct {
  bool checksum_needed; /* ones' complement sum of all from checksum_start on, to checksum_offset from there;
                           what is there now is part of it: the pseudo header's */
  bool checksum_good;   /* whoever made the frame vouches for TCP's or UDP's checksum */
  uint16_t checksum_start, checksum_offset;
  NetGso gso; /* one segment of TCP that is to become several; no checksum and no IP length counts */
  uint16_t segment_size; /* ... of so many bytes after TCP's header at most; never 0 */
} NetOffload;

/* A frame in pieces. Whoever receives one keeps no pointer to it. */
typedef struct {
  const struct iovec *iov;
  unsigned n_iov;
  NetOffload offload;
} NetPacket;

/* What a card takes besides finished frames. */
enum {
  NET_CARD_CHECKSUM = 1 << 0, /* checksum_needed */
  NET_CARD_TSO4 = 1 << 1,     /* NET_GSO_TCP4, always with checksum_needed */
};

/* What a cable carried; a large segment is one packet. "sent": by the guest. */
typedef struct {
  uint64_t sent, sent_bytes;
  uint64_t received, received_bytes;
} NetCounters;

/* The card's side. */
typedef struct {
  /* Takes a frame for the guest. False if there is no room now: the backend keeps the frame, offers it again
   * after net_receive_ready, and until then takes nothing more from the network than it has to. */
  bool (*receive) (void *card, const NetPacket *packet);

  /* No further receive comes for now: time to interrupt the guest. May be NULL. */
  void (*receive_done) (void *card);

  /* After a net_send that was refused: there is room again. */
  void (*send_ready) (void *card);

  /* What the guest sent that made no sense. May be NULL. */
  void (*guest_error) (void *card, const char *message);
} NetCardOps;

typedef struct {
  bool (*send) (NetBackend *backend, const NetPacket *packet);
  void (*receive_ready) (NetBackend *backend);
  /* Both NULL: it has no ports to forward. */
  bool (*add_forward) (NetBackend *backend, const NetForward *forward, int fd, GError **error);
  void (*remove_forward) (NetBackend *backend, const NetForward *forward);
  void (*free) (NetBackend *backend);
} NetBackendOps;

/* First member of every backend. */
struct NetBackend {
  const NetBackendOps *ops;
  const NetCardOps *card_ops; /* NULL: not attached */
  void *card;
  int card_abilities; /* NET_CARD_*; atomic */
  NetCounters counters; /* counter.h: who sends holds the card's lock, who receives is the loop's thread */
};

/**
 * net_nat_new:
 *
 * A private network behind the host's: DHCP gives the guest 10.0.2.15, the gateway 10.0.2.2 is the host
 * itself, DNS at 10.0.2.3 is the host's. Outgoing TCP, UDP and ping; nothing from outside gets in but to ports
 * that are forwarded. Returns: (transfer full).
 */
NetBackend *net_nat_new (EventLoop *loop, GError **error);
void net_free (NetBackend *backend);

void net_attach (NetBackend *backend, const NetCardOps *ops, void *card);

/**
 * net_add_forward:
 * @backend: (nullable): a cable that is out
 * @fd: what net_forward_listen gave for @forward; stays the caller's, who may close it at once
 *
 * Who connects there reaches the guest from now on; while that starts it is waited for. Any thread but the loop's, or
 * the loop's; no lock held. False with @error set: there is no NAT, or it can't.
 */
bool net_add_forward (NetBackend *backend, EventLoop *loop, const NetForward *forward, int fd, GError **error);

/* The end of it: @forward as it was added, with the port at which the host really listens. Connections that there are
 * go on. Threads: as net_add_forward. */
void net_remove_forward (NetBackend *backend, EventLoop *loop, const NetForward *forward);

/* @backend: (nullable): zeroes. Any thread. */
void net_get_counters (const NetBackend *backend, NetCounters *counters);

/* Offers the card a frame: its receive, counted. On the loop's thread. */
bool net_offer (NetBackend *backend, const NetPacket *packet);

/* Queues a frame of the guest's. False if the queue is full: send_ready will tell. Nonsense is dropped. */
bool net_send (NetBackend *backend, const NetPacket *packet);

/* What the guest's driver takes from now on; at first nothing special. */
void net_set_card_abilities (NetBackend *backend, int abilities);

/* After a refused receive: offer again. Spurious calls do no harm. */
void net_receive_ready (NetBackend *backend);

/* --- cards --- */

/**
 * net_card_connect:
 * @id: for messages: "net0"
 * @mac: "52:54:00:12:34:56"
 * @network: "nat" or "none"
 * @address: NET_MAC_SIZE bytes, filled in
 * @backend: (out): what the cable leads to; NULL: it is out
 *
 * Checks what the owner chose, and makes the network.
 */
bool net_card_connect (EventLoop *loop, const char *id, const char *mac, const char *network,
                       uint8_t *address, NetBackend **backend, GError **error);

/* --- for backends: a queue of frames with NET_QUEUE_MAX places; its owner locks --- */

typedef struct {
  size_t size;
  NetOffload offload;
  uint8_t data[];
} NetFrame;

typedef struct {
  GQueue frames; /* of NetFrame */
  size_t size;   /* of all of them */
} NetQueue;

void net_queue_clear (NetQueue *queue);
bool net_queue_is_full (const NetQueue *queue);
bool net_queue_is_empty (const NetQueue *queue);

/* Copies a frame. False, and nothing is queued, if its size is out of range or the queue is full. */
bool net_queue_push (NetQueue *queue, const NetPacket *packet);
NetFrame *net_queue_peek (NetQueue *queue); /* the oldest; NULL: none */
NetFrame *net_queue_pop (NetQueue *queue);  /* (transfer full): for g_free */

/* Sum of lengths; SIZE_MAX if it overflows. */
size_t net_iov_size (const struct iovec *iov, unsigned n_iov);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (NetBackend, net_free)

G_END_DECLS
