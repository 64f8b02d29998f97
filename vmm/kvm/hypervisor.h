/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Hypervisor: what memory, interrupts and queues ask of the thing that runs the guest. KVM
 * implements it (kvm/vm.c); benches implement it in memory (tests/bench-device). A NULL
 * Hypervisor is legal everywhere and does nothing.
 *
 * Threading: every call from any thread.
 */
typedef struct Hypervisor Hypervisor;

typedef struct {
  uint32_t slot; /* 0..n_slots-1 */
  bool read_only;
  bool log_dirty;
  uint64_t address; /* guest-physical, page-aligned */
  uint64_t size;    /* bytes; 0 removes the slot */
  void *host;       /* page-aligned */
} MemorySlot;

typedef struct {
  /* Returns false with errno set. */
  bool (*set_slot) (Hypervisor *self, const MemorySlot *slot);
  /* Fetches and clears the dirty bitmap of a slot. */
  bool (*get_dirty) (Hypervisor *self, uint32_t slot, uint64_t *bitmap);
  void (*set_irq) (Hypervisor *self, unsigned gsi, bool level);
  /* Sends one message-signalled interrupt. */
  void (*send_msi) (Hypervisor *self, uint64_t address, uint32_t data);
  /* Connects @fd to a message: writes to it raise the interrupt without user space. @gsi_route names the
   * route: -1 to make one (its number is returned), else changes it. Negative on failure: use send_msi. */
  int (*route_msi) (Hypervisor *self, int gsi_route, int fd, uint64_t address, uint32_t data);
  void (*unroute_msi) (Hypervisor *self, int gsi_route, int fd);
  /* A guest write to @address (@size bytes, 0: any; with @match its value must be @value) signals @fd
   * instead of leaving the kernel. */
  bool (*add_ioeventfd) (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match,
                         uint64_t value);
  void (*remove_ioeventfd) (Hypervisor *self, int fd, bool port, uint64_t address, unsigned size, bool match,
                            uint64_t value);
  /* Whether the interval timer's channel 0 is cut off from its interrupt (HPET legacy replacement). */
  void (*mute_pit) (Hypervisor *self, bool mute);
} HypervisorOps;

struct Hypervisor {
  const HypervisorOps *ops;
};

G_END_DECLS
