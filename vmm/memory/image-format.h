/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-image.h"

G_BEGIN_DECLS

/* Without any source, not even its own file. */
MemoryImage *memory_image_new_empty (const char *folder);

/* What contradicts itself in @image, as half a sentence; NULL: nothing. */
const char *memory_image_fault (const MemoryImage *image);

/* The id of the memory file that an index was made with: reads the head only. */
bool memory_image_read_id (const char *path, MemoryImageId *id, GError **error);

G_END_DECLS
