/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/net/net.h"
#include "devices/pci/pci.h"

G_BEGIN_DECLS

/* An Intel 82574L Gigabit Ethernet controller (Intel, "82574 GbE Controller Family Datasheet", revision 3.4),
 * for guests without a driver for virtio's. */
typedef struct {
  PciPlace place;
  const char *id;      /* for messages: "net0" */
  const char *mac;     /* "52:54:00:12:34:56" */
  const char *network; /* "nat", or "none": a cable that's out */
  bool link_down;      /* at first */
} E1000eConfig;

extern const DeviceClass e1000e_class;

/* Plugs the cable in or pulls it out; the guest is told. Any thread, without the device's lock. */
void e1000e_set_link (Device *device, bool up);

/* What the cable carried so far. Any thread. */
/* What its cable leads to: the device's, as long as that lives. (nullable) */
NetBackend *e1000e_get_backend (Device *device);
void e1000e_get_counters (Device *device, NetCounters *counters);

G_END_DECLS
