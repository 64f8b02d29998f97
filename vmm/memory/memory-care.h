/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/memory-private.h"
#include "vmm/memory/memory-restore.h"

G_BEGIN_DECLS

/*
 * MemoryCare: what is done for a guest's memory in threads of low priority while it runs. It may outlive the
 * memory, and does nothing then.
 *
 * Threading: any thread; one inner lock.
 */
typedef struct MemoryCare MemoryCare;

MemoryCare *memory_care_new (void);
MemoryCare *memory_care_ref (MemoryCare *care);
void memory_care_unref (MemoryCare *care);

/* Ends the work, and waits for its end: banks and files may go. */
void memory_care_stop (MemoryCare *care);

/* A memory file, and the index that was made with it: descriptors. */
typedef struct {
  int memory; /* -1: nothing of it is needed */
  int index;  /* -1: there is none, so that pages can't be verified */
} CareFile;

void care_files_free (CareFile *files, unsigned n);

/* Reads what @image (transfer full) takes from @files (transfer full) (array length: its sources) into the
 * host's cache, and compares it with its hashes then; instead of what was being read before. @flaw:
 * (nullable): is told, once at most, of what isn't as it was, on the thread that reads. */
void memory_care_read_ahead (MemoryCare *care, MemoryImage *image, CareFile *files, MemoryFlawFunc flaw,
                             void *data);

/* Puts the small pages that copying on write has made of huge ones together again. @banks (transfer full): of
 * MemoryBank, a reference each; RAM only is looked at. */
void memory_care_rejoin (MemoryCare *care, GPtrArray *banks);

/* Ends that: a fork is to find the process's mappings unlocked. */
void memory_care_end_rejoining (MemoryCare *care);

G_END_DECLS
