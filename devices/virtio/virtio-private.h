/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/virtio/virtio.h"

G_BEGIN_DECLS

/* Between virtio.c (life), virtqueue.c (queues), queue-split.c and queue-packed.c (their two layouts in
 * memory) and virtio-pci.c (registers). The device's lock is held. */

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
  VIRTIO_F_RING_PACKED = 34,
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
void virtq_clear (Virtq *vq); /* gives back its memory */
void virtq_reset (Virtq *vq);

/* Whether the layout that the guest accepted can have queues of @size. */
bool virtq_may_have_size (const Virtq *vq, unsigned size, bool packed);

/* Checks the rings' place by the accepted layout and maps them: false if they are not RAM, misaligned, or of
 * a wrong size. */
bool virtq_map (Virtq *vq);
void virtq_enable (Virtq *vq);

/* The guest wrote queue_reset. Finishes later if chains are in flight. */
void virtq_begin_reset (Virtq *vq);

/* A look function's work (vmm/loop): whether there were buffers that the guest didn't kick for. */
bool virtq_look (Virtq *vq, bool falling_asleep);

/* Makes the core kick @vq soon, on the loop's thread. */
void virtq_kick_again (Virtq *vq);

extern const StateTable virtq_state;

/* @packed: the layout that the state uses. */
bool virtq_check_state (const Virtq *vq, const Virtq *incoming, bool packed, GError **error);

/* For the layouts: descriptors' flags, section 2.7.5 and 2.8.1. */
enum {
  VIRTQ_DESC_F_NEXT = 1,
  VIRTQ_DESC_F_WRITE = 2,
  VIRTQ_DESC_F_INDIRECT = 4,
};

#define VIRTQ_DESC_SIZE 16u

GuestMemory *virtq_memory (Virtq *vq);

/* Adds a piece to a chain that begins empty. False: the guest broke the rules, the device has failed. */
void virtq_chain_begin (VirtqChain *chain);
bool virtq_chain_add (Virtq *vq, VirtqChain *chain, uint64_t address, uint32_t length, bool write);

/* --- queue-split.c, queue-packed.c: the same for either layout --- */

/* The rings' place is fine, and is mapped. */
bool virtq_split_map (Virtq *vq);
bool virtq_packed_map (Virtq *vq);

/* Whether there are buffers: how many at least. */
unsigned virtq_split_n_pending (const Virtq *vq);
unsigned virtq_packed_n_pending (const Virtq *vq);

/* Takes the next of them: false if it breaks the rules, the device has failed. */
bool virtq_split_take (Virtq *vq, VirtqChain *chain, unsigned n_pending);
bool virtq_packed_take (Virtq *vq, VirtqChain *chain);

/* Reads the chain at chain->head, which was parked. */
bool virtq_split_read (Virtq *vq, VirtqChain *chain);
bool virtq_packed_read (Virtq *vq, VirtqChain *chain);

/* Gives back those of @n chains that are of this @generation, so that the guest sees all or none. False: the
 * place for it is gone. */
bool virtq_split_return (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n);
bool virtq_packed_return (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n);

/* Whether the guest wants to hear of what was given back. */
bool virtq_split_wants_interrupt (Virtq *vq);
bool virtq_packed_wants_interrupt (Virtq *vq);

/* Asks the guest to kick for the next buffer / not to. False: there is no way to ask it not to. */
void virtq_split_ask_for_kick (Virtq *vq);
void virtq_packed_ask_for_kick (Virtq *vq);
bool virtq_split_spare_kicks (Virtq *vq);
bool virtq_packed_spare_kicks (Virtq *vq);

/* Whether the parked chains of an incoming state lie in slots that are each one's own. */
bool virtq_packed_slots_are_fine (const Virtq *vq);

/* Frees and blanks the slots that no parked chain uses. Nothing is in flight. */
void virtq_packed_tidy_slots (Virtq *vq);

/* --- virtio-pci.c --- */

bool virtio_pci_realize (VirtioDevice *vdev, const PciPlace *place, GError **error);
void virtio_pci_add_registers (VirtioDevice *vdev);
void virtio_pci_unrealize (VirtioDevice *vdev);
void virtio_pci_interrupt (VirtioDevice *vdev, uint16_t vector, uint8_t isr);

G_END_DECLS
