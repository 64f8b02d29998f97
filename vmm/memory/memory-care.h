/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-private.h"

G_BEGIN_DECLS

/*
 * MemoryCare: what is done for a guest's memory in threads of low priority while it runs. It may outlive the
 * memory, and does nothing then.
 *
 * Threading: any thread; one inner lock.
 */
typedef struct MemoryCare MemoryCare;

/* A piece of a file that the guest is going to touch. */
typedef struct {
  unsigned file; /* place in the list of descriptors */
  uint64_t offset, size;
} CarePiece;

MemoryCare *memory_care_new (void);
MemoryCare *memory_care_ref (MemoryCare *care);
void memory_care_unref (MemoryCare *care);

/* Ends the work, and waits for its end: banks and files may go. */
void memory_care_stop (MemoryCare *care);

/* Reads @pieces (transfer full) (of CarePiece) of @fds (transfer full) (array length=n_fds; -1: none) into
 * the host's cache; instead of what was being read before. */
void memory_care_read_ahead (MemoryCare *care, int *fds, unsigned n_fds, GArray *pieces);

/* Puts the small pages that copying on write has made of huge ones together again. @banks (transfer full): of
 * MemoryBank, a reference each; RAM only is looked at. */
void memory_care_rejoin (MemoryCare *care, GPtrArray *banks);

/* Ends that: a fork is to find the process's mappings unlocked. */
void memory_care_end_rejoining (MemoryCare *care);

G_END_DECLS
