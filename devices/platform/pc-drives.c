/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/storage/ahci.h"
#include "devices/virtio/virtio-blk.h"
#include "vmm/base/error.h"

/* Opens a drive's image; *@image stays NULL for an empty CD-ROM drive. */
static bool
open_image (Pc *pc, const DiskSpec *disk, Image **image, GError **error)
{
  bool read_only = disk->read_only || disk->kind == DISK_KIND_CDROM;
  const ImageOptions options = { .read_only = read_only, .exclusive_lock = !read_only };

  *image = NULL;
  if (!disk->path || !*disk->path)
    return true;
  *image = image_open (pc->board->loop, disk->path, &options, error);
  return *image != NULL;
}

static bool
add_virtio_disk (Pc *pc, const DiskSpec *disk, bool *taken, GError **error)
{
  VirtioBlkConfig config = { .serial = disk->id, .read_only = disk->read_only };
  int place = pc_take_place (disk->id, taken, PC_N_DISKS);
  unsigned slot = PC_SLOT_FIRST_DISK + place;

  g_assert (place >= 0); /* machine_spec_check counts them */
  if (!open_image (pc, disk, &config.image, error))
    return false;
  config.place = pc_place (pc, slot, 0);
  if (!board_add (pc->board, &virtio_blk_class, disk->id, &config, error))
    {
      image_close (config.image);
      return false;
    }
  g_string_append_printf (pc->boot_order, "/pci@i0cf8/scsi@%x/disk@0,0\n", slot);
  return true;
}

static bool
fill_ahci_port (Pc *pc, const DiskSpec *disk, AhciPortConfig *port, unsigned number, GError **error)
{
  port->kind = disk->kind == DISK_KIND_CDROM ? AHCI_PORT_CDROM : AHCI_PORT_DISK;
  port->id = disk->id;
  port->read_only = disk->read_only;
  g_string_append_printf (pc->boot_order, "/pci@i0cf8/pci8086,2922@1f,2/drive@%x/disk@0\n", number);
  return open_image (pc, disk, &port->image, error);
}

bool
pc_add_drives (Pc *pc, GError **error)
{
  GPtrArray *disks = pc->spec->disks;
  AhciConfig ahci = { .place = pc_place (pc, PC_SLOT_CHIPS, PC_FUNCTION_AHCI) };
  bool slots[PC_N_DISKS] = { false };
  bool ports[AHCI_N_PORTS] = { false };
  bool ok = true;

  G_STATIC_ASSERT (G_N_ELEMENTS (pc->drive_ports) == AHCI_N_PORTS);
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    pc->drive_ports[i] = -1;

  for (unsigned i = 0; i < disks->len && ok; i++)
    {
      const DiskSpec *disk = g_ptr_array_index (disks, i);

      if (disk->bus == DISK_BUS_VIRTIO)
        ok = add_virtio_disk (pc, disk, slots, error);
      else
        {
          int port = pc_take_place (disk->id, ports, AHCI_N_PORTS);

          g_assert (port >= 0);
          pc->drive_ports[port] = i;
          ok = fill_ahci_port (pc, disk, &ahci.ports[port], port, error);
        }
    }

  if (ok && (pc->ahci = board_add (pc->board, &ahci_class, NULL, &ahci, error)))
    return true;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    image_close (ahci.ports[i].image);
  return false;
}
