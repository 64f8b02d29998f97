/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/pci/pci.h"

G_BEGIN_DECLS

#define NVME_MAX_IO_QUEUES 8u
#define NVME_UUID_SIZE     16u

/*
 * An NVM Express controller with one namespace (NVM Express base specification 1.4). It grows with its image,
 * and says so.
 */
typedef struct {
  PciPlace place;
  Image *image;       /* the device's once board_add succeeded, closed by it */
  const char *serial; /* cut at 20 bytes */
  uint8_t
    uuid[NVME_UUID_SIZE]; /* names controller and namespace, in the order of its text; never the same twice */
  bool read_only;         /* also if the image is */
  bool write_through;     /* the image makes every write stable: the guest finds no cache */
  bool no_discard;        /* the guest is not offered to give space back */
  unsigned n_queues;      /* for I/O: 1..NVME_MAX_IO_QUEUES; 0 means 1 */
} NvmeConfig;

extern const DeviceClass nvme_class;

G_END_DECLS
