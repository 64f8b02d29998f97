/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pci-config.h"

#include "devices/platform/pc-map.h"
#include "vmm/base/bytes.h"

#define CONFIG_ADDRESS_PORT 0xcf8
#define CONFIG_DATA_PORT    0xcfc
#define CONFIG_ENABLE       0x80000000u
#define RESET_CONTROL       1 /* offset of port 0xcf9 */
#define ECAM_BUS_SIZE       (1u << 20)

/* ICH9 data sheet, section 13.7.5: a rise of RST_CPU resets; SYS_RST and FULL_RST say how hard. */
enum {
  RESET_SYSTEM = 1 << 1,
  RESET_CPU = 1 << 2,
  RESET_FULL = 1 << 3,
};

typedef struct {
  Device device;
  PciBus *bus;
  uint32_t address;
  uint8_t reset_control;

  GMutex ecam_lock; /* the window is moved from within a PCI function */
  BusRegion *ecam;
  uint64_t ecam_address, ecam_size;
  uint64_t ecam_last;
} PciConfig;

#define PCI_CONFIG(device) ((PciConfig *)(device))

/* --- ports --- */

/* Only bus 0 has functions. */
static bool
pci_config_selected (const PciConfig *self)
{
  return (self->address & CONFIG_ENABLE) && !(self->address & 0x00ff0000);
}

static uint64_t
pci_config_read_ports (Device *device, uint64_t offset, unsigned size)
{
  PciConfig *self = PCI_CONFIG (device);

  if (offset >= 4)
    {
      if (!pci_config_selected (self))
        return low_bytes (UINT64_MAX, size);
      return pci_bus_config_read (self->bus, self->address >> 8 & 0xff,
                                  (self->address & 0xfc) + (unsigned)(offset - 4), size);
    }
  if (offset == RESET_CONTROL && size == 1)
    return self->reset_control;
  if (offset == 0 && size == 4)
    return self->address;
  return low_bytes (UINT64_MAX, size);
}

static void
pci_config_write_reset (PciConfig *self, uint8_t value)
{
  bool rise = (value & RESET_CPU) && !(self->reset_control & RESET_CPU);

  self->reset_control = value & (RESET_SYSTEM | RESET_CPU | RESET_FULL);
  if (rise)
    {
      TRACE (self, "reset", "value=0x%02x", value);
      board_request (self->device.board, BOARD_REQUEST_RESET, 0, NULL);
    }
}

static void
pci_config_write_ports (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  PciConfig *self = PCI_CONFIG (device);

  if (offset >= 4)
    {
      if (pci_config_selected (self))
        pci_bus_config_write (self->bus, self->address >> 8 & 0xff,
                              (self->address & 0xfc) + (unsigned)(offset - 4), value, size);
    }
  else if (offset == RESET_CONTROL && size == 1)
    pci_config_write_reset (self, value);
  else if (offset == 0 && size == 4)
    self->address = value & 0x80fffffc;
}

static const BusOps port_ops = { .read = pci_config_read_ports,
                                 .write = pci_config_write_ports,
                                 .max_size = 4 };

/* --- ECAM: PCI Express Base 4.0, section 7.2.2 --- */

static uint64_t
pci_config_read_ecam (Device *device, uint64_t offset, unsigned size)
{
  if (offset >= ECAM_BUS_SIZE)
    return low_bytes (UINT64_MAX, size);
  return pci_bus_config_read (PCI_CONFIG (device)->bus, offset >> 12, offset & 0xfff, size);
}

static void
pci_config_write_ecam (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  if (offset < ECAM_BUS_SIZE)
    pci_bus_config_write (PCI_CONFIG (device)->bus, offset >> 12, offset & 0xfff, value, size);
}

static const BusOps ecam_ops = { .read = pci_config_read_ecam,
                                 .write = pci_config_write_ecam,
                                 .max_size = 4 };

void
pci_config_place_ecam (Device *device, uint64_t address, uint64_t size)
{
  PciConfig *self = PCI_CONFIG (device);
  Bus *mmio = device->board->mmio;

  g_mutex_lock (&self->ecam_lock);
  if (self->ecam_size != size || self->ecam_address != address)
    {
      if (self->ecam)
        bus_remove (mmio, self->ecam);
      self->ecam = size ? bus_add (mmio, device, &ecam_ops, address, size, 1) : NULL;
      self->ecam_address = address;
      self->ecam_size = size;
      if (size == PC_ECAM_SIZE)
        self->ecam_last = address;
    }
  g_mutex_unlock (&self->ecam_lock);
}

uint64_t
pci_config_ecam (Device *device)
{
  PciConfig *self = PCI_CONFIG (device);
  uint64_t address;

  g_mutex_lock (&self->ecam_lock);
  address = self->ecam_last;
  g_mutex_unlock (&self->ecam_lock);
  return address;
}

/* --- life --- */

static bool
pci_config_realize (Device *device, const void *config, GError **error)
{
  PciConfig *self = PCI_CONFIG (device);

  g_mutex_init (&self->ecam_lock);
  self->bus = ((const PciConfigConfig *)config)->bus;
  device_add_ports (device, &port_ops, CONFIG_ADDRESS_PORT, 8);
  return true;
}

static void
pci_config_unrealize (Device *device)
{
  PciConfig *self = PCI_CONFIG (device);

  if (!self->bus)
    return;
  pci_config_place_ecam (device, 0, 0);
  g_mutex_clear (&self->ecam_lock);
}

static void
pci_config_reset (Device *device)
{
  PCI_CONFIG (device)->address = 0;
  PCI_CONFIG (device)->reset_control = 0;
}

static const StateField pci_config_fields[] = {
  STATE_U32 (PciConfig, address, 1),
  STATE_U8 (PciConfig, reset_control, 1),
  STATE_END,
};

/* The window's place is the host bridge's to remember. */
static const StateTable pci_config_state = {
  .name = "pci-config",
  .version = 1,
  .fields = pci_config_fields,
  .object_size = sizeof (PciConfig),
};

const DeviceClass pci_config_class = {
  .id = "pci-config",
  .size = sizeof (PciConfig),
  .realize = pci_config_realize,
  .unrealize = pci_config_unrealize,
  .reset = pci_config_reset,
  .state = &pci_config_state,
};
