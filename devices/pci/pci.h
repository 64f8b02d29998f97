/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * PCI functions on one root bus (PCI Local Bus 3.0, PCI Express Base 4.0).
 *
 * A PCI device is a Device whose struct begins with a PciDevice. Its class's realize calls
 * pci_realize first and declares BARs and capabilities after it; its reset calls pci_reset.
 * Configuration accesses enter with the device's own lock held, like any register.
 */
typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;
typedef struct PciMsix PciMsix;

#define PCI_CONFIG_SIZE  256u
#define PCIE_CONFIG_SIZE 4096u
#define PCI_N_BARS       6
#define PCI_DEVFN(slot, function) ((uint8_t) (((slot) << 3) | (function)))

typedef struct {
  uint16_t vendor, device, subsystem_vendor, subsystem;
  uint32_t class_code; /* 0xBBSSPP */
  uint8_t revision;
  bool intx; /* has an INTx pin (INTA) */
} PciIdentity;

typedef enum {
  PCI_BAR_NONE,
  PCI_BAR_IO,
  PCI_BAR_MEM32,
  PCI_BAR_MEM64, /* takes this BAR and the next */
} PciBarKind;

typedef struct {
  PciBarKind kind;
  bool prefetchable;
  bool mapped;       /* decoded now */
  uint64_t size;     /* a power of two */
  uint64_t address;  /* where it is mapped, if it is */
  const BusOps *ops; /* registers, or ... */
  MemoryBank *bank;  /* ... memory */
  BusRegion *region;
} PciBar;

struct PciDevice {
  Device device;
  PciBus *bus;
  uint8_t devfn;
  IrqPin intx;
  bool intx_level;
  uint8_t config[PCIE_CONFIG_SIZE];
  uint8_t writable[PCIE_CONFIG_SIZE];       /* bits the guest may set */
  uint8_t clear_on_write[PCIE_CONFIG_SIZE]; /* bits a guest's 1 clears */
  PciBar bars[PCI_N_BARS];
  MemoryBank *rom; /* expansion ROM or NULL */
  bool rom_mapped;
  uint8_t next_capability; /* where the next one goes */
  uint8_t last_capability;
  bool is_express;
  GMutex message_lock; /* MSI and MSI-X registers; innermost */
  unsigned msi_offset; /* of the MSI capability, 0: none */
  MsiRoute *msi_route;
  PciMsix *msix;
  uint8_t *msix_memory; /* table, then pending bits: owned by msix */
  size_t msix_memory_size;

  /* Told after a guest's write to [offset, offset + size) of the configuration space. May be NULL. */
  void (*config_written) (PciDevice *pci, unsigned offset, unsigned size);
  /* Handles a read before the stored bytes are given; returns true with *value set. May be NULL. */
  bool (*config_read) (PciDevice *pci, unsigned offset, unsigned size, uint32_t *value);
  /* Told when a BAR was mapped (true) or is about to be unmapped (false). May be NULL. */
  void (*bar_mapped) (PciDevice *pci, unsigned bar, bool mapped);
};

extern const StateTable pci_device_state; /* STATE_STRUCT (MyDevice, pci, &pci_device_state, 1) */

/* How a caller places a PCI device: the first member of every PCI device's config struct. */
typedef struct {
  PciBus *bus;
  uint8_t devfn; /* PCI_DEVFN () */
} PciPlace;

bool pci_realize (PciDevice *pci, const PciPlace *place, const PciIdentity *identity, GError **error);
void pci_unrealize (PciDevice *pci);
void pci_reset (PciDevice *pci);

/* BARs; in realize, after pci_realize. @size: a power of two, at least 16 (4096 for memory). */
void pci_add_bar (PciDevice *pci, unsigned bar, PciBarKind kind, uint64_t size, const BusOps *ops);
void pci_add_memory_bar (PciDevice *pci, unsigned bar, PciBarKind kind, bool prefetchable, MemoryBank *bank);
/* An expansion ROM from @path (e.g. a VGA BIOS). */
bool pci_add_rom (PciDevice *pci, const char *path, GError **error);

/* A capability of @size bytes (header included): returns its offset, with id and next filled in. */
unsigned pci_add_capability (PciDevice *pci, uint8_t id, unsigned size);
/* PCI Express capability (device/port type: 0 endpoint, 9 root complex integrated endpoint). */
unsigned pci_add_express (PciDevice *pci, unsigned port_type);
/* Power management capability without PME. */
unsigned pci_add_power_management (PciDevice *pci);

/* MSI with one vector, 64-bit. */
void pci_add_msi (PciDevice *pci);
/* MSI-X with @n_vectors (1..2048), table and PBA in memory BAR @bar, which it makes (@bar unused so far). */
void pci_add_msix (PciDevice *pci, unsigned bar, unsigned n_vectors);

/* Delivers vector @vector by MSI-X or MSI if the guest enabled one of them; returns false if neither is
 * enabled (then use INTx). Honors masks and pending bits. Any thread; lock held or not. */
bool pci_send_vector (PciDevice *pci, unsigned vector);
bool pci_msix_enabled (PciDevice *pci);
unsigned pci_msix_vectors (PciDevice *pci);

/* INTx level, subject to the command register's disable bit. */
void pci_set_intx (PciDevice *pci, bool level);

/* Bus mastering: false if the guest has it off; then DMA must not happen. */
bool pci_may_dma (PciDevice *pci);

/* --- the bus --- */

/* @route: connects INTx of a slot's pin (0..3) to the chip set's PIRQ. */
typedef IrqPin (*PciRouteFunc) (void *data, unsigned slot, unsigned pin);

PciBus *pci_bus_new (Board *board, PciRouteFunc route, void *data);
void pci_bus_free (PciBus *bus);
PciDevice *pci_bus_find (PciBus *bus, uint8_t devfn); /* or NULL */
/* Configuration access as host bridges do it; takes the device's lock. All ones if there is none. */
uint32_t pci_bus_config_read (PciBus *bus, uint8_t devfn, unsigned offset, unsigned size);
void pci_bus_config_write (PciBus *bus, uint8_t devfn, unsigned offset, uint32_t value, unsigned size);
void pci_bus_foreach (PciBus *bus, void (*func) (PciDevice *pci, void *data), void *data);

G_END_DECLS
