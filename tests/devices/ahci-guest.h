/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/pci-bench.h"

G_BEGIN_DECLS

/* An AHCI driver's side on a bench: AHCI 1.3.1, sections 3 to 5. Each port has its command list, received
 * FISes and one command table per slot at fixed places in guest memory. */

#define AHCI_BAR        PCI_BENCH_BAR (5)
#define AHCI_REG(r)     (AHCI_BAR + (r))
#define AHCI_PORT(p, r) (AHCI_BAR + 0x100 + 0x80 * (p) + (r))

enum {
  HBA_CAP = 0x00,
  HBA_GHC = 0x04,
  HBA_IS = 0x08,
  HBA_PI = 0x0c,
  PORT_CLB = 0x00,
  PORT_FB = 0x08,
  PORT_IS = 0x10,
  PORT_IE = 0x14,
  PORT_CMD = 0x18,
  PORT_TFD = 0x20,
  PORT_SIG = 0x24,
  PORT_SSTS = 0x28,
  PORT_SCTL = 0x2c,
  PORT_SERR = 0x30,
  PORT_SACT = 0x34,
  PORT_CI = 0x38,
};

#define GUEST_LISTS UINT64_C (0x20000) /* + 0x10000 per port */
#define GUEST_DATA  UINT64_C (0x100000)

uint64_t ahci_guest_list (unsigned port);
uint64_t ahci_guest_fis (unsigned port);
uint64_t ahci_guest_table (unsigned port, unsigned slot);

/* ABAR mapped, AHCI and interrupts on, port started. */
void ahci_guest_start (Bench *bench, unsigned port);

typedef struct {
  uint8_t command, features, device;
  uint64_t lba;
  uint16_t count;
  uint8_t cdb[12]; /* of PACKET */
  bool write;
  uint64_t data;
  uint32_t length; /* 0: no data */
} GuestCommand;

/* Lays a command out in @slot with one PRD, without issuing it. */
void ahci_guest_put (Bench *bench, unsigned port, unsigned slot, const GuestCommand *command);

/* Puts, issues, and waits until PxCI shows its end or the port stops. Returns: PxTFD. */
uint32_t ahci_guest_run (Bench *bench, unsigned port, const GuestCommand *command);

/* After an error: stops, clears, starts again. */
void ahci_guest_recover (Bench *bench, unsigned port);

/* A packet command in slot 0 by DMA. Returns: 0, or the sense as key << 16 | asc << 8 | ascq. */
uint32_t ahci_guest_packet (Bench *bench, unsigned port, const uint8_t *cdb, uint32_t length);

/* For bench_fuzz_with: a driver that lies in its lists and tables. */
void ahci_guest_fuzz_step (Bench *bench, GRand *rand, void *data);

G_END_DECLS
