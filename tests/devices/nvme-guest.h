/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/pci-bench.h"

G_BEGIN_DECLS

/* The guest's side of an NVMe controller on a bench: a driver with one or more pairs of I/O queues, and none
 * of its own state but what a test may look at. */
#define NVME_GUEST_MEMORY  UINT64_C (0x100000) /* the driver's queues and pages, up to 0x180000 */
#define NVME_GUEST_PAGE    UINT64_C (0x170000) /* for admin commands' data */
#define NVME_GUEST_SHADOWS UINT64_C (0x172000) /* shadow doorbells; event indices in the next page */
#define NVME_GUEST_ENTRIES 16u

enum {
  NVME_REG_CAP = 0x00,
  NVME_REG_VS = 0x08,
  NVME_REG_INTMS = 0x0c,
  NVME_REG_INTMC = 0x10,
  NVME_REG_CC = 0x14,
  NVME_REG_CSTS = 0x1c,
  NVME_REG_AQA = 0x24,
  NVME_REG_ASQ = 0x28,
  NVME_REG_ACQ = 0x30,
};

typedef struct {
  uint8_t opcode, flags;
  uint32_t nsid;
  uint64_t prp1, prp2;
  uint32_t dw10, dw11, dw12, dw13;
} NvmeGuestCommand;

typedef struct {
  unsigned index, size;
  uint64_t sq, cq;
  unsigned tail, head, phase;
  uint16_t next_id;
  bool shadow;    /* the guest keeps shadow doorbells for this pair */
  unsigned rings; /* doorbell registers written so far */
} NvmeGuestQueue;

typedef struct {
  uint32_t result;
  uint16_t sq_head, sq, id, status;
} NvmeGuestEntry;

typedef struct {
  Bench *bench;
  NvmeGuestQueue queues[9]; /* the first is the admin's */
} NvmeGuest;

uint32_t nvme_guest_register (NvmeGuest *guest, unsigned offset);
void nvme_guest_set_register (NvmeGuest *guest, unsigned offset, uint32_t value);

/* Section 7.6.1: sets the admin queue up and enables the controller. */
void nvme_guest_enable (NvmeGuest *guest, Bench *bench);
/* Creates the pair number @index of @size entries that interrupt by @vector. */
void nvme_guest_add_queue (NvmeGuest *guest, unsigned index, unsigned size, unsigned vector);
/* Shadow doorbells for all I/O queues that are made from now on. */
void nvme_guest_use_shadows (NvmeGuest *guest);

/* Puts a command into a queue without ringing. Returns its id. */
uint16_t nvme_guest_add (NvmeGuest *guest, unsigned queue, const NvmeGuestCommand *command);
/* Rings the doorbell, by the shadow's rules if there are shadows. */
void nvme_guest_ring (NvmeGuest *guest, unsigned queue);
/* Takes the next completion if there is one. */
bool nvme_guest_poll (NvmeGuest *guest, unsigned queue, NvmeGuestEntry *entry);
/* Waits for it. */
NvmeGuestEntry nvme_guest_wait (NvmeGuest *guest, unsigned queue);
/* All of it at once: the status, "do not retry" left out. */
uint16_t nvme_guest_run (NvmeGuest *guest, unsigned queue, const NvmeGuestCommand *command, uint32_t *result);

G_END_DECLS
