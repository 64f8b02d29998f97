/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/pci/pci-private.h"

#include "devices/pci/pci-registers.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* Functions come and go while no vCPU runs, so lookups take no lock. */
struct PciBus {
  Board *board;
  PciRouteFunc route;
  void *route_data;
  PciDevice *functions[256];
};

PciBus *
pci_bus_new (Board *board, PciRouteFunc route, void *data)
{
  PciBus *bus = g_new0 (PciBus, 1);

  bus->board = board;
  bus->route = route;
  bus->route_data = data;
  return bus;
}

void
pci_bus_free (PciBus *bus)
{
  g_free (bus);
}

/* PCI Local Bus 3.0, section 6.2.1: function 0 tells of the others. */
static void
pci_bus_mark_functions (PciBus *bus, unsigned slot)
{
  PciDevice *first = bus->functions[PCI_DEVFN (slot, 0)];
  bool several = false;

  for (unsigned function = 1; function < 8; function++)
    several |= bus->functions[PCI_DEVFN (slot, function)] != NULL;
  if (first)
    first->config[PCI_HEADER_TYPE] = several ? PCI_HEADER_MULTI_FUNCTION : 0;
}

bool
pci_bus_attach (PciBus *bus, PciDevice *pci, GError **error)
{
  PciDevice *other = bus->functions[pci->devfn];

  if (other)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "PCI slot %02x.%x can't take %s: %s is there. Give one of them another slot.",
                   pci->devfn >> 3, pci->devfn & 7, pci->device.name, other->device.name);
      return false;
    }
  bus->functions[pci->devfn] = pci;
  pci_bus_mark_functions (bus, pci->devfn >> 3);
  return true;
}

void
pci_bus_detach (PciBus *bus, PciDevice *pci)
{
  bus->functions[pci->devfn] = NULL;
  pci_bus_mark_functions (bus, pci->devfn >> 3);
}

IrqPin
pci_bus_route (PciBus *bus, PciDevice *pci)
{
  if (!bus->route)
    return (IrqPin){ NULL, 0 };
  return bus->route (bus->route_data, pci->devfn >> 3, pci->config[PCI_INTERRUPT_PIN] - 1);
}

PciDevice *
pci_bus_find (PciBus *bus, uint8_t devfn)
{
  return bus->functions[devfn];
}

uint32_t
pci_bus_config_read (PciBus *bus, uint8_t devfn, unsigned offset, unsigned size)
{
  PciDevice *pci = bus->functions[devfn];
  uint32_t value;

  if (!pci || size > 4 || offset > PCIE_CONFIG_SIZE - size)
    return low_bytes (UINT32_MAX, size);
  device_lock (&pci->device);
  value = pci_config_read (pci, offset, size);
  device_unlock (&pci->device);
  return value;
}

void
pci_bus_config_write (PciBus *bus, uint8_t devfn, unsigned offset, uint32_t value, unsigned size)
{
  PciDevice *pci = bus->functions[devfn];

  if (!pci || size > 4 || offset > PCIE_CONFIG_SIZE - size)
    return;
  device_lock (&pci->device);
  pci_config_write (pci, offset, value, size);
  device_unlock (&pci->device);
}

void
pci_bus_foreach (PciBus *bus, void (*func) (PciDevice *pci, void *data), void *data)
{
  for (unsigned devfn = 0; devfn < 256; devfn++)
    if (bus->functions[devfn])
      func (bus->functions[devfn], data);
}
