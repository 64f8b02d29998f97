/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/*
 * How the processors reach configuration spaces: ports 0xcf8 and 0xcfc (PCI Local Bus 3.0,
 * section 3.2.2.3.2), the memory window of PCI Express (ECAM) where the host bridge put it, and
 * between the two ports the chip set's reset control register at 0xcf9.
 *
 * Lock order: this device, then the PCI function that is addressed.
 */
typedef struct {
  PciBus *bus;
} PciConfigConfig;

extern const DeviceClass pci_config_class;

/* Shows the ECAM window of @size bytes (1 MiB per bus) at @address, or hides it if @size is 0. Any thread;
 * a PCI function's lock may be held, this device's not. */
void pci_config_place_ecam (Device *device, uint64_t address, uint64_t size);

/* Where a window of all buses was put last; 0: nowhere so far. Any thread. */
uint64_t pci_config_ecam (Device *device);

G_END_DECLS
