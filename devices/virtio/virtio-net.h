/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net.h"
#include "devices/pci/pci.h"

G_BEGIN_DECLS

#define VIRTIO_NET_MAX_PAIRS 4u

/* A network card (virtio 1.2, section 5.1) with a backend of its own. */
typedef struct {
  PciPlace place;
  const char *id;      /* for messages: "net0" */
  const char *mac;     /* "52:54:00:12:34:56" */
  const char *network; /* "nat", or "none": a cable that's out */
  unsigned n_pairs;    /* of queues, 1..VIRTIO_NET_MAX_PAIRS; 0: 1 */
  bool link_down;      /* at first */
} VirtioNetConfig;

extern const DeviceClass virtio_net_class;

/* Plugs the cable in or pulls it out; the guest is told. Any thread, without the device's lock. */
void virtio_net_set_link (Device *device, bool up);

/* What its cable leads to: the device's, as long as that lives. (nullable) */
NetBackend *virtio_net_get_backend (Device *device);

/* What the cable carried so far. Any thread. */
void virtio_net_get_counters (Device *device, NetCounters *counters);

G_END_DECLS
