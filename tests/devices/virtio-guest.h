/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/pci-bench.h"

G_BEGIN_DECLS

/* A virtio driver's side on a bench: virtio 1.2, sections 2.7, 2.8 and 4.1, by the layout of virtio-pci.c's
 * BAR 0. */

#define VIRTIO_COMMON PCI_BENCH_BAR (0)
#define VIRTIO_ISR    (PCI_BENCH_BAR (0) + 0x1000)
#define VIRTIO_CONFIG (PCI_BENCH_BAR (0) + 0x2000)
#define VIRTIO_NOTIFY (PCI_BENCH_BAR (0) + 0x3000)

/* Registers of the common configuration, section 4.1.4.3. */
enum {
  REG_DEVICE_FEATURE_SELECT = 0x00,
  REG_DEVICE_FEATURE = 0x04,
  REG_DRIVER_FEATURE_SELECT = 0x08,
  REG_DRIVER_FEATURE = 0x0c,
  REG_CONFIG_VECTOR = 0x10,
  REG_NUM_QUEUES = 0x12,
  REG_STATUS = 0x14,
  REG_GENERATION = 0x15,
  REG_QUEUE_SELECT = 0x16,
  REG_QUEUE_SIZE = 0x18,
  REG_QUEUE_VECTOR = 0x1a,
  REG_QUEUE_ENABLE = 0x1c,
  REG_QUEUE_NOTIFY_OFF = 0x1e,
  REG_QUEUE_DESC = 0x20,
  REG_QUEUE_DRIVER = 0x28,
  REG_QUEUE_DEVICE = 0x30,
  REG_QUEUE_RESET = 0x3a,
};

enum {
  STATUS_ACKNOWLEDGE = 1,
  STATUS_DRIVER = 2,
  STATUS_DRIVER_OK = 4,
  STATUS_FEATURES_OK = 8,
  STATUS_NEEDS_RESET = 64,
};

#define F_INDIRECT   (UINT64_C (1) << 28)
#define F_EVENT_IDX  (UINT64_C (1) << 29)
#define F_VERSION_1  (UINT64_C (1) << 32)
#define F_PACKED     (UINT64_C (1) << 34)
#define F_RING_RESET (UINT64_C (1) << 40)

typedef struct {
  uint64_t address;
  uint32_t length;
  bool write;
} GuestBuffer;

/* A queue in the layout that was negotiated. Of a packed one, @avail and @used are where driver and device
 * say which notifications they want. */
typedef struct {
  Bench *bench;
  unsigned index;
  uint16_t size;
  uint64_t desc, avail, used;
  uint16_t avail_idx, used_idx; /* next to publish, next to take; both run freely */
  uint16_t next_desc;

  bool packed;
  uint16_t avail_at, used_at; /* places in the ring */
  bool avail_wrap, used_wrap;
  uint16_t next_id;
  uint8_t n_descriptors[256]; /* by the low byte of a buffer's ID */
} GuestQueue;

/* Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK. Returns: the status then. */
uint8_t virtio_guest_negotiate (Bench *bench, uint64_t features);
void virtio_guest_driver_ok (Bench *bench);
uint64_t virtio_guest_features (Bench *bench); /* offered */
uint8_t virtio_guest_status (Bench *bench);

/* Lays the rings out from @where on (16 KiB), enables the queue with vector @index + 1 of MSI-X if that is
 * on. */
void guest_queue_init (GuestQueue *queue, Bench *bench, unsigned index, uint16_t size, uint64_t where);

/* Descriptor @i of a split queue's table. */
void guest_queue_set_desc (GuestQueue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t flags,
                           uint16_t next);
/* Makes @head available in a split queue. */
void guest_queue_publish (GuestQueue *queue, uint16_t head);

/* Descriptor @i of a packed queue's ring; @flags are written last. */
void guest_queue_set_packed (GuestQueue *queue, unsigned i, uint64_t address, uint32_t length, uint16_t id,
                             uint16_t flags);
/* The flags that make a descriptor available at the place that comes next. */
uint16_t guest_queue_available_flags (const GuestQueue *queue);
/* Goes @n places on, whose buffer's ID is @id. */
void guest_queue_advance (GuestQueue *queue, unsigned n, uint16_t id);

/* A chain of @n buffers, published. Returns: its head or its buffer's ID. */
uint16_t guest_queue_add (GuestQueue *queue, const GuestBuffer *buffers, unsigned n);
void guest_queue_kick (GuestQueue *queue);

/* Waits for the next used element. Returns: its length; @head: (nullable): or its buffer's ID. */
uint32_t guest_queue_wait (GuestQueue *queue, uint16_t *head);
/* The index of what the device has not used yet, from 0 at the queue's begin. */
uint16_t guest_queue_used_index (GuestQueue *queue);

/* For a fuzz target: a driver that sets up queues of either layout, where the input can find them, in RAM's
 * first 64 KiB. */
void virtio_guest_open (Bench *bench, uint8_t choice);

/* For bench_fuzz_with: a driver that sets the device up and then lies in its rings. */
void virtio_guest_fuzz_step (Bench *bench, GRand *rand, void *data);

G_END_DECLS
