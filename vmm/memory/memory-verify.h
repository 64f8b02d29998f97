/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-image.h"

G_BEGIN_DECLS

/* How whoever verifies a memory file follows it. All members may be NULL. */
typedef struct {
  GCancellable *cancellable;
  void (*progress) (uint64_t n_bytes, void *data); /* so many more have been looked at, or need not be */
  /* These pages of a bank aren't what they were; runs come in their order. */
  void (*damaged) (const char *bank, uint64_t first_page, uint64_t n_pages, void *data);
  void *data;
} MemoryImageVerify;

/**
 * memory_image_verify:
 * @image: read with its hashes; one that was made without has none to verify by, and is taken as sound
 * @users: (array length=n_users): with any, only the pages of @image's own file that they refer to are
 * looked at: parts of the others may have been punched out
 *
 * Compares the pages in @image's own file with their hashes: reads them, in pieces, and ahead. False with
 * @error set: the file can't be read, or G_IO_ERROR_CANCELLED.
 */
bool memory_image_verify (const MemoryImage *image, MemoryImage *const *users, unsigned n_users,
                          const MemoryImageVerify *how, GError **error);

/* The same of an open memory file, which stays the caller's: it may have been unlinked since. */
bool memory_image_verify_file (const MemoryImage *image, int fd, MemoryImage *const *users, unsigned n_users,
                               const MemoryImageVerify *how, GError **error);

G_END_DECLS
