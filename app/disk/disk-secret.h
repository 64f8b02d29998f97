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

/* A copy of @length bytes at @data; no newline is taken off. */
DiskSecret *disk_secret_new (const void *data, size_t length, GError **error);

/* One line that the user types at the terminal, which doesn't show it. */
DiskSecret *disk_secret_ask (const char *prompt, GError **error);
/* The same for one that is to be set: typed twice, as nobody sees a slip. */
DiskSecret *disk_secret_ask_new (const char *prompt, GError **error);

void disk_secret_free (DiskSecret *secret); /* NULL is ignored */

/* --- from here to where a disk is opened --- */

/* The passphrase in the same memory, wiped with the last reference. Takes @secret. (transfer full) */
GBytes *disk_secret_to_bytes (DiskSecret *secret);

/* The reading end of a pipe that holds the passphrase, for another process; -1 with @error set. */
int disk_secret_pipe (GBytes *secret, GError **error);

/* What disk_secret_pipe put there; does not wait for more. (transfer full), or NULL with @error set. */
GBytes *disk_secret_receive (int fd, GError **error);

/* --- as images take it --- */

/* As image functions take it; NULL for NULL. (transfer none) */
const ImageSecret *disk_secret_image (const DiskSecret *secret);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DiskSecret, disk_secret_free)

G_END_DECLS
