/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/*
 * The host bridge of an Intel Q35 (3 Series Express Chipset data sheet, 316966, section 5): it
 * decides who answers between 0xc0000 and 0xfffff (PAM registers) and where ECAM lies.
 */
#define Q35_ECAM_BASE UINT64_C (0xb0000000)
#define Q35_ECAM_SIZE UINT64_C (0x10000000)

/* Register offsets that firmware programs. */
enum {
  Q35_PCIEXBAR = 0x60,
  Q35_PAM0 =
    0x90, /* PAM0 holds 0xf0000..0xfffff in its high half, PAM1..6 16 KiB from 0xc0000 in each half */
  Q35_SMRAM = 0x9d,
  Q35_ESMRAMC = 0x9e,

  Q35_PAM_READ = 1,
  Q35_PAM_WRITE = 2,
};

typedef struct {
  PciPlace place;
  MemoryBank *ram;    /* the machine's low RAM; shown in pieces by this bridge */
  MemoryBank *bios;   /* (nullable): its last 128 KiB answer where RAM doesn't */
  Device *pci_config; /* moves the ECAM window */
} Q35HostConfig;

extern const DeviceClass q35_host_class;

G_END_DECLS
