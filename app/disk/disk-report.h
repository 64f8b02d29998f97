/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* What is known of a disk image, for people and for programs. */

/* "1.5 GiB (1610612736 bytes)", "512 bytes". (transfer full) */
char *disk_size_text (guint64 bytes);
/* "1.5 GiB". (transfer full) */
char *disk_size_short (guint64 bytes);

/* A block of lines, "Name:  value". (transfer full) */
char *disk_info_to_text (const ImageInfo *info);
/* Adds an object. */
void disk_info_to_json (const ImageInfo *info, JsonBuilder *builder);

G_END_DECLS
