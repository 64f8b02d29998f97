/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/pci/pci.h"

G_BEGIN_DECLS

/* A disk for virtio drivers (virtio 1.2, section 5.2). It grows with its image, and says so. */
typedef struct {
  PciPlace place;
  Image *image;       /* the device's once board_add succeeded, closed by it */
  const char *serial; /* what a guest shows as the disk's serial; cut at 20 bytes */
  bool read_only;     /* also if the image is */
  bool write_through; /* the image makes every write stable: the guest finds the cache off */
  bool no_discard;    /* the guest is not offered to give space back */
  unsigned n_queues;  /* 1..8; 0 means 1 */
} VirtioBlkConfig;

extern const DeviceClass virtio_blk_class;

G_END_DECLS
