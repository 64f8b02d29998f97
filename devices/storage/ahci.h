/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/pci/pci.h"

G_BEGIN_DECLS

/*
 * An AHCI 1.3.1 controller, 8086:2922 as in ICH9: six SATA ports with disks or CD-ROM drives.
 * MSI, ABAR in BAR5.
 */
#define AHCI_N_PORTS 6u

typedef enum {
  AHCI_PORT_EMPTY,
  AHCI_PORT_DISK,
  AHCI_PORT_CDROM,
} AhciPortKind;

typedef struct {
  AhciPortKind kind;
  Image *image;   /* the device's once board_add succeeded, closed by it. NULL: CDROM without a disc */
  const char *id; /* "disk0", "cd0": shown to the guest as the serial number */
  bool read_only; /* DISK: refuses writes as a write-protected disk does; also if the image is read-only */
  bool write_through; /* DISK: the image makes every write stable: the guest finds the cache off */
  bool no_discard;    /* DISK: no TRIM */
} AhciPortConfig;

typedef struct {
  PciPlace place; /* 00:1f.2 in a Q35-class machine */
  AhciPortConfig ports[AHCI_N_PORTS];
} AhciConfig;

extern const DeviceClass ahci_class;

/**
 * ahci_change_medium:
 * @port: a CD-ROM's
 * @image: (nullable) (transfer full): the new disc; NULL ejects. Taken on success only
 * @force: even if the guest locked the tray
 *
 * Any thread that holds no device's lock, not the image's loop. Waits for the drive's requests on the old
 * disc, which is closed. The guest sees UNIT ATTENTION and a media event.
 * Returns: false with VMM_ERROR_INVALID (no CD-ROM at @port) or VMM_ERROR_BUSY (the guest locked the tray).
 */
bool ahci_change_medium (Device *device, unsigned port, Image *image, bool force, GError **error);

/**
 * ahci_plug:
 * @drive: its image is taken on success only
 *
 * Plugs a drive into an empty port while the guest runs, which sees the link come up. Threading as above.
 * Returns: false with VMM_ERROR_INVALID (no such port, a disk without an image) or VMM_ERROR_BUSY (there is a
 * drive already).
 */
bool ahci_plug (Device *device, unsigned port, const AhciPortConfig *drive, GError **error);

/* Pulls a drive out: its commands are lost, its image is closed, the guest sees the link go down. False with
 * VMM_ERROR_INVALID if there is none. */
bool ahci_unplug (Device *device, unsigned port, GError **error);

/* Whether a disc lies in the (closed) tray. Any thread, no device lock held. */
bool ahci_has_medium (Device *device, unsigned port);

G_END_DECLS
