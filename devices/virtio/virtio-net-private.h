/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net.h"
#include "devices/virtio/virtio-net.h"
#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between virtio-net.c (configuration, life), virtio-net-frames.c (frames, both ways) and
 * virtio-net-control.c (the control queue and the receive filter). The device's lock is held. Sections are
 * virtio 1.2's. */

/* Section 5.1.3. */
enum {
  NET_F_CSUM = 0,
  NET_F_GUEST_CSUM = 1,
  NET_F_CTRL_GUEST_OFFLOADS = 2,
  NET_F_MAC = 5,
  NET_F_GUEST_TSO4 = 7,
  NET_F_GUEST_TSO6 = 8,
  NET_F_GUEST_ECN = 9,
  NET_F_HOST_TSO4 = 11,
  NET_F_HOST_TSO6 = 12,
  NET_F_HOST_ECN = 13,
  NET_F_MRG_RXBUF = 15,
  NET_F_STATUS = 16,
  NET_F_CTRL_VQ = 17,
  NET_F_CTRL_RX = 18,
  NET_F_CTRL_VLAN = 19,
  NET_F_CTRL_RX_EXTRA = 20,
  NET_F_GUEST_ANNOUNCE = 21,
  NET_F_MQ = 22,
  NET_F_CTRL_MAC_ADDR = 23,
  NET_F_SPEED_DUPLEX = 63,
};

/* What CTRL_GUEST_OFFLOADS may switch, section 5.1.6.5.6. */
#define NET_GUEST_OFFLOADS                                                                                   \
  (VIRTIO_FEATURE (NET_F_GUEST_CSUM) | VIRTIO_FEATURE (NET_F_GUEST_TSO4) | VIRTIO_FEATURE (NET_F_GUEST_TSO6) \
   | VIRTIO_FEATURE (NET_F_GUEST_ECN))

/* Section 5.1.4, struct virtio_net_config. */
enum {
  NET_CONFIG_MAC = 0,
  NET_CONFIG_STATUS = 6,
  NET_CONFIG_MAX_PAIRS = 8,
  NET_CONFIG_SPEED = 12,
  NET_CONFIG_DUPLEX = 16,
  NET_CONFIG_SIZE = 17,
};

enum {
  NET_STATUS_LINK_UP = 1,
  NET_STATUS_ANNOUNCE = 2,
};

#define NET_MAX_ADDRESSES 64u /* in each of the two tables */
#define NET_N_VLANS       4096u

/* Buffers that one frame may be spread over: 64 KiB in buffers for ordinary frames. */
#define NET_MAX_MERGED 64u

#define NET_STEERING_SIZE 256u

/* Which frames the guest wants, section 5.1.6.5.1 to 5.1.6.5.3. */
typedef struct {
  bool promiscuous, all_multicast, all_unicast;
  bool no_multicast, no_unicast, no_broadcast;
  bool too_many_unicast, too_many_multicast; /* to list */
  uint32_t n_unicast, n_multicast;
  uint8_t unicast[NET_MAX_ADDRESSES * NET_MAC_SIZE];
  uint8_t multicast[NET_MAX_ADDRESSES * NET_MAC_SIZE];
  uint8_t vlans[NET_N_VLANS / 8];
} NetFilter;

typedef struct {
  VirtioDevice virtio;
  NetBackend *backend; /* NULL: no network */
  unsigned max_pairs;
  uint8_t own_mac[NET_MAC_SIZE];
  bool link_up;       /* the cable is in */
  bool announce_due;  /* a state was loaded: others should hear where the guest is now */
  bool rx_waiting;    /* the backend holds a frame back until there are buffers */
  VirtqChain *chains; /* NET_MAX_MERGED of them, for the frame at hand */

  /* As the driver set it. */
  uint16_t n_pairs;
  uint64_t guest_offloads;
  uint8_t mac[NET_MAC_SIZE];
  NetFilter filter;

  /* Section 5.1.6.1: a flow's frames come in by the queue next to the one it went out by. */
  uint8_t steering[NET_STEERING_SIZE];
} VirtioNet;

#define VIRTIO_NET(vdev) ((VirtioNet *)(vdev))

/* --- virtio-net.c --- */

/* Tells the backend what the driver takes. */
void virtio_net_update_abilities (VirtioNet *net);

/* Fills in the configuration's status. */
void virtio_net_update_status (VirtioNet *net, bool announce);

/* --- virtio-net-frames.c --- */

extern const NetCardOps virtio_net_card_ops;

void virtio_net_transmit (VirtioNet *net, Virtq *vq);

/* A frame that is held back gets another chance. */
void virtio_net_offer_again (VirtioNet *net);

/* --- virtio-net-control.c --- */

extern const StateTable virtio_net_filter_state;

void virtio_net_control (VirtioNet *net, Virtq *vq);
void virtio_net_filter_reset (NetFilter *filter);

/* Whether the guest wants a frame that begins with these @size bytes. */
bool virtio_net_filter_passes (const VirtioNet *net, const uint8_t *frame, size_t size);

G_END_DECLS
