/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Drives that come and go while the machine runs. */
#include "devices/platform/pc-drives.h"

#include "devices/usb/usb-storage.h"
#include "vmm/base/error.h"

/* Buses whose drives come and go. */
typedef struct {
  const char *name;
  unsigned n_places;
} HotBus;

static const HotBus hot_buses[] = {
  [DISK_BUS_AHCI] = { "SATA", AHCI_N_PORTS },
  [DISK_BUS_SCSI] = { "SCSI", VIRTIO_SCSI_N_TARGETS },
  [DISK_BUS_USB] = { "USB", PC_N_USB_DRIVES },
};

static bool
is_hot (DiskBus bus)
{
  return hot_buses[bus].name != NULL;
}

/* A place for a drive with @id on @bus, or -1. The lock is held. */
static int
find_place (const Pc *pc, DiskBus bus, const char *id)
{
  G_STATIC_ASSERT (AHCI_N_PORTS <= VIRTIO_SCSI_N_TARGETS && PC_N_USB_DRIVES <= VIRTIO_SCSI_N_TARGETS);
  bool taken[VIRTIO_SCSI_N_TARGETS] = { false };

  for (unsigned i = 0; i < pc->drives->len; i++)
    {
      const PcDrive *drive = g_ptr_array_index (pc->drives, i);

      if (drive->bus == bus)
        taken[drive->place] = true;
    }
  return pc_take_place (id, taken, hot_buses[bus].n_places);
}

static char *
free_id (const Pc *pc, DiskKind kind)
{
  for (unsigned number = 0;; number++)
    {
      g_autofree char *id = g_strdup_printf ("%s%u", kind == DISK_KIND_CDROM ? "cd" : "disk", number);

      if (pc_find_drive (pc, id) == NULL)
        return g_steal_pointer (&id);
    }
}

static bool
check_bus (const Pc *pc, const DiskSpec *disk, GError **error)
{
  if (!is_hot (disk->bus))
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "A disk on the %s bus is a PCI card, and cards can't be added while the machine \"%s\" runs: "
      "put the disk on sata, scsi or usb, or power the machine off first.",
      disk_bus_names[disk->bus], pc->spec->name);
  else if (disk->bus == DISK_BUS_SCSI && pc->scsi == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "The machine \"%s\" was started without a SCSI controller, which can't be added while it runs: "
      "put the disk on sata, or power the machine off first; it has one from the first SCSI disk on.",
      pc->spec->name);
  else if (disk->bus == DISK_BUS_USB && pc->xhci == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
      "The machine \"%s\" was started without a USB controller, which can't be added while it runs: "
      "put the disk on sata, or power the machine off first and turn USB on.",
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
  if (pc_find_drive (pc, disk->id) != NULL)
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
                 hot_buses[disk->bus].n_places, hot_buses[disk->bus].name);
  return place;
}

/* Takes @image if it succeeds. The lock is held. */
static bool
plug (Pc *pc, const DiskSpec *disk, unsigned place, Image *image, GError **error)
{
  AhciPortConfig port = pc_ahci_port (disk);
  ScsiUnitConfig unit = pc_scsi_unit (disk);
  Device *device = NULL;
  bool done;

  port.image = unit.image = image;
  if (disk->bus == DISK_BUS_USB)
    done = (device = pc_add_usb_drive (pc, disk, &unit, place, error)) != NULL;
  else if (disk->bus == DISK_BUS_AHCI)
    done = ahci_plug (pc->ahci, place, &port, error);
  else
    done = virtio_scsi_plug (pc->scsi, place, &unit, error);
  if (done)
    pc_note_drive (pc, disk, image, (int)place)->device = device;
  return done;
}

static bool
unplug (Pc *pc, const PcDrive *drive, GError **error)
{
  if (drive->bus == DISK_BUS_AHCI)
    return ahci_unplug (pc->ahci, drive->place, error);
  if (drive->bus == DISK_BUS_SCSI)
    return virtio_scsi_unplug (pc->scsi, drive->place, error);
  usb_storage_pull (drive->device);
  board_remove (pc->board, drive->device);
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
  const PcDrive *drive = pc_find_drive (pc, id);

  if (drive == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "The machine \"%s\" has no drive \"%s\": name one that it has, such as \"disk0\".",
                 pc->spec->name, id);
  else if (!is_hot (drive->bus))
    g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                 "Disk %s is on the %s bus, a PCI card, and cards can't be removed while the machine \"%s\" "
                 "runs: power it off first; disks on sata, scsi and usb come and go.",
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
    return pc_put_medium (pc, drive, NULL, false, error);
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
  ImageCounters counters = { 0 };
  PcDrive *drive;
  bool done;

  g_rw_lock_reader_lock (&pc->drives_lock);
  done = check_detachable (pc, id, error) && (force || make_ready (pc, pc_find_drive (pc, id), error));
  g_rw_lock_reader_unlock (&pc->drives_lock);
  if (!done)
    return false;

  g_rw_lock_writer_lock (&pc->drives_lock);
  done = check_detachable (pc, id, error);
  drive = done ? pc_find_drive (pc, id) : NULL;
  if (done && drive->image != NULL)
    image_get_counters (drive->image, &counters);
  if (done)
    done = unplug (pc, drive, error);
  if (done)
    {
      pc_keep_counters (pc, &counters);
      g_ptr_array_remove (pc->drives, drive);
    }
  g_rw_lock_writer_unlock (&pc->drives_lock);
  return done;
}
