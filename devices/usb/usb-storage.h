/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/storage/scsi.h"
#include "devices/usb/usb.h"

G_BEGIN_DECLS

/*
 * A disk or CD-ROM drive on USB: the command set of devices/storage, carried by Bulk-Only Transport (USB Mass
 * Storage Class, Bulk-Only Transport, revision 1.0) and, at SuperSpeed, in the other setting of its interface
 * by the USB Attached SCSI Protocol (T10/2095-D) with a stream for each command.
 */
typedef struct {
  UsbPlace place;
  UsbSpeed speed;      /* USB_HIGH_SPEED or USB_SUPER_SPEED */
  ScsiUnitConfig unit; /* a disk or a CD-ROM drive. Its image is taken if the device comes to be */
} UsbStorageConfig;

extern const UsbDeviceClass usb_storage_class;

/* The functions below: any thread that holds no device's lock, not the image's loop. */

/* As ahci_change_medium. */
bool usb_storage_change_medium (Device *device, Image *image, bool force, GError **error);

/* Pulls it out of its port, and closes the image when its requests have ended. What is left is to be removed
 * from the board. */
void usb_storage_pull (Device *device);

G_END_DECLS
