/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/devices/xhci-guest.h"

G_BEGIN_DECLS

/* A driver of a mass storage device on a bench, by Bulk-Only Transport or UAS. */
enum {
  USB_STORAGE_BULK_IN = 3, /* context indices of its endpoints */
  USB_STORAGE_BULK_OUT = 4,
  USB_STORAGE_COMMAND = 2,
  USB_STORAGE_STATUS = 5,
  USB_STORAGE_DATA_IN = 7,
  USB_STORAGE_DATA_OUT = 8,
};

/* Gives the device at @port an address, its configuration, and the setting with its endpoints. */
void usb_storage_guest_start (XhciGuest *guest, Bench *bench, unsigned port, bool uas);

/* One transfer, not waited for: @stream 0 without. */
void usb_storage_guest_submit (XhciGuest *guest, unsigned endpoint, unsigned stream, uint64_t address,
                               uint32_t size);

/* Lays a command block at @address. */
void usb_storage_guest_block (Bench *bench, uint64_t address, uint32_t tag, uint32_t size, bool in,
                              const uint8_t *cdb, size_t cdb_size);
/* Lays a command's information unit at @address. */
void usb_storage_guest_unit (Bench *bench, uint64_t address, unsigned tag, const uint8_t *cdb,
                             size_t cdb_size);

G_END_DECLS
