/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/host-file.h"

G_BEGIN_DECLS

/*
 * Transfers that O_DIRECT refuses, because their place, length or memory isn't aligned, by way of aligned
 * memory: units that are written by parts are read first. The page cache is left alone, which would write
 * back whole pages: also what another write by-passed it with meanwhile. Only where a unit reaches beyond the
 * file's end it has to do, because O_DIRECT writes nothing but whole units.
 *
 * Blocking. Whoever writes has the pages that it touches to itself. 0 or -errno. @size: the file's, bytes.
 */
int bounce_read (const HostFile *file, uint64_t size, uint64_t offset, const struct iovec *iov,
                 unsigned n_iov);

/* @iov NULL: zeroes. */
int bounce_write (const HostFile *file, uint64_t size, uint64_t offset, const struct iovec *iov,
                  unsigned n_iov, uint64_t length);

G_END_DECLS
