/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/guest-memory.h"
#include "vmm/memory/memory-image.h"

G_BEGIN_DECLS

/* A memory file can't be read, or isn't as it was when it was written. @path: of the file; @flaw: part of a
 * sentence, "3 pages of “ram” from 17 on have changed since". Any thread. */
typedef void (*MemoryFlawFunc) (const char *path, const char *flaw, void *data);

/**
 * guest_memory_restore:
 * @image: untrusted, but memory_image_read took it
 * @flaw: (nullable): called once at most, until the memory is freed or restored again
 *
 * Gives the memory the content of @image. RAM isn't read but mapped, privately: what the guest touches comes
 * then, from the host's page cache, and what it writes it copies; the time that this takes grows with the
 * number of extents, not with the size. Pieces that are too small or too many to be mapped are read. Other
 * banks are read. A thread of low priority reads ahead until the memory is freed, and compares the pages with
 * their hashes: what has changed since is told to @flaw, while the guest may have used it.
 *
 * vCPUs are parked, nothing is in flight. Everything that can be checked is checked before anything changes;
 * on a read error the content is undefined. Banks must be the same by name and size. The memory files may be
 * renamed or unlinked afterwards, but not changed: a page that the host can't read, or that was cut off, ends
 * the process by SIGBUS.
 */
bool guest_memory_restore (GuestMemory *memory, const MemoryImage *image, MemoryFlawFunc flaw, void *data,
                           GError **error);

G_END_DECLS
