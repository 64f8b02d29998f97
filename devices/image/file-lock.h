/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

G_BEGIN_DECLS

/**
 * file_lock_take:
 * @fd: its lock, if it has one, is exchanged for one of @kind
 * @path: for errors
 *
 * An OFD lock (fcntl(2)). VMM_ERROR_BUSY at once if a living process has one that contradicts; where none is
 * to be seen, a killed one's writes may still be under way in the kernel, and the lock is waited for for some
 * seconds. A file system without locks is used without.
 */
bool file_lock_take (int fd, const char *path, StoreLock kind, GError **error);

G_END_DECLS
