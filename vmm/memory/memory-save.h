/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/guest-memory.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * MemorySave: writes what is in a guest's memory at one instant to a folder (memory-image.h), while the guest
 * runs on. At the instant the process forks: the child has a copy-on-write picture of the RAM and writes it
 * at leisure. It needs no permission, and the guest stands for a fork only: 1 ms per GiB in huge pages, some
 * 35 ms per GiB in small ones. Zero pages are holes, pages that the parent image has already are not written.
 *
 * Threading: one thread at a time; memory_save_take where the guest stands; memory_save_progress and
 * memory_save_cancel: any thread.
 */
typedef struct MemorySave MemorySave;

typedef struct {
  const char *folder; /* it exists, and has no memory file yet */
  const char
    *parent; /* (nullable): path of the memory.index of an earlier picture of the same machine: pages that
              * are as there are not written again. One that can't be read or has other banks is ignored */
  bool without_fork; /* write at the instant, while the guest stands (tests; where fork is refused it is so
                        anyway) */
} MemorySaveConfig;

/* Prepares all that can be while the guest runs: reads the parent's index, makes the file, takes memory.
 * Returns: (transfer full): NULL with @error set. @memory is not needed any more after memory_save_take. */
MemorySave *memory_save_new (GuestMemory *memory, const MemorySaveConfig *config, GError **error);

/* Ends the child if it is still at work, and waits for it. Removes nothing. */
void memory_save_free (MemorySave *save);

/* Takes the picture. vCPUs are parked, nothing is in flight, and nobody else writes to the memory before this
 * returns. */
bool memory_save_take (MemorySave *save, GError **error);

/* Waits until all is on the disk, then writes the index, durably (but for the folder's entries). */
bool memory_save_finish (MemorySave *save, GCancellable *cancellable, GError **error);

/* Bytes of memory looked at so far, of how many, and written so far. */
void memory_save_progress (MemorySave *save, uint64_t *done, uint64_t *total, uint64_t *written);

/* Kills the child at once: memory_save_finish fails with G_IO_ERROR_CANCELLED. */
void memory_save_cancel (MemorySave *save);

/* Whether the guest had to stand while the memory was written, for lack of fork. */
bool memory_save_was_standing (MemorySave *save);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MemorySave, memory_save_free)

G_END_DECLS
