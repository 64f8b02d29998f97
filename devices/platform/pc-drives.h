/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/pc-private.h"
#include "devices/storage/ahci.h"
#include "devices/virtio/virtio-scsi.h"

G_BEGIN_DECLS

/* pc-drives.c, for pc-hotplug.c: a PC's drives. Once the machine runs, drives_lock is held. */

/* How a drive is plugged in, but for what is behind it. */
AhciPortConfig pc_ahci_port (const DiskSpec *disk);
ScsiUnitConfig pc_scsi_unit (const DiskSpec *disk);

/* Remembers where the disk was put. (transfer none). */
PcDrive *pc_note_drive (Pc *pc, const DiskSpec *disk, Image *image, int place);

/* Returns: (nullable): the drive @id. */
PcDrive *pc_find_drive (const Pc *pc, const char *id);

/* Puts @image into a CD-ROM drive, which takes it if it succeeds; NULL takes the disc out. With @force also
 * when the guest locked the drive. */
bool pc_put_medium (Pc *pc, const PcDrive *drive, Image *image, bool force, GError **error);

G_END_DECLS
