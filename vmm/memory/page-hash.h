/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-image.h"

G_BEGIN_DECLS

/* XXH3, 128 bits, in its canonical order of bytes. Pure; may be used between fork and exit. */
void page_hash (const void *data, size_t size, MemoryPageHash *hash);

G_END_DECLS
