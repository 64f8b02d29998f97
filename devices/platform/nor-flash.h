/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/device/device.h"

G_BEGIN_DECLS

/*
 * The chip that UEFI firmware keeps its variables in: byte-wide NOR flash with Intel's basic command set
 * (Intel StrataFlash Memory J3 data sheet), in blocks of 4 KiB. Reads of its array cost nothing: they come
 * from memory.
 *
 * Its content stands in a file. Each program or erase has reached the file before the guest's next
 * instruction, so that a process that is killed loses nothing; everything is stable before an erase begins
 * and a moment after the last change, so that a host that loses power finds what the firmware's
 * fault-tolerant writes can mend.
 *
 * Threading: a device's.
 */
#define NOR_FLASH_BLOCK_SIZE 4096u

typedef struct {
  uint64_t address;
  const void *content; /* @size bytes: a multiple of NOR_FLASH_BLOCK_SIZE, not 0 */
  size_t size;
  int fd; /* of the file that has @content already, writable; the device's from now on, even if it can't be
             made. -1: changes are lost at the end */
  const char *path; /* (nullable): for messages */
} NorFlashConfig;

extern const DeviceClass nor_flash_class;

G_END_DECLS
