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

enum {
  GHC_HR = 1 << 0,
  GHC_IE = 1 << 1,
};
#define GHC_AE UINT32_C (0x80000000)

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

  level = (ahci->ghc & GHC_IE) && ahci->is != 0;
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
  ahci->ghc = GHC_AE;
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
      return ahci->ghc | (ahci->hba_reset_due ? GHC_HR : 0);
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
  if (value & GHC_HR)
    {
      TRACE (ahci, "hba-reset", "ghc=0x%08x", value);
      ahci->hba_reset_due = true;
      for (unsigned i = 0; i < AHCI_N_PORTS; i++)
        ahci_port_drop_commands (&ahci->ports[i]);
      ahci_try_hba_reset (ahci);
      return;
    }
  if ((value & GHC_IE) && !(ahci->ghc & GHC_IE))
    ahci->is = 0; /* what is pending still shows itself as new, and is sent */
  ahci->ghc = GHC_AE | (value & GHC_IE);
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

static void
plug (Ahci *ahci, unsigned index, const AhciPortConfig *config)
{
  AhciPort *port = &ahci->ports[index];

  port->ahci = ahci;
  port->index = index;
  port->kind = config->kind;
  if (port->kind == AHCI_PORT_EMPTY)
    return;
  if (config->kind == AHCI_PORT_DISK)
    port->image = config->image;
  port->read_only = config->read_only || (config->image != NULL && image_is_read_only (config->image));
  port->write_through = config->write_through;
  port->no_discard = config->no_discard;
  g_strlcpy (port->serial, config->id != NULL ? config->id : "", sizeof port->serial);
  port->drive = (ScsiUnit){ .device = &ahci->pci.device, .atapi = true };
  if (config->kind == AHCI_PORT_CDROM)
    {
      port->drive.kind = SCSI_CDROM;
      port->drive.image = config->image;
    }
  g_strlcpy (port->drive.serial, port->serial, sizeof port->drive.serial);
  if (port->commands == NULL)
    port->commands = g_new0 (AhciCommand, AHCI_N_SLOTS);
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    {
      port->commands[i].port = port;
      port->commands[i].slot = i;
    }
}

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
    plug (ahci, i, &ahci_config->ports[i]);
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

  ahci->ghc = GHC_AE;
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

/* --- media --- */

bool
ahci_change_medium (Device *device, unsigned index, Image *image, bool force, GError **error)
{
  Ahci *ahci = (Ahci *)device;
  Image *old = NULL;
  bool fine;

  device_lock (device);
  if (index >= AHCI_N_PORTS || ahci->ports[index].kind != AHCI_PORT_CDROM)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "There is no CD-ROM drive at port %u of %s; choose another drive", index, device->name);
      fine = false;
    }
  else
    fine = scsi_change_disc (&ahci->ports[index].drive, image, force, &old, error);
  device_unlock (device);
  image_close (old);
  return fine;
}

bool
ahci_has_medium (Device *device, unsigned index)
{
  Ahci *ahci = (Ahci *)device;
  bool has;

  device_lock (device);
  has = index < AHCI_N_PORTS && ahci->ports[index].kind == AHCI_PORT_CDROM
        && scsi_medium (&ahci->ports[index].drive) != NULL;
  device_unlock (device);
  return has;
}

/* --- drives that come and go --- */

static bool
check_plug (Ahci *ahci, unsigned index, const AhciPortConfig *drive, GError **error)
{
  bool is_port = index < AHCI_N_PORTS && drive->kind != AHCI_PORT_EMPTY
                 && (drive->kind != AHCI_PORT_DISK || drive->image != NULL);

  if (is_port && !ahci_port_has_device (&ahci->ports[index]))
    return true;
  if (is_port)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                 "There is a drive at port %u of %s already; choose another port", index,
                 ahci->pci.device.name);
  else
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "That drive does not fit port %u of %s; choose port 0 to %u and give a disk its image",
                 index, ahci->pci.device.name, AHCI_N_PORTS - 1);
  return false;
}

bool
ahci_plug (Device *device, unsigned index, const AhciPortConfig *drive, GError **error)
{
  Ahci *ahci = (Ahci *)device;
  bool fits;

  device_lock (device);
  fits = check_plug (ahci, index, drive, error);
  if (fits)
    {
      TRACE (device, "plug", "port=%u kind=%u", index, drive->kind);
      plug (ahci, index, drive);
      ahci_port_plugged (&ahci->ports[index]);
    }
  device_unlock (device);
  return fits;
}

bool
ahci_unplug (Device *device, unsigned index, GError **error)
{
  Ahci *ahci = (Ahci *)device;
  AhciPort *port = index < AHCI_N_PORTS ? &ahci->ports[index] : NULL;
  Image *image = NULL;

  device_lock (device);
  if (port == NULL || !ahci_port_has_device (port))
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "There is no drive at port %u of %s", index,
                   device->name);
      port = NULL;
    }
  else
    {
      TRACE (device, "unplug", "port=%u", index);
      image =
        port->kind == AHCI_PORT_CDROM ? g_steal_pointer (&port->drive.image) : g_steal_pointer (&port->image);
      port->kind = AHCI_PORT_EMPTY;
      port->drive.kind = SCSI_NO_UNIT;
      ahci_port_drop_commands (port);
      ahci_port_unplugged (port);
    }
  device_unlock (device);
  image_close (image);
  return port != NULL;
}

/* --- state --- */

static const StateField disk_fields[] = {
  STATE_BOOL (AtaDisk, write_cache, 1),
  STATE_BOOL (AtaDisk, smart, 1),
  STATE_U8 (AtaDisk, multiple, 1),
  STATE_BYTES (AtaDisk, ncq_error, 1),
  STATE_END,
};

static const StateTable disk_state = {
  .name = "ata-disk",
  .version = 1,
  .fields = disk_fields,
  .object_size = sizeof (AtaDisk),
};

static const StateField port_fields[] = {
  STATE_U8 (AhciPort, kind, 1),
  STATE_U64 (AhciPort, clb, 1),
  STATE_U64 (AhciPort, fb, 1),
  STATE_U32 (AhciPort, is, 1),
  STATE_U32 (AhciPort, ie, 1),
  STATE_U32 (AhciPort, cmd, 1),
  STATE_U32 (AhciPort, sig, 1),
  STATE_U32 (AhciPort, ssts, 1),
  STATE_U32 (AhciPort, sctl, 1),
  STATE_U32 (AhciPort, serr, 1),
  STATE_U32 (AhciPort, sact, 1),
  STATE_U32 (AhciPort, ci, 1),
  STATE_U8 (AhciPort, status, 1),
  STATE_U8 (AhciPort, error, 1),
  STATE_BOOL (AhciPort, stopped, 1),
  STATE_BOOL (AhciPort, signature_due, 1),
  STATE_BOOL (AhciPort, soft_reset, 1),
  STATE_U8 (AhciPort, last_slot, 1),
  STATE_U32 (AhciPort, waiting, 1),
  STATE_STRUCT (AhciPort, disk, &disk_state, 1),
  STATE_STRUCT (AhciPort, drive, &scsi_unit_state, 1),
  STATE_END,
};

static const StateTable port_state = {
  .name = "ahci-port",
  .version = 1,
  .fields = port_fields,
  .object_size = sizeof (AhciPort),
};

static bool
check_state (const void *object, const void *incoming, GError **error)
{
  const Ahci *ahci = object, *other = incoming;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      const AhciPort *port = &other->ports[i];

      if (port->kind != ahci->ports[i].kind || port->last_slot >= AHCI_N_SLOTS)
        {
          g_set_error (error, VMM_ERROR, VMM_ERROR_STATE,
                       "The saved state of %s has a drive of kind %u at port %u, this machine one of kind %u",
                       ahci->pci.device.name, port->kind, i, ahci->ports[i].kind);
          return false;
        }
    }
  return true;
}

static void
after_load (void *object)
{
  Ahci *ahci = object;

  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    {
      AhciPort *port = &ahci->ports[i];

      port->clb &= ~UINT64_C (0x3ff);
      port->fb &= ~UINT64_C (0xff);
      port->cmd &= PORT_CMD_WRITABLE | PORT_CMD_FR | PORT_CMD_CR;
      port->active = 0;
      port->generation++;
      port->reset_due = false;
    }
  ahci->ghc = GHC_AE | (ahci->ghc & GHC_IE);
  ahci->hba_reset_due = false;
  ahci_update_irq (ahci);
}

static const StateField ahci_fields[] = {
  STATE_STRUCT (Ahci, pci, &pci_device_state, 1),
  STATE_STRUCTS (Ahci, ports, &port_state, 1),
  STATE_U32 (Ahci, ghc, 1),
  STATE_U32 (Ahci, is, 1),
  STATE_END,
};

static const StateTable ahci_state = {
  .name = "ahci",
  .version = 1,
  .fields = ahci_fields,
  .object_size = sizeof (Ahci),
  .check = check_state,
  .after_load = after_load,
};

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
