/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What a disk image is by the look of it, taken when its owner puts it into a machine: the format is recorded
 * then, so that no guest can make its disk look like something else later. */
typedef struct {
  char *format;  /* "qcow2" */
  uint64_t size; /* of the disk, bytes */
  bool encrypted;
} DiskLook;

/* Blocking; opens @path (a file, a block device, or nbd://…) read-only, without its backing files.
 * @format: what it is known to be, or NULL. An error names what it is that can't be used. */
bool disk_look (DiskLook *look, const char *path, const char *format, GError **error);
void disk_look_clear (DiskLook *look);

/* "qcow2, 10.0 GiB, encrypted". (transfer full) */
char *disk_look_text (const DiskLook *look);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (DiskLook, disk_look_clear)

G_END_DECLS
