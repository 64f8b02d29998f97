/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/**
 * new_file_write:
 * @path: must not be there yet
 * @pieces: the content, @n pieces one after the other
 *
 * Makes a file that nobody but its owner may read, on stable storage but for its folder's entry. What there
 * is of one that could not be written stays. Any thread; blocks. Returns: false with errno set.
 */
bool new_file_write (const char *path, const struct iovec *pieces, unsigned n);

G_END_DECLS
