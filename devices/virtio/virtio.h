/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * virtio 1.2 over PCI (section 4.1). A virtio device is one file: a struct that begins with a
 * VirtioDevice, a VirtioClass that says what it does with its queues, and a DeviceClass whose
 * members forward:
 *
 *   realize:   virtio_realize (vdev, &my_virtio, &place, features, error), then virtio_add_queue...
 *   unrealize: virtio_unrealize      reset: virtio_reset
 *   stopped:   virtio_stopped        started: virtio_started
 *   state:     STATE_STRUCT (My, virtio, &virtio_device_state, 1)
 *
 * Threading: every function here wants the device's lock held, and every VirtioClass callback runs with
 * it held: kicks on the machine's loop (ioeventfd) or, without a hypervisor, on the writing thread. A
 * backend that completes on the loop's thread takes device_lock around virtq_push and virtq_notify.
 */
typedef struct VirtioDevice VirtioDevice;
typedef struct VirtioClass VirtioClass;
typedef struct Virtq Virtq;

#define VIRTIO_MAX_QUEUES  16u
#define VIRTQ_MAX_SIZE     256u /* descriptors per queue; the guest may choose fewer */
#define VIRTQ_SLOT_SIZE    18u  /* a descriptor of a packed ring that was taken, and which one follows */
#define VIRTQ_CHAIN_MAX    264u /* pieces of memory per chain; a descriptor may cross banks */
#define VIRTIO_CONFIG_SIZE 256u

#define VIRTIO_FEATURE(bit) (UINT64_C (1) << (bit))

enum {
  VIRTIO_ID_NET = 1,
  VIRTIO_ID_BLOCK = 2,
  VIRTIO_ID_CONSOLE = 3,
  VIRTIO_ID_ENTROPY = 4,
  VIRTIO_ID_BALLOON = 5,
  VIRTIO_ID_SCSI = 8,
  VIRTIO_ID_GPU = 16,
  VIRTIO_ID_INPUT = 18,
};

struct VirtioClass {
  uint16_t id;         /* device type, section 5 */
  uint32_t class_code; /* PCI's, 0xBBSSPP */
  uint8_t first_bar;   /* the registers' BAR; the next one is MSI-X's */

  /* The guest made buffers available: pop, work, push, notify. Only between DRIVER_OK and reset, never while
   * the machine stands still. */
  void (*kick) (VirtioDevice *vdev, Virtq *vq);

  /* While the machine's loop is busy it polls by itself the queues that kicks left empty, and the guest needs
   * not kick. */
  bool polled;

  /* The guest accepted vdev->driver_features. May be NULL. */
  void (*negotiated) (VirtioDevice *vdev);

  /* The guest wrote to the device configuration; the core stores nothing itself. Bounds are checked. NULL:
   * all of it is read-only. */
  void (*config_write) (VirtioDevice *vdev, unsigned offset, uint64_t value, unsigned size);

  /* Back to the state after realize. Nothing is in flight when the guest resets the device. May be NULL. */
  void (*reset) (VirtioDevice *vdev);
};

/*
 * A chain of descriptors, read once and checked: pieces of guest memory, mapped. iov[0 .. n_out) is what the
 * guest sends, iov[n_out .. n_out + n_in) takes the answer. The guest may change the memory at any time: copy
 * (virtq_chain_read) before checking.
 */
typedef struct {
  uint16_t head; /* the first descriptor: in a split ring's table, or the slot of a packed ring's */
  uint32_t generation;
  uint16_t tail, n_descriptors; /* of a packed ring: the last slot, and how many there are */
  unsigned n_out, n_in;
  uint64_t out_size, in_size; /* bytes; their sum is below 2^32 */
  struct iovec iov[VIRTQ_CHAIN_MAX];
} VirtqChain;

struct Virtq {
  VirtioDevice *vdev;
  uint16_t index;
  uint16_t max_size;

  /* Registers, as the guest set them (section 4.1.4.3). */
  uint16_t size;
  uint16_t vector;
  bool enabled;
  bool resetting; /* queue_reset was written while chains were in flight */
  uint64_t desc, driver, device;

  /* Progress. A split ring's indices run freely; in a packed one they are places, each with its wrap counter.
   */
  uint16_t last_avail;
  uint16_t used; /* the next used element */
  bool avail_wrap, used_wrap;
  uint32_t unsignalled;  /* entries of the ring given back since the last notification's decision */
  bool signalled_before; /* since the queue began */
  uint16_t n_parked;
  uint16_t parked[VIRTQ_MAX_SIZE]; /* heads that virtq_pop gives again first */

  /* A packed ring's descriptors of chains that were popped or parked: their place may hold something else by
   * now.
   * @max_size slots of VIRTQ_SLOT_SIZE. */
  uint8_t *slots;
  size_t slots_size;

  /* Not saved. */
  bool packed;         /* the layout */
  uint16_t free_slot;  /* the first of the free ones */
  unsigned in_flight;  /* popped, neither pushed nor parked */
  unsigned budget;     /* chains that this kick may still pop */
  uint32_t generation; /* grows with each reset: late completions are dropped */
  bool unasked;        /* it ran dry, and the guest was not asked to kick: the loop polls it */
  uint8_t *desc_host;
  const uint8_t *driver_host;
  uint16_t kick_flags; /* a packed ring's: what the guest was told of kicks last */
  int kick_fd;
  LoopWatch *kick_watch;
  bool kick_routed; /* the hypervisor signals kick_fd */
};

struct VirtioDevice {
  PciDevice pci; /* its first member is the Device */
  const VirtioClass *virtio;
  Virtq queues[VIRTIO_MAX_QUEUES];
  unsigned n_queues;

  uint64_t features;        /* offered */
  uint64_t driver_features; /* what the guest accepted; final once FEATURES_OK is set */
  uint8_t status;
  uint8_t isr;
  uint8_t config_generation;
  uint16_t config_vector;
  uint16_t queue_select;
  uint32_t feature_select, driver_feature_select;
  bool reset_pending; /* status 0 was written while chains were in flight */
  bool halted;        /* the machine stands still */
  bool notify_scheduled;

  /* Device configuration, section 5.x.4, little-endian; what a guest reads. Fill config_size in realize. */
  unsigned config_size;
  uint8_t config[VIRTIO_CONFIG_SIZE];

  unsigned pci_cfg_cap; /* where the VIRTIO_PCI_CAP_PCI_CFG capability lies */
};

extern const StateTable virtio_device_state;

/**
 * virtio_realize:
 * @features: device-type bits; the core adds VERSION_1, the rings' (INDIRECT_DESC, EVENT_IDX, RING_PACKED,
 * RING_RESET)
 *
 * Call virtio_add_queue and fill config after it, then virtio_realized.
 */
bool virtio_realize (VirtioDevice *vdev, const VirtioClass *klass, const PciPlace *place, uint64_t features,
                     GError **error);
Virtq *virtio_add_queue (VirtioDevice *vdev, unsigned max_size); /* a power of two, at most VIRTQ_MAX_SIZE */
/* Makes the registers and MSI-X vectors (one per queue and one for changes of configuration). */
bool virtio_realized (VirtioDevice *vdev, GError **error);
void virtio_unrealize (Device *device);

/* First step of an unrealize with a backend, under the lock: no kick comes any more, and chains that the
 * backend still holds are forgotten (pushing them does nothing). Then wait for the backend, then
 * virtio_unrealize. */
void virtio_abandon (VirtioDevice *vdev);

/* DeviceClass members. A class with more to do calls these from its own. */
void virtio_reset (Device *device);
void virtio_stopped (Device *device);
void virtio_started (Device *device); /* kicks every live queue: parked chains come again */

/* Whether the guest accepted the feature. */
bool virtio_has_feature (const VirtioDevice *vdev, unsigned bit);
/* Whether the driver is up (DRIVER_OK, no reset under way, not broken). */
bool virtio_is_live (const VirtioDevice *vdev);

/* Tells the guest that vdev->config changed. */
void virtio_config_changed (VirtioDevice *vdev);

/* The guest broke the protocol: traces, sets DEVICE_NEEDS_RESET (section 2.1.2), stops all queues. */
void virtio_fail (VirtioDevice *vdev, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* --- queues --- */

/* Whether the queue is enabled and its device live. */
bool virtq_is_live (const Virtq *vq);

/* Takes the next available chain. False if there is none (the guest will kick for the next), the queue is not
 * live, or this kick's budget is used up (the core kicks again by itself). Each popped chain must be
 * pushed or parked once. */
bool virtq_pop (Virtq *vq, VirtqChain *chain);

/* Gives the chain back with @written bytes placed in its in-part. */
void virtq_push (Virtq *vq, const VirtqChain *chain, uint32_t written);

/* The same for @n chains that the guest must see at once, or none (section 5.1.6.4: merged buffers). */
void virtq_push_all (Virtq *vq, const VirtqChain *chains, const uint32_t *written, unsigned n);

/* Takes the chain back into the queue unprocessed: the next virtq_pop (after a started, say) gives it again,
 * also after save and load. */
void virtq_park (Virtq *vq, const VirtqChain *chain);

/* Interrupts the guest if it wants to know of what was pushed since the last time. */
void virtq_notify (Virtq *vq);

/* The same for a chain that was pushed from the loop: one interrupt for all that the loop completes in one
 * go. */
void virtq_notify_soon (Virtq *vq);

/* Copies from the out-part / to the in-part, from byte @offset on. Returns the bytes copied: fewer than @size
 * if the part ends before. */
size_t virtq_chain_read (const VirtqChain *chain, uint64_t offset, void *buffer, size_t size);
size_t virtq_chain_write (const VirtqChain *chain, uint64_t offset, const void *buffer, size_t size);

G_END_DECLS
