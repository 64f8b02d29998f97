/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/virtio/virtio-scsi-private.h"
#include "vmm/base/error.h"

/* Units that come, go, grow and change their discs while the guest runs. */

/* On the loop's thread, without locks. */
static void
image_resized (Image *image, void *data)
{
  ScsiUnit *unit = data;
  VirtioScsi *scsi = (VirtioScsi *)unit->device;

  device_lock (unit->device);
  if (unit->image == image)
    {
      TRACE (unit->device, "resized", "unit=%s bytes=%" G_GUINT64_FORMAT, unit->serial, image_size (image));
      scsi_unit_attention (unit, 0x2a, 0x09); /* SBC-3: capacity data has changed */
      virtio_scsi_event (scsi, SCSI_T_PARAM_CHANGE, unit - scsi->units, 0x2a | 0x09 << 8);
    }
  device_unlock (unit->device);
}

void
virtio_scsi_fill_unit (VirtioScsi *scsi, unsigned target, const ScsiUnitConfig *config)
{
  scsi_unit_init (&scsi->units[target], &scsi->virtio.pci.device, config);
  if (config->kind == SCSI_DISK)
    image_on_resize (config->image, image_resized, &scsi->units[target]);
}

void
virtio_scsi_close_backend (Image *image, ScsiHost *host)
{
  if (image != NULL)
    image_on_resize (image, NULL, NULL);
  image_close (image);
  scsi_host_close (host);
}

static VirtioScsi *
check_target (Device *device, unsigned target, bool wanted, GError **error)
{
  VirtioScsi *scsi = (VirtioScsi *)device;
  bool there = target < VIRTIO_SCSI_N_TARGETS && scsi->units[target].kind != SCSI_NO_UNIT;

  if (target < VIRTIO_SCSI_N_TARGETS && there == wanted)
    return scsi;
  g_set_error (error, VMM_ERROR, wanted ? VMM_ERROR_INVALID : VMM_ERROR_BUSY,
               wanted ? "There is nothing at target %u of %s; choose another one"
                      : "Target %u of %s is taken, or there is no such target; choose another one",
               target, device->name);
  return NULL;
}

/* What the guest wrote to the unit before must not end up in another. */
static bool
check_nothing_waits (VirtioScsi *scsi, unsigned target, GError **error)
{
  if (!(scsi->waiting_targets & 1u << target))
    return true;
  g_set_error (
    error, VMM_ERROR, VMM_ERROR_BUSY,
    "Writes to what was at target %u of %s still wait for room on the host; resume the machine before "
    "something else comes there, or choose another target",
    target, scsi->virtio.pci.device.name);
  return false;
}

bool
virtio_scsi_plug (Device *device, unsigned target, const ScsiUnitConfig *config, GError **error)
{
  VirtioScsi *scsi;

  device_lock (device);
  scsi = check_target (device, target, false, error);
  if (scsi != NULL && !check_nothing_waits (scsi, target, error))
    scsi = NULL;
  if (scsi != NULL)
    {
      TRACE (device, "plug", "target=%u", target);
      virtio_scsi_fill_unit (scsi, target, config);
      virtio_scsi_event (scsi, SCSI_T_TRANSPORT_RESET, target, SCSI_RESET_RESCAN);
    }
  device_unlock (device);
  return scsi != NULL;
}

bool
virtio_scsi_unplug (Device *device, unsigned target, GError **error)
{
  VirtioScsi *scsi;
  Image *image = NULL;
  ScsiHost *host = NULL;

  device_lock (device);
  scsi = check_target (device, target, true, error);
  if (scsi != NULL)
    {
      ScsiUnit *unit = &scsi->units[target];

      TRACE (device, "unplug", "target=%u", target);
      for (ScsiRequest *request = scsi->active; request != NULL; request = request->next)
        if (request->target == target)
          virtio_scsi_abort (request, SCSI_S_BAD_TARGET);
      image = g_steal_pointer (&unit->image);
      host = g_steal_pointer (&unit->host);
      unit->kind = SCSI_NO_UNIT;
      virtio_scsi_event (scsi, SCSI_T_TRANSPORT_RESET, target, SCSI_RESET_REMOVED);
    }
  device_unlock (device);
  virtio_scsi_close_backend (image, host);
  return scsi != NULL;
}

bool
virtio_scsi_change_medium (Device *device, unsigned target, Image *image, bool force, GError **error)
{
  VirtioScsi *scsi;
  Image *old = NULL;
  bool fine = false;

  device_lock (device);
  scsi = check_target (device, target, true, error);
  if (scsi != NULL && scsi->units[target].kind != SCSI_CDROM)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                 "There is no CD-ROM drive at target %u of %s; choose another drive", target, device->name);
  else if (scsi != NULL)
    fine = scsi_change_disc (&scsi->units[target], image, force, &old, error);

  /* Section 5.6.6.3.3: drives report by notification, never as changed parameters. */
  if (fine && scsi->subscribed[target])
    virtio_scsi_event (scsi, SCSI_T_ASYNC_NOTIFY, target, SCSI_ASYNC_MEDIA_CHANGE);
  device_unlock (device);
  image_close (old);
  return fine;
}

bool
virtio_scsi_has_medium (Device *device, unsigned target)
{
  VirtioScsi *scsi = (VirtioScsi *)device;
  bool has;

  device_lock (device);
  has = target < VIRTIO_SCSI_N_TARGETS && scsi->units[target].kind == SCSI_CDROM
        && scsi_medium (&scsi->units[target]) != NULL;
  device_unlock (device);
  return has;
}
