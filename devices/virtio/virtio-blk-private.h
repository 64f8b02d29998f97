/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio-blk.h"
#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between virtio-blk.c (configuration, life) and virtio-blk-request.c. The device's lock is held. */
#define BLK_SECTOR       512u
#define BLK_SERIAL_SIZE  20u
#define BLK_MAX_SEGMENTS 16u
#define BLK_MAX_RANGE    0x3fffffu /* sectors per segment of a discard */

/* Section 5.2.3. */
enum {
  BLK_F_SEG_MAX = 2,
  BLK_F_RO = 5,
  BLK_F_BLK_SIZE = 6,
  BLK_F_FLUSH = 9,
  BLK_F_TOPOLOGY = 10,
  BLK_F_CONFIG_WCE = 11,
  BLK_F_MQ = 12,
  BLK_F_DISCARD = 13,
  BLK_F_WRITE_ZEROES = 14,
};

typedef struct VirtioBlk VirtioBlk;
typedef struct BlkRequest BlkRequest;

struct VirtioBlk {
  VirtioDevice virtio;
  Image *image;
  char serial[BLK_SERIAL_SIZE];
  bool read_only;
  bool write_through, no_discard;
  bool writeback; /* the guest's choice, CONFIG_WRITEBACK; at first the owner's */
  bool blocked;   /* no room on the host: writes wait for the user */
  BlkRequest *spare;
  unsigned n_spare;
};

/* Serves what the guest made available. */
void virtio_blk_serve (VirtioBlk *blk, Virtq *vq);

/* Gives back the memory of requests kept for reuse. */
void virtio_blk_free_spare (VirtioBlk *blk);

G_END_DECLS
