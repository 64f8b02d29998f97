/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/* A network card (virtio 1.2, section 5.1) with a backend of its own. */
typedef struct {
  PciPlace place;
  const char *id;      /* for messages: "net0" */
  const char *mac;     /* "52:54:00:12:34:56" */
  const char *network; /* "nat", or "none": a cable that's out */
} VirtioNetConfig;

extern const DeviceClass virtio_net_class;

G_END_DECLS
