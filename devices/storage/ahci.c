/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci.h"

#include "devices/storage/ahci-private.h"
#include "vmm/base/bytes.h"
#include "vmm/base/error.h"

/* Serial ATA AHCI 1.3.1: the host bus adapter. */

#define ABAR      5u
#define ABAR_SIZE 0x1000u

/* Section 3.1: generic host control. */
enum {
  HBA_CAP = 0x00,
  HBA_GHC = 0x04,
  HBA_IS = 0x08,
  HBA_PI = 0x0c,
  HBA_VS = 0x10,
  HBA_CAP2 = 0x24,
  HBA_PORTS = 0x100,
  HBA_PORT_SIZE = 0x80,
};

/* S64A, SNCQ, SCLO, AHCI only, generation 2 speed, 32 slots, 6 ports. */
#define CAP_VALUE                                                                                            \
  (UINT32_C (1) << 31 | 1u << 30 | 1u << 24 | 2u << 20 | 1u << 18 | (AHCI_N_SLOTS - 1) << 8                  \
   | (AHCI_N_PORTS - 1))
#define VS_VALUE 0x00010301u
#define PI_VALUE ((1u << AHCI_N_PORTS) - 1)

/* ICH9 data sheet, SATA: address map, port control and status. */
#define CONFIG_MAP 0x90
#define CONFIG_PCS 0x92

/* --- interrupt --- */

/* Section 10.7: a port's pending interrupt sets its bit in IS, which stays until software clears it. A
 * message goes out for each bit that becomes set. */
void
ahci_update_irq (Ahci *ahci)
{
  uint32_t before = ahci->is;
  bool level;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if (ahci_port_read (&ahci->ports[i], 0x10) & ahci->ports[i].ie)
      ahci->is |= 1u << i;

  level = (ahci->ghc & AHCI_GHC_IE) && ahci->is != 0;
  if (level && (ahci->is & ~before))
    pci_send_vector (&ahci->pci, 0);
  pci_set_intx (&ahci->pci, level);
}

/* --- registers --- */

void
ahci_try_hba_reset (Ahci *ahci)
{
  if (!ahci->hba_reset_due)
    return;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if (ahci->ports[i].in_flight > 0)
      return;
  ahci->hba_reset_due = false;
  ahci->ghc = AHCI_GHC_AE;
  ahci->is = 0;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    ahci_port_reset (&ahci->ports[i], false);
  ahci_update_irq (ahci);
}

static uint32_t
hba_read (Ahci *ahci, unsigned offset)
{
  switch (offset)
    {
    case HBA_CAP:
      return CAP_VALUE;
    case HBA_GHC:
      return ahci->ghc | (ahci->hba_reset_due ? AHCI_GHC_HR : 0);
    case HBA_IS:
      return ahci->is;
    case HBA_PI:
      return PI_VALUE;
    case HBA_VS:
      return VS_VALUE;
    default:
      return 0;
    }
}

static void
write_ghc (Ahci *ahci, uint32_t value)
{
  if (value & AHCI_GHC_HR)
    {
      TRACE (ahci, "hba-reset", "ghc=0x%08x", value);
      ahci->hba_reset_due = true;
      for (unsigned i = 0; i < AHCI_N_PORTS; i++)
        ahci_port_drop_commands (&ahci->ports[i]);
      ahci_try_hba_reset (ahci);
      return;
    }
  if ((value & AHCI_GHC_IE) && !(ahci->ghc & AHCI_GHC_IE))
    ahci->is = 0; /* what is pending still shows itself as new, and is sent */
  ahci->ghc = AHCI_GHC_AE | (value & AHCI_GHC_IE);
  ahci_update_irq (ahci);
}

static void
hba_write (Ahci *ahci, unsigned offset, uint32_t value)
{
  switch (offset)
    {
    case HBA_GHC:
      write_ghc (ahci, value);
      break;
    case HBA_IS:
      ahci->is &= ~value;
      ahci_update_irq (ahci);
      break;
    }
}

static uint64_t
registers_read (Device *device, uint64_t offset, unsigned size)
{
  Ahci *ahci = (Ahci *)device;
  unsigned aligned = offset & ~3u, port = (aligned - HBA_PORTS) / HBA_PORT_SIZE;
  uint32_t value = 0;

  if (aligned < HBA_PORTS)
    value = hba_read (ahci, aligned);
  else if (port < AHCI_N_PORTS)
    value = ahci_port_read (&ahci->ports[port], aligned % HBA_PORT_SIZE);
  TRACE (device, "read", "offset=0x%03x size=%u value=0x%08x", (unsigned)offset, size, value);
  return low_bytes (value >> (8 * (offset & 3)), size);
}

static void
registers_write (Device *device, uint64_t offset, uint64_t value, unsigned size)
{
  Ahci *ahci = (Ahci *)device;
  unsigned port = (offset - HBA_PORTS) / HBA_PORT_SIZE;

  TRACE (device, "write", "offset=0x%03x size=%u value=0x%08x", (unsigned)offset, size, (unsigned)value);
  if (size != 4 || offset % 4 != 0)
    {
      GUEST_ERROR (device, "a write of %u bytes at 0x%03x", size, (unsigned)offset);
      return;
    }
  if (ahci->hba_reset_due)
    return;
  if (offset < HBA_PORTS)
    hba_write (ahci, offset, value);
  else if (port < AHCI_N_PORTS)
    ahci_port_write (&ahci->ports[port], offset % HBA_PORT_SIZE, value);
}

static const BusOps registers_ops = {
  .read = registers_read,
  .write = registers_write,
  .max_size = 4,
};

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  Ahci *ahci = (Ahci *)pci;

  if (offset < 6 && offset + size > 4 && pci_may_dma (pci))
    for (unsigned i = 0; i < AHCI_N_PORTS; i++)
      ahci_port_run (&ahci->ports[i]);
}

/* --- life --- */

static bool
ahci_realize (Device *device, const void *config, GError **error)
{
  const AhciConfig *ahci_config = config;
  const PciIdentity identity = {
    .vendor = 0x8086, .device = 0x2922, .class_code = 0x010601, .revision = 2, .intx = true
  };
  Ahci *ahci = (Ahci *)device;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if (ahci_config->ports[i].kind == AHCI_PORT_DISK && ahci_config->ports[i].image == NULL)
      {
        g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "%s: the disk at port %u has no image; give it one",
                     device->name, i);
        return false;
      }
  if (!pci_realize (&ahci->pci, &ahci_config->place, &identity, error))
    return false;
  ahci->pci.config[CONFIG_MAP] = 0x40; /* AHCI mode */
  ahci->pci.config[CONFIG_PCS] = PI_VALUE;
  ahci->pci.config_written = config_written;
  pci_add_bar (&ahci->pci, ABAR, PCI_BAR_MEM32, ABAR_SIZE, &registers_ops);
  pci_add_msi (&ahci->pci);
  pci_add_power_management (&ahci->pci);
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    ahci_fit_drive (ahci, i, &ahci_config->ports[i]);
  return true;
}

static void
ahci_unrealize (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  device_lock (device);
  ahci->halted = true;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    if (ahci->ports[i].ahci != NULL)
      ahci_port_drop_commands (&ahci->ports[i]);
  device_unlock (device);

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->ports[i];

      g_clear_pointer (&port->image, image_close);
      g_clear_pointer (&port->drive.image, image_close);
      for (unsigned j = 0; port->commands != NULL && j < AHCI_N_SLOTS; j++)
        {
          g_free (port->commands[j].iov);
          g_free (port->commands[j].ranges);
        }
      g_clear_pointer (&port->commands, g_free);
    }
  pci_unrealize (&ahci->pci);
}

static void
ahci_reset (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  ahci->ghc = AHCI_GHC_AE;
  ahci->is = 0;
  ahci->hba_reset_due = false;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      ahci_port_drop_commands (&ahci->ports[i]);
      ahci_port_reset (&ahci->ports[i], true);
    }
  pci_reset (&ahci->pci);
}

static void
ahci_stopped (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  ahci->halted = true;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      if (ahci->ports[i].image != NULL)
        image_let_through (ahci->ports[i].image);
      if (ahci->ports[i].drive.image != NULL)
        image_let_through (ahci->ports[i].drive.image);
    }
}

static void
ahci_started (Device *device)
{
  Ahci *ahci = (Ahci *)device;

  ahci->halted = false;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    ahci_port_retry (&ahci->ports[i]);
}

const DeviceClass ahci_class = {
  .id = "ahci",
  .size = sizeof (Ahci),
  .realize = ahci_realize,
  .unrealize = ahci_unrealize,
  .reset = ahci_reset,
  .stopped = ahci_stopped,
  .started = ahci_started,
  .state = &ahci_state,
};
