/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/save-writer.h"

G_BEGIN_DECLS

/* What a new picture may take from an earlier one. */
typedef struct SaveParent SaveParent;

/* Reads the image at @path and tells the banks what of them is in it. NULL with @error set: it can't be used. */
SaveParent *save_parent_new (const char *path, SaveBank *banks, unsigned n_banks, uint64_t n_pages,
                             GError **error);
void save_parent_free (SaveParent *parent);

/* As far as known, by SaveBank.first + page; all 0 where not. */
const MemoryPageHash *save_parent_hashes (const SaveParent *parent);

/* The image that has come of it, in @folder. @parent: (nullable). NULL with @error set: it has too many
 * pieces. */
MemoryImage *save_image (const char *folder, const SaveBank *banks, unsigned n_banks, const uint8_t *fates,
                         const MemoryPageHash *hashes, const SaveParent *parent, GError **error);

G_END_DECLS
