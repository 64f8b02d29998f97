/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/* Makes @path: an ISO 9660 volume of that name, with a kernel and an initial RAM disk where Debian's media
 * have them (their contents: "the kernel", "the initrd"); with @bootable an El Torito boot image. By xorriso,
 * which must be there. */
void iso_image_make (const char *path, const char *label, bool bootable);
/* The same, bootable, as published by somebody. */
void iso_image_make_of (const char *path, const char *label, const char *publisher);

G_END_DECLS
