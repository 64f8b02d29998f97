/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/graphics/svga.h"
#include "devices/virtio/virtio-gpu.h"

#include <glib.h>

G_BEGIN_DECLS

/*
 * A display card for desktops: the VGA of svga.h and a virtio-gpu in one PCI function (1af4:1050, a VGA by
 * its class). Firmware and boot loaders find the VGA; the guest's virtio-gpu driver takes head 0 over with
 * its first picture, and gives it back when it resets the device, as a reboot does. One function and not two,
 * because then a driver knows that the firmware's frame buffer is on its own card, and removes it.
 *
 *   BAR0  video memory     BAR4  virtio registers
 *   BAR2  VGA registers    BAR5  MSI-X
 */
typedef struct {
  VirtioGpuConfig gpu;
  unsigned video_memory_mib; /* of the VGA: a power of two, 1..256; 0 means 16 */
} VirtioVgaConfig;

extern const VgaCardClass virtio_vga_class;

G_END_DECLS
