/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image-private.h"

G_BEGIN_DECLS

/* What is to be written to [offset, offset + length): bytes of @iov from @skip on; @iov NULL: zeroes. */
typedef struct {
  uint64_t offset, length;
  const struct iovec *iov;
  unsigned n_iov;
  uint64_t skip;
} WriteSource;

WriteSource write_source_part (const WriteSource *source, uint64_t offset, uint64_t length);

/* Writes @source into layer @depth, whatever those above hold: where it has room, in place; else into a new
 * place with what it shows filled in around. Blocking; the range is held exclusively. 0 or -errno. */
int image_write_layer (Image *image, unsigned depth, WriteSource source);

/* Makes [offset, offset + length) of layer @depth zero, or (UNMAP_DISCARD) anything, giving back whole
 * clusters' space. Likewise. */
int image_clear_layer (Image *image, unsigned depth, uint64_t offset, uint64_t length, UnmapKind kind);

G_END_DECLS
