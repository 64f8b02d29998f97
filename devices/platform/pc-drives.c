/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/pc-drives.h"

#include "devices/usb/usb-storage.h"
#include "devices/virtio/virtio-blk.h"
#include "vmm/base/error.h"

#define MAX_QUEUES 4u

/* What is plugged in before its controllers are made. */
typedef struct {
  AhciConfig ahci;
  VirtioScsiConfig scsi;
  bool has_scsi;
  bool slots[PC_N_DISKS], ports[AHCI_N_PORTS], targets[VIRTIO_SCSI_N_TARGETS], sockets[PC_N_USB_DRIVES];
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

void
pc_drive_free (gpointer data)
{
  PcDrive *drive = data;

  g_free (drive->id);
  g_free (drive);
}

PcDrive *
pc_note_drive (Pc *pc, const DiskSpec *disk, Image *image, int place)
{
  PcDrive *drive = g_new (PcDrive, 1);

  *drive = (PcDrive){ g_strdup (disk->id), disk->kind, disk->bus, (unsigned)place,
                      NULL, disk->kind == DISK_KIND_DISK ? image : NULL };
  g_ptr_array_add (pc->drives, drive);
  return drive;
}

AhciPortConfig
pc_ahci_port (const DiskSpec *disk)
{
  return (AhciPortConfig){
    .kind = disk->kind == DISK_KIND_CDROM ? AHCI_PORT_CDROM : AHCI_PORT_DISK,
    .id = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
  };
}

ScsiUnitConfig
pc_scsi_unit (const DiskSpec *disk)
{
  static const ScsiKind kinds[] = {
    [DISK_KIND_DISK] = SCSI_DISK, [DISK_KIND_CDROM] = SCSI_CDROM, [DISK_KIND_SCSI_HOST] = SCSI_HOST
  };

  return (ScsiUnitConfig){
    .kind = kinds[disk->kind],
    .serial = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
  };
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
  pc_note_drive (pc, disk, config.image, place);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/scsi@%x/disk@0,0", slot);
  return true;
}

/* Firmware knows the controllers by the first number that they had; it doesn't look at ours. */
static bool
add_nvme_disk (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int place = pc_take_place (disk->id, drives->slots, PC_N_DISKS);
  unsigned slot = PC_SLOT_FIRST_DISK + place;
  Image *image;

  g_assert (place >= 0); /* machine_spec_check counts them */
  if (!pc_open_image (pc->board->loop, disk, &image, error))
    return false;
  if (!pc_add_nvme_disk (pc, disk, serial_of (disk), slot, image, error))
    {
      image_close (image);
      return false;
    }
  pc_note_drive (pc, disk, image, place);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/pci8086,5845@%x/namespace@1,0", slot);
  return true;
}

static bool
add_ahci_drive (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int number = pc_take_place (disk->id, drives->ports, AHCI_N_PORTS);
  AhciPortConfig *port = &drives->ahci.ports[number];

  g_assert (number >= 0);
  *port = pc_ahci_port (disk);
  if (!pc_open_image (pc->board->loop, disk, &port->image, error))
    return false;
  pc_note_drive (pc, disk, port->image, number);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/pci8086,2922@1f,2/drive@%x/disk@0", (unsigned)number);
  return true;
}

static bool
add_scsi_unit (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int target = pc_take_place (disk->id, drives->targets, VIRTIO_SCSI_N_TARGETS);
  ScsiUnitConfig *unit = &drives->scsi.units[target];

  g_assert (target >= 0);
  drives->has_scsi = true;
  *unit = pc_scsi_unit (disk);
  if (disk->kind == DISK_KIND_SCSI_HOST)
    unit->host = scsi_host_open (pc->board->loop, disk->path, error);
  if (disk->kind == DISK_KIND_SCSI_HOST ? unit->host == NULL
                                        : !pc_open_image (pc->board->loop, disk, &unit->image, error))
    return false;
  pc_note_drive (pc, disk, unit->image, target);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/scsi@%x/channel@0/disk@%x,0", PC_SLOT_SCSI, (unsigned)target);
  return true;
}

static bool
add_usb_drive (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int place = pc_take_place (disk->id, drives->sockets, PC_N_USB_DRIVES);
  ScsiUnitConfig unit = pc_scsi_unit (disk);
  Device *device;

  g_assert (place >= 0);
  if (!pc_open_image (pc->board->loop, disk, &unit.image, error))
    return false;
  device = pc_add_usb_drive (pc, disk, &unit, (unsigned)place, error);
  if (device == NULL)
    {
      image_close (unit.image);
      return false;
    }
  pc_note_drive (pc, disk, unit.image, place)->device = device;
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/usb@%x/storage@%x/channel@0/disk@0,0", PC_SLOT_USB,
                    PC_USB_FIRST_DRIVE + (unsigned)place);
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
    case DISK_BUS_NVME:
      return add_nvme_disk (pc, disk, drives, error);
    case DISK_BUS_USB:
      return add_usb_drive (pc, disk, drives, error);
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

PcDrive *
pc_find_drive (const Pc *pc, const char *id)
{
  for (unsigned i = 0; i < pc->drives->len; i++)
    {
      PcDrive *drive = g_ptr_array_index (pc->drives, i);

      if (g_str_equal (drive->id, id))
        return drive;
    }
  return NULL;
}

static PcDrive *
first_cdrom (const Pc *pc)
{
  for (unsigned i = 0; i < pc->drives->len; i++)
    {
      PcDrive *drive = g_ptr_array_index (pc->drives, i);

      if (drive->kind == DISK_KIND_CDROM)
        return drive;
    }
  return NULL;
}

char *
pc_first_cdrom (Pc *pc)
{
  const PcDrive *drive;
  char *id;

  g_rw_lock_reader_lock (&pc->drives_lock);
  drive = first_cdrom (pc);
  id = drive != NULL ? g_strdup (drive->id) : NULL;
  g_rw_lock_reader_unlock (&pc->drives_lock);
  return id;
}

bool
pc_put_medium (Pc *pc, const PcDrive *drive, Image *image, bool force, GError **error)
{
  if (drive->bus == DISK_BUS_USB)
    return usb_storage_change_medium (drive->device, image, force, error);
  return drive->bus == DISK_BUS_SCSI ? virtio_scsi_change_medium (pc->scsi, drive->place, image, force, error)
                                     : ahci_change_medium (pc->ahci, drive->place, image, force, error);
}

bool
pc_change_medium (Pc *pc, const char *id, const char *path, bool force, GError **error)
{
  const ImageOptions options = { .read_only = true };
  const PcDrive *drive;
  Image *image = NULL;
  bool done = false;

  g_rw_lock_reader_lock (&pc->drives_lock);
  drive = id != NULL ? pc_find_drive (pc, id) : first_cdrom (pc);
  if (drive == NULL || drive->kind != DISK_KIND_CDROM)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no CD-ROM drive \"%s\": name one of its drives, such as \"cd0\".",
                 pc->spec->name, id != NULL ? id : "");
  else if (path == NULL || (image = image_open (pc->board->loop, path, &options, error)) != NULL)
    done = pc_put_medium (pc, drive, image, force, error);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  if (!done)
    image_close (image);
  return done;
}

/* The lock is held. */
static Image *
find_image (const Pc *pc, const char *id, GError **error)
{
  const PcDrive *drive = pc_find_drive (pc, id);
  Image *image = drive != NULL ? drive->image : NULL;

  if (image == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no disk image \"%s\": name one of its disks, such as \"disk0\".",
                 pc->spec->name, id);
  return image;
}

Image *
pc_disk_image (Pc *pc, const char *disk, GError **error)
{
  Image *image;

  g_rw_lock_reader_lock (&pc->drives_lock);
  image = find_image (pc, disk, error);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  return image;
}

void
pc_lend_keys (Pc *pc, MachineSpec *spec)
{
  g_autoptr (ImageKeys) keys = image_keys_new ();

  g_rw_lock_reader_lock (&pc->drives_lock);
  for (guint i = 0; i < pc->drives->len; i++)
    {
      const PcDrive *drive = pc->drives->pdata[i];

      if (drive->image != NULL)
        image_lend_keys (drive->image, keys);
    }
  g_rw_lock_reader_unlock (&pc->drives_lock);
  for (guint i = 0; i < spec->disks->len; i++)
    {
      DiskSpec *disk = g_ptr_array_index (spec->disks, i);

      if (disk->options.keys == NULL)
        disk->options.keys = image_keys_ref (keys);
    }
}

bool
pc_flush_disks (Pc *pc, GError **error)
{
  int result = 0;

  g_rw_lock_reader_lock (&pc->drives_lock);
  for (guint i = 0; i < pc->drives->len && result == 0; i++)
    {
      const PcDrive *drive = pc->drives->pdata[i];

      if (drive->image == NULL || image_is_read_only (drive->image))
        continue;
      result = image_run (drive->image, IMAGE_FLUSH, 0, NULL, 0);
      if (result < 0)
        vmm_set_errno_error (error, -result, "Can't flush disk image “%s”", image_path (drive->image));
    }
  g_rw_lock_reader_unlock (&pc->drives_lock);
  return result == 0;
}

static bool
grow (Image *image, const char *disk, uint64_t size, GError **error)
{
  if (size >= image_size (image))
    return size == image_size (image) || image_resize (image, size, error);
  g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
               "Disk %s has %" G_GUINT64_FORMAT
               " bytes and can't shrink while the machine runs: power it off first",
               disk, image_size (image));
  return false;
}

bool
pc_grow_disk (Pc *pc, const char *disk, uint64_t size, GError **error)
{
  Image *image;
  bool done;

  g_rw_lock_reader_lock (&pc->drives_lock);
  image = find_image (pc, disk, error);
  done = image != NULL && grow (image, disk, size, error);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  return done;
}

bool
pc_limit_disk (Pc *pc, const char *disk, const ImageLimits *limits, GError **error)
{
  Image *image;

  g_rw_lock_reader_lock (&pc->drives_lock);
  image = find_image (pc, disk, error);
  if (image != NULL)
    image_set_limits (image, limits);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  return image != NULL;
}
