/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * DiskSecret: a passphrase in memory that isn't swapped where the host allows that, wiped when freed.
 * Never taken from a command line, where every process can read it.
 */
typedef struct DiskSecret DiskSecret;

#define DISK_SECRET_MAX 4096u /* bytes */

/* The content of a file, or all that comes from @fd until its end; one newline at the end is not part of it.
 * NULL with @error set if it can't be read, is empty, or is longer than DISK_SECRET_MAX. (transfer full) */
DiskSecret *disk_secret_read_file (const char *path, GError **error);
DiskSecret *disk_secret_read_fd (int fd, const char *name, GError **error);

/* One line that the user types at the terminal, which doesn't show it. */
DiskSecret *disk_secret_ask (const char *prompt, GError **error);
/* The same for one that is to be set: typed twice, as nobody sees a slip. */
DiskSecret *disk_secret_ask_new (const char *prompt, GError **error);

void disk_secret_free (DiskSecret *secret); /* NULL is ignored */

/* As image functions take it; NULL for NULL. (transfer none) */
const ImageSecret *disk_secret_image (const DiskSecret *secret);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DiskSecret, disk_secret_free)

G_END_DECLS
