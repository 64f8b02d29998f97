/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between virtio.c (life), virtqueue.c (rings) and virtio-pci.c (registers). The device's lock is held. */

/* virtio 1.2, section 2.1. */
enum {
  VIRTIO_STATUS_ACKNOWLEDGE = 1,
  VIRTIO_STATUS_DRIVER = 2,
  VIRTIO_STATUS_DRIVER_OK = 4,
  VIRTIO_STATUS_FEATURES_OK = 8,
  VIRTIO_STATUS_NEEDS_RESET = 64,
  VIRTIO_STATUS_FAILED = 128,
};

/* Section 6. */
enum {
  VIRTIO_F_INDIRECT_DESC = 28,
  VIRTIO_F_EVENT_IDX = 29,
  VIRTIO_F_VERSION_1 = 32,
  VIRTIO_F_RING_RESET = 40,
};

#define VIRTIO_NO_VECTOR 0xffffu

/* ISR status bits, section 4.1.4.5. */
enum {
  VIRTIO_ISR_QUEUE = 1,
  VIRTIO_ISR_CONFIG = 2,
};

/* --- virtio.c --- */

uint8_t virtio_read_status (const VirtioDevice *vdev);
void virtio_write_status (VirtioDevice *vdev, uint8_t value);

/* Forgets all that the guest told the device. */
void virtio_do_reset (VirtioDevice *vdev);

/* Lets the class serve @vq, if it may. */
void virtio_kick (Virtq *vq);
void virtio_kick_all (VirtioDevice *vdev);

/* --- virtqueue.c --- */

void virtq_init (Virtq *vq, VirtioDevice *vdev, unsigned index, unsigned max_size);
void virtq_reset (Virtq *vq);

/* Checks the rings' place and maps them: false if they are not RAM, misaligned, or of a wrong size. */
bool virtq_map (Virtq *vq);
void virtq_enable (Virtq *vq);

/* The guest wrote queue_reset. Finishes later if chains are in flight. */
void virtq_begin_reset (Virtq *vq);

/* The available index, as the guest has it now. The queue is enabled. */
uint16_t virtq_available_index (const Virtq *vq);

/* A look function's work (vmm/loop): whether there were buffers that the guest didn't kick for. */
bool virtq_look (Virtq *vq, bool falling_asleep);

/* Makes the core kick @vq soon, on the loop's thread. */
void virtq_kick_again (Virtq *vq);

extern const StateTable virtq_state;
bool virtq_check_state (const Virtq *vq, const Virtq *incoming, GError **error);

/* --- virtio-pci.c --- */

bool virtio_pci_realize (VirtioDevice *vdev, const PciPlace *place, GError **error);
void virtio_pci_add_registers (VirtioDevice *vdev);
void virtio_pci_unrealize (VirtioDevice *vdev);
void virtio_pci_interrupt (VirtioDevice *vdev, uint16_t vector, uint8_t isr);

G_END_DECLS
