/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/pci/pci.h"
#include "devices/storage/scsi.h"

G_BEGIN_DECLS

/*
 * A SCSI controller for virtio drivers (virtio 1.2, section 5.6): up to 16 targets with one logical unit
 * each, which may come and go while the guest runs.
 */
#define VIRTIO_SCSI_N_TARGETS 16u

typedef struct {
  PciPlace place;
  ScsiUnitConfig units[VIRTIO_SCSI_N_TARGETS]; /* by target */
  unsigned n_queues;                           /* request queues, 1..8; 0 means 1 */
} VirtioScsiConfig;

extern const DeviceClass virtio_scsi_class;

/* The functions below: any thread that holds no device's lock, not the image's loop. */

/* As ahci_change_medium. */
bool virtio_scsi_change_medium (Device *device, unsigned target, Image *image, bool force, GError **error);
bool virtio_scsi_has_medium (Device *device, unsigned target);

/**
 * virtio_scsi_plug:
 * @unit: image and host device are taken on success only
 *
 * The guest is told at once. Returns: false with VMM_ERROR_BUSY if there is a unit at @target, or writes to
 * one that was there wait for room.
 */
bool virtio_scsi_plug (Device *device, unsigned target, const ScsiUnitConfig *unit, GError **error);

/* Ends the commands under way, closes the image. False with VMM_ERROR_INVALID if nothing is there. */
bool virtio_scsi_unplug (Device *device, unsigned target, GError **error);

G_END_DECLS
