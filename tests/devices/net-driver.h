/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/net-frames.h"
#include "tests/devices/virtio-guest.h"

G_BEGIN_DECLS

/* A driver of the virtio network card (virtio 1.2, section 5.1) on a bench. */

#define RX_RINGS   UINT64_C (0x10000)
#define TX_RINGS   UINT64_C (0x18000)
#define CTRL_RINGS UINT64_C (0x20000)
#define TX_FRAME   UINT64_C (0x80000)
#define COMMAND    UINT64_C (0xf0000)
#define RX_BUFFERS UINT64_C (0x100000)
#define RX_STRIDE  4096u

#define HEADER_SIZE 12u

#define F(bit)           (UINT64_C (1) << (bit))
#define F_CSUM           F (0)
#define F_GUEST_CSUM     F (1)
#define F_GUEST_OFFLOADS F (2)
#define F_MAC            F (5)
#define F_GUEST_TSO4     F (7)
#define F_HOST_TSO4      F (11)
#define F_MRG_RXBUF      F (15)
#define F_STATUS         F (16)
#define F_CTRL_VQ        F (17)
#define F_CTRL_RX        F (18)
#define F_CTRL_VLAN      F (19)
#define F_CTRL_RX_EXTRA  F (20)
#define F_ANNOUNCE       F (21)
#define F_MQ             F (22)
#define F_CTRL_MAC       F (23)
#define F_SPEED          F (63)
#define F_CONTROL                                                                                            \
  (F_CTRL_VQ | F_CTRL_RX | F_CTRL_VLAN | F_CTRL_RX_EXTRA | F_ANNOUNCE | F_CTRL_MAC | F_GUEST_OFFLOADS)

#define N_PAIRS 4u

#define MAC_TEXT "52:54:00:12:34:56"

typedef struct {
  Bench *bench;
  GuestQueue rx, tx, control;
  unsigned n_rx; /* buffers offered so far */
  uint32_t rx_size;
  bool looks_at_headers; /* the test does, by itself */
  unsigned n_taken;      /* buffers, by tests that count them */
  size_t n_stream;       /* bytes of a TCP connection, the same way */
  uint32_t stream_start; /* the sequence number of its first byte */
} NetDriver;

/* A BenchSetup: a card in slot 3 with N_PAIRS pairs of queues; @network: "nat" or "none". */
void net_driver_add_card (Bench *bench, void *network);

/* A bench with that card, and a driver that negotiated @features and set up the first pair of queues, and the
 * control queue if it has one. */
void net_driver_start (NetDriver *driver, const char *network, uint64_t features, uint32_t rx_size);

/* Section 5.1.6.5. Returns: the card's answer. */
uint8_t net_driver_command (NetDriver *driver, uint8_t class, uint8_t what, const void *data, uint32_t size);

/* Offers @n further buffers for frames. */
void net_driver_offer (NetDriver *driver, unsigned n);

/* Sends a frame, header and frame in two descriptors, as Linux does, or in one. */
void net_driver_transmit (NetDriver *driver, const uint8_t *frame, size_t size, bool apart);

/* Puts the next frame together from its buffers, in the order in which they were offered; @first: which they
 * begin with. */
size_t net_driver_receive (NetDriver *driver, unsigned first, uint8_t *frame, unsigned *n_buffers);

/* The frame is the answer to frame_dhcp_discover. */
void frame_assert_is_offer (const uint8_t *frame, size_t size);

G_END_DECLS
