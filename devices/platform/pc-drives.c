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

void
pc_drive_free (gpointer data)
{
  PcDrive *drive = data;

  g_free (drive->id);
  g_free (drive);
}

/* Remembers where the disk was put. */
static void
note (Pc *pc, const DiskSpec *disk, Image *image, int place)
{
  PcDrive *drive = g_new (PcDrive, 1);

  *drive = (PcDrive){ g_strdup (disk->id), disk->kind, disk->bus, (unsigned)place,
                      disk->kind == DISK_KIND_DISK ? image : NULL };
  g_ptr_array_add (pc->drives, drive);
}

/* How a drive is plugged in, but for what is behind it. */
static AhciPortConfig
ahci_port (const DiskSpec *disk)
{
  return (AhciPortConfig){
    .kind = disk->kind == DISK_KIND_CDROM ? AHCI_PORT_CDROM : AHCI_PORT_DISK,
    .id = serial_of (disk),
    .read_only = disk->read_only,
    .write_through = disk->options.cache == DISK_CACHE_WRITETHROUGH,
    .no_discard = disk->options.discard == DISK_DISCARD_IGNORE,
  };
}

static ScsiUnitConfig
scsi_unit (const DiskSpec *disk)
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
  note (pc, disk, config.image, place);
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
  note (pc, disk, image, place);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/pci8086,5845@%x/namespace@1,0", slot);
  return true;
}

static bool
add_ahci_drive (Pc *pc, const DiskSpec *disk, Drives *drives, GError **error)
{
  int number = pc_take_place (disk->id, drives->ports, AHCI_N_PORTS);
  AhciPortConfig *port = &drives->ahci.ports[number];

  g_assert (number >= 0);
  *port = ahci_port (disk);
  if (!pc_open_image (pc->board->loop, disk, &port->image, error))
    return false;
  note (pc, disk, port->image, number);
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
  *unit = scsi_unit (disk);
  if (disk->kind == DISK_KIND_SCSI_HOST)
    unit->host = scsi_host_open (pc->board->loop, disk->path, error);
  if (disk->kind == DISK_KIND_SCSI_HOST ? unit->host == NULL
                                        : !pc_open_image (pc->board->loop, disk, &unit->image, error))
    return false;
  note (pc, disk, unit->image, target);
  pc_add_boot_path (pc, disk->id, "/pci@i0cf8/scsi@%x/channel@0/disk@%x,0", PC_SLOT_SCSI, (unsigned)target);
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

/* The lock is held. NULL if there is none. */
static PcDrive *
find_drive (const Pc *pc, const char *id)
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

static bool
change_medium (Pc *pc, const PcDrive *drive, Image *image, bool force, GError **error)
{
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
  drive = id != NULL ? find_drive (pc, id) : first_cdrom (pc);
  if (drive == NULL || drive->kind != DISK_KIND_CDROM)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no CD-ROM drive \"%s\": name one of its drives, such as \"cd0\".",
                 pc->spec->name, id != NULL ? id : "");
  else if (path == NULL || (image = image_open (pc->board->loop, path, &options, error)) != NULL)
    done = change_medium (pc, drive, image, force, error);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  if (!done)
    image_close (image);
  return done;
}

/* The lock is held. */
static Image *
find_image (const Pc *pc, const char *id, GError **error)
{
  const PcDrive *drive = find_drive (pc, id);
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

/* --- drives that come and go --- */

/* A place for a drive with @id on @bus, or -1. The lock is held. */
static int
find_place (const Pc *pc, DiskBus bus, const char *id)
{
  G_STATIC_ASSERT (AHCI_N_PORTS <= VIRTIO_SCSI_N_TARGETS);
  bool taken[VIRTIO_SCSI_N_TARGETS] = { false };

  for (unsigned i = 0; i < pc->drives->len; i++)
    {
      const PcDrive *drive = g_ptr_array_index (pc->drives, i);

      if (drive->bus == bus)
        taken[drive->place] = true;
    }
  return pc_take_place (id, taken, bus == DISK_BUS_AHCI ? AHCI_N_PORTS : VIRTIO_SCSI_N_TARGETS);
}

static char *
free_id (const Pc *pc, DiskKind kind)
{
  for (unsigned number = 0;; number++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", kind == DISK_KIND_CDROM ? "cd" : "disk", number);

      if (find_drive (pc, id) == NULL)
        return g_steal_pointer (&id);
    }
}

static bool
check_bus (const Pc *pc, const DiskSpec *disk, GError **error)
{
  if (disk->bus == DISK_BUS_VIRTIO || disk->bus == DISK_BUS_NVME)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "A disk on the %s bus is a PCI card, and cards can't be added while the machine \"%s\" runs: "
      "put the disk on sata or scsi, or power the machine off first.",
      disk_bus_names[disk->bus], pc->spec->name);
  else if (disk->bus == DISK_BUS_SCSI && pc->scsi == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "The machine \"%s\" was started without a SCSI controller, which can't be added while it runs: "
      "put the disk on sata, or power the machine off first; it has one from the first SCSI disk on.",
      pc->spec->name);
  else
    return true;
  return false;
}

/* Chooses what was left open. The lock is held. Returns the place, or -1 with @error set. */
static int
choose_place (const Pc *pc, DiskSpec *disk, bool any_bus, GError **error)
{
  int place;

  if (disk->id == NULL)
    disk->id = free_id (pc, disk->kind);
  if (find_drive (pc, disk->id) != NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                   "The machine \"%s\" has a drive \"%s\" already: give the new one another id.",
                   pc->spec->name, disk->id);
      return -1;
    }
  if (any_bus)
    disk->bus =
      pc->scsi != NULL && find_place (pc, DISK_BUS_SCSI, disk->id) >= 0 ? DISK_BUS_SCSI : DISK_BUS_AHCI;
  if (!check_bus (pc, disk, error))
    return -1;
  place = find_place (pc, disk->bus, disk->id);
  if (place < 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY,
                 "All %u places of the %s controller are taken: detach a disk first, or choose another bus.",
                 disk->bus == DISK_BUS_AHCI ? AHCI_N_PORTS : VIRTIO_SCSI_N_TARGETS,
                 disk->bus == DISK_BUS_AHCI ? "SATA" : "SCSI");
  return place;
}

/* Takes @image if it succeeds. The lock is held. */
static bool
plug (Pc *pc, const DiskSpec *disk, unsigned place, Image *image, GError **error)
{
  AhciPortConfig port = ahci_port (disk);
  ScsiUnitConfig unit = scsi_unit (disk);

  port.image = unit.image = image;
  if (disk->bus == DISK_BUS_AHCI ? !ahci_plug (pc->ahci, place, &port, error)
                                 : !virtio_scsi_plug (pc->scsi, place, &unit, error))
    return false;
  note (pc, disk, image, (int)place);
  return true;
}

bool
pc_attach_disk (Pc *pc, DiskSpec *disk, bool any_bus, GError **error)
{
  Image *image = NULL;
  bool done = false;
  int place;

  if (disk->kind == DISK_KIND_SCSI_HOST)
    {
      g_set_error (
        error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
        "A SCSI device of the host can't be added while the machine \"%s\" runs: power it off first.",
        pc->spec->name);
      return false;
    }
  /* Twice, since opening takes time: an image that can't be used for another reason isn't touched. */
  g_rw_lock_reader_lock (&pc->drives_lock);
  place = choose_place (pc, disk, any_bus, error);
  g_rw_lock_reader_unlock (&pc->drives_lock);
  if (place < 0 || !disk_spec_check (disk, error) || !pc_open_image (pc->board->loop, disk, &image, error))
    return false;
  g_rw_lock_writer_lock (&pc->drives_lock);
  place = choose_place (pc, disk, false, error);
  done = place >= 0 && plug (pc, disk, (unsigned)place, image, error);
  g_rw_lock_writer_unlock (&pc->drives_lock);
  if (!done)
    image_close (image);
  return done;
}

static bool
check_detachable (const Pc *pc, const char *id, GError **error)
{
  const PcDrive *drive = find_drive (pc, id);

  if (drive == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no drive \"%s\": name one that it has, such as \"disk0\".",
                 pc->spec->name, id);
  else if (drive->bus == DISK_BUS_VIRTIO || drive->bus == DISK_BUS_NVME)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "Disk %s is on the %s bus, a PCI card, and cards can't be removed while the machine \"%s\" "
      "runs: power it off first; disks on sata and scsi come and go.",
      id, disk_bus_names[drive->bus], pc->spec->name);
  else
    return true;
  return false;
}

/* Makes stable what the guest wrote; opens a CD-ROM drive. The lock is held. */
static bool
make_ready (Pc *pc, const PcDrive *drive, GError **error)
{
  int result;

  if (drive->kind == DISK_KIND_CDROM)
    return change_medium (pc, drive, NULL, false, error);
  if (drive->image == NULL || image_is_read_only (drive->image))
    return true;
  result = image_run (drive->image, IMAGE_FLUSH, 0, NULL, 0);
  if (result == 0)
    return true;
  vmm_set_errno_error (
    error, -result,
    "What was written to disk %s can't be made stable, so it stays; by force it is detached, "
    "and that may be lost",
    drive->id);
  return false;
}

bool
pc_detach_disk (Pc *pc, const char *id, bool force, GError **error)
{
  PcDrive *drive;
  bool done;

  g_rw_lock_reader_lock (&pc->drives_lock);
  done = check_detachable (pc, id, error) && (force || make_ready (pc, find_drive (pc, id), error));
  g_rw_lock_reader_unlock (&pc->drives_lock);
  if (!done)
    return false;

  g_rw_lock_writer_lock (&pc->drives_lock);
  done = check_detachable (pc, id, error);
  drive = done ? find_drive (pc, id) : NULL;
  if (done)
    done = drive->bus == DISK_BUS_AHCI ? ahci_unplug (pc->ahci, drive->place, error)
                                       : virtio_scsi_unplug (pc->scsi, drive->place, error);
  if (done)
    g_ptr_array_remove (pc->drives, drive);
  g_rw_lock_writer_unlock (&pc->drives_lock);
  return done;
}
