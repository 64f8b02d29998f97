/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/* An entropy device fed by the host's getrandom (virtio 1.2, section 5.4). */
typedef struct {
  PciPlace place;
} VirtioRngConfig;

extern const DeviceClass virtio_rng_class;

G_END_DECLS
