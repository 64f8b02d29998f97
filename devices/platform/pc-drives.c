/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-private.h"

#include "devices/storage/ahci.h"
#include "devices/virtio/virtio-blk.h"
#include "devices/virtio/virtio-scsi.h"
#include "vmm/base/error.h"

#define MAX_QUEUES 4u

/* What is plugged in before its controllers are made. */
typedef struct {
  AhciConfig ahci;
  VirtioScsiConfig scsi;
  bool has_scsi;
  bool slots[PC_N_DISKS], ports[AHCI_N_PORTS], targets[VIRTIO_SCSI_N_TARGETS];
} Drives;

/* --- building --- */

static const char *
serial_of (const DiskSpec *disk)
{
  return disk->options.serial != NULL ? disk->options.serial : disk->id;
}

/* A queue for each processor, as far as that helps. */
static unsigned
n_queues (const Pc *pc)
{
  return MIN (pc->spec->n_cpus, MAX_QUEUES);
}

/* Remembers where the disk was put. */
static void
note (Pc *pc, Image *image, int place)
{
  unsigned number = (unsigned)place;

  g_ptr_array_add (pc->images, image);
  g_array_append_val (pc->places, number);
}

static bool
add_virtio_disk (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  VirtioBlkConfig config = {
    .serial = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
    .n_queues = n_queues (pc),
  };
  int place = pc_take_place (disk->id, drives->slots, PC_N_DISKS);
  unsigned slot = PC_SLOT_FIRST_DISK + place;

  g_assert (place >= 0); /* machine_spec_check counts them */
  if (!pc_open_image (pc->board->loop, disk, &config.image, error))
    return false;
  config.place = pc_place (pc, slot, 0);
  if (!board_add (pc->board, &virtio_blk_class, disk->id, &config, error))
    {
      image_close (config.image);
      return false;
    }
  note (pc, config.image, place);
  g_string_append_printf (pc->boot_order, "/pci@i0cf8/scsi@%x/disk@0,0\n", slot);
  return true;
}

static bool
add_ahci_drive (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int number = pc_take_place (disk->id, drives->ports, AHCI_N_PORTS);
  AhciPortConfig *port = &drives->ahci.ports[number];

  g_assert (number >= 0);
  *port = (AhciPortConfig){
    .kind = disk->kind == DISK_KIND_CDROM ? AHCI_PORT_CDROM : AHCI_PORT_DISK,
    .id = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
  };
  if (!pc_open_image (pc->board->loop, disk, &port->image, error))
    return false;
  note (pc, disk->kind == DISK_KIND_DISK ? port->image : NULL, number);
  g_string_append_printf (pc->boot_order, "/pci@i0cf8/pci8086,2922@1f,2/drive@%x/disk@0\n", number);
  return true;
}

static bool
add_scsi_unit (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  static const ScsiKind kinds[] = {
    [DISK_KIND_DISK] = SCSI_DISK, [DISK_KIND_CDROM] = SCSI_CDROM, [DISK_KIND_SCSI_HOST] = SCSI_HOST
  };
  int target = pc_take_place (disk->id, drives->targets, VIRTIO_SCSI_N_TARGETS);
  ScsiUnitConfig *unit = &drives->scsi.units[target];

  g_assert (target >= 0);
  drives->has_scsi = true;
  *unit = (ScsiUnitConfig){
    .kind = kinds[disk->kind],
    .serial = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
  };
  if (disk->kind == DISK_KIND_SCSI_HOST)
    unit->host = scsi_host_open (pc->board->loop, disk->path, error);
  if (disk->kind == DISK_KIND_SCSI_HOST ? unit->host == NULL
                                        : !pc_open_image (pc->board->loop, disk, &unit->image, error))
    return false;
  note (pc, disk->kind == DISK_KIND_DISK ? unit->image : NULL, target);
  g_string_append_printf (pc->boot_order, "/pci@i0cf8/scsi@%x/channel@0/disk@%x,0\n", PC_SLOT_SCSI, target);
  return true;
}

static bool
add_drive (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  switch (disk->bus)
    {
    case DISK_BUS_VIRTIO:
      return add_virtio_disk (pc, disk, drives, error);
    case DISK_BUS_AHCI:
      return add_ahci_drive (pc, disk, drives, error);
    case DISK_BUS_SCSI:
      return add_scsi_unit (pc, disk, drives, error);
    }
  g_assert_not_reached ();
}

static bool
add_controllers (Pc *pc, Drives *drives, GError **error)
{
  drives->scsi.n_queues = n_queues (pc);
  if (drives->has_scsi)
    {
      pc->scsi = board_add (pc->board, &virtio_scsi_class, "scsi0", &drives->scsi, error);
      if (pc->scsi == NULL)
        return false;
      for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++) /* they are the controller's now */
        drives->scsi.units[i] = (ScsiUnitConfig){ 0 };
    }
  pc->ahci = board_add (pc->board, &ahci_class, NULL, &drives->ahci, error);
  return pc->ahci != NULL;
}

bool
pc_add_drives (Pc *pc, GError **error)
{
  GPtrArray *disks = pc->spec->disks;
  Drives drives = { .ahci.place = pc_place (pc, PC_SLOT_CHIPS, PC_FUNCTION_AHCI),
                    .scsi.place = pc_place (pc, PC_SLOT_SCSI, 0) };
  bool ok = true;

  G_STATIC_ASSERT (PC_N_TARGETS == VIRTIO_SCSI_N_TARGETS);
  for (unsigned i = 0; i < disks->len && ok; i++)
    ok = add_drive (pc, g_ptr_array_index (disks, i), &drives, error);
  if (ok && add_controllers (pc, &drives, error))
    return true;
  for (unsigned i = 0; i < AHCI_N_PORTS; i++)
    image_close (drives.ahci.ports[i].image);
  for (unsigned i = 0; i < VIRTIO_SCSI_N_TARGETS; i++)
    {
      image_close (drives.scsi.units[i].image);
      scsi_host_close (drives.scsi.units[i].host);
    }
  return false;
}

/* --- while it runs --- */

/* The number of the spec's disk, or -1. */
static int
find_disk (const Pc *pc, const char *id)
{
  for (unsigned i = 0; i < pc->places->len; i++)
    if (g_str_equal (((const DiskSpec *)g_ptr_array_index (pc->spec->disks, i))->id, id))
      return (int)i;
  return -1;
}

bool
pc_change_medium (Pc *pc, const char *drive, const char *path, bool force, GError **error)
{
  const ImageOptions options = { .read_only = true };
  int index = find_disk (pc, drive);
  const DiskSpec *disk = index < 0 ? NULL : g_ptr_array_index (pc->spec->disks, index);
  unsigned place;
  Image *image = NULL;

  if (disk == NULL || disk->kind != DISK_KIND_CDROM)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "The machine \"%s\" has no CD-ROM drive \"%s\": name one of its drives, such as \"cd0\".",
                   pc->spec->name, drive);
      return false;
    }
  if (path && !(image = image_open (pc->board->loop, path, &options, error)))
    return false;
  place = g_array_index (pc->places, unsigned, index);
  if (disk->bus == DISK_BUS_SCSI ? virtio_scsi_change_medium (pc->scsi, place, image, force, error)
                                 : ahci_change_medium (pc->ahci, place, image, force, error))
    return true;
  image_close (image);
  return false;
}

static Image *
find_image (const Pc *pc, const char *id, GError **error)
{
  int index = find_disk (pc, id);
  Image *image = index < 0 ? NULL : g_ptr_array_index (pc->images, index);

  if (image == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no disk image \"%s\": name one of its disks, such as \"disk0\".",
                 pc->spec->name, id);
  return image;
}

Image *
pc_disk_image (Pc *pc, const char *disk, GError **error)
{
  return find_image (pc, disk, error);
}

bool
pc_grow_disk (Pc *pc, const char *disk, uint64_t size, GError **error)
{
  Image *image = find_image (pc, disk, error);

  if (image == NULL)
    return false;
  if (size >= image_size (image))
    return size == image_size (image) || image_resize (image, size, error);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk %s has %" G_GUINT64_FORMAT
               " bytes and can't shrink while the machine runs: power it off first",
               disk, image_size (image));
  return false;
}

bool
pc_limit_disk (Pc *pc, const char *disk, const ImageLimits *limits, GError **error)
{
  Image *image = find_image (pc, disk, error);

  if (image != NULL)
    image_set_limits (image, limits);
  return image != NULL;
}
