/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/memory/page-judge.h"

G_BEGIN_DECLS

/*
 * What the child of memory_save_take does. It runs between fork and exit in a process that had other threads:
 * only system calls and plain memory, neither malloc nor a lock nor stdio. For the same reason its file is
 * built without sanitizers.
 */

/* In memory shared with the child. */
typedef struct {
  _Atomic uint64_t done;    /* pages */
  _Atomic uint64_t written; /* bytes */
  _Atomic int cancelled;
  _Atomic int finished;
  _Atomic int failed_errno;
  _Atomic int failed_sync; /* it was fdatasync that failed */
} SaveReport;

typedef struct {
  const SaveBank *banks;
  unsigned n_banks;
  int fd;                             /* of the memory file */
  int parent;                         /* process id; 0: this is no child */
  uint8_t *fates;                     /* PageFate, where PAGE_OWN is what was written; shared */
  MemoryPageHash *hashes;             /* of written pages; shared */
  const MemoryPageHash *known_hashes; /* (nullable): all 0: not known */
  SaveReport *report;
} SaveJob;

/* Writes it all; the report tells how it ended. In this process. */
void save_write (const SaveJob *job);

/* Forks a child that does it. Returns: a descriptor of the process; -1 with errno set. The child sends no
 * signal at its end, and has to be waited for with __WALL. */
int save_fork (const SaveJob *job);

G_END_DECLS
