/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"

G_BEGIN_DECLS

/* Between the files of this folder. All with the device's lock held. */

bool pci_bus_attach (PciBus *bus, PciDevice *pci, GError **error);
void pci_bus_detach (PciBus *bus, PciDevice *pci);
IrqPin pci_bus_route (PciBus *bus, PciDevice *pci);

uint32_t pci_config_read (PciDevice *pci, unsigned offset, unsigned size);
void pci_config_write (PciDevice *pci, unsigned offset, uint32_t value, unsigned size);

/* Drives the INTx pin from the level, the command register and MSI(-X) enables. */
void pci_update_intx (PciDevice *pci);

/* Message-signalled interrupts: reset, a change of their configuration registers, a loaded state. */
void pci_messages_reset (PciDevice *pci);
void pci_messages_update (PciDevice *pci);
bool pci_messages_enabled (PciDevice *pci);
void pci_messages_free (PciDevice *pci);

G_END_DECLS
