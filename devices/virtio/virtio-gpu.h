/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "display/screen/screen.h"

#include <glib.h>

G_BEGIN_DECLS

#define VIRTIO_GPU_MAX_HEADS 4u

/*
 * virtio-gpu (virtio 1.2, section 5.7): a 2D display with up to four heads, their EDIDs, a cursor plane and
 * resources in the guest's own pages (blobs). Each head shows itself on a Screen, whose window's size becomes
 * what the head's EDID prefers.
 *
 * What the guest can make the host allocate is the pixel memory, and nothing else: @pixel_memory bytes of
 * address space at most, of which only what resources fill takes up memory.
 */
typedef struct {
  PciPlace place;
  unsigned n_heads;                      /* 1..VIRTIO_GPU_MAX_HEADS */
  Screen *screens[VIRTIO_GPU_MAX_HEADS]; /* (nullable) each; the device keeps references */
  uint64_t pixel_memory; /* bytes, whole pages; 0: 384 MiB, three pictures of 4K on each of four heads */
  unsigned max_entries;  /* pieces of guest memory in all backings together; 0: 65536 */
} VirtioGpuConfig;

extern const DeviceClass virtio_gpu_class; /* the display controller that is no VGA */

G_END_DECLS
