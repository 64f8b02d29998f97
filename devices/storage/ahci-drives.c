/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/storage/ahci-private.h"
#include "vmm/base/error.h"

/* Drives that come and go, and their discs. */

void
ahci_fit_drive (Ahci *ahci, unsigned index, const AhciPortConfig *config)
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
      ahci_fit_drive (ahci, index, drive);
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
