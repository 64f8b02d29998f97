/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/platform/machine-spec.h"

G_BEGIN_DECLS

/* What --disk and its like say: WHAT[,KEY=VALUE]… Settings are looked for from the end, so that a path may
 * have commas. */
typedef struct {
  char *what; /* path, URI or size */
  bool has_bus;
  DiskBus bus;
  bool read_only;
  DiskOptions options;
} DiskArgument;

/* For --help. */
#define DISK_ARGUMENT_KEYS                                                                                   \
  "bus=virtio|ahci|scsi|nvme|usb, format=raw|qcow2|…, cache=writeback|writethrough|direct|unsafe, "                 \
  "discard=unmap|ignore, serial=TEXT, read-only=yes, secret-file=FILE, iops=N, iops-burst=N, bps=SIZE, "     \
  "bps-burst=SIZE"

/* @option: how errors call it ("--disk"). */
bool disk_argument_parse (DiskArgument *argument, const char *option, const char *text, GError **error);
void disk_argument_clear (DiskArgument *argument);

/* "scsi"; "sata" is AHCI's other name. */
bool disk_argument_bus (const char *option, const char *text, DiskBus *bus, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DiskArgument, disk_argument_clear)

G_END_DECLS
