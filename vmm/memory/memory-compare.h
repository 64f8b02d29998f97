/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/guest-memory.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * How much of a guest's memory differs: between two saved memories, or one and a guest's that is there. Pages
 * count whole; what is compared is where they are and their hashes.
 *
 * Threading: any thread; blocking: some milliseconds for saved memories, as long as it takes to read it once
 * for one that is there.
 * Errors: those of memory_image_read; G_IO_ERROR_CANCELLED.
 */

/* How whoever waits for it follows and ends it. All members may be NULL. */
typedef struct {
  GCancellable *cancellable;
  /* Bytes looked at, of how many; the caller's thread. */
  void (*progress) (uint64_t done, uint64_t total, void *data);
  void *data;
} MemoryCompare;

/* @from, @to: paths of memory.index files. @changed: (out): bytes. */
bool memory_compare_saved (const char *from, const char *to, uint64_t *changed, GError **error);

/**
 * memory_compare_live:
 * @memory: its guest may run: of a page that is being written, what it was a moment before or after counts
 * @index: path of a memory.index
 * @changed: (out): bytes
 *
 * Changes nothing. Pages that the guest hasn't touched since they were mapped from another memory's file are
 * read. Of pages that can't be read it says that they have changed.
 */
bool memory_compare_live (GuestMemory *memory, const char *index, const MemoryCompare *how, uint64_t *changed,
                          GError **error);

G_END_DECLS
