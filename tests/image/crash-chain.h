/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/jobs/jobs.h"
#include "tests/image/crash-disk.h"
#include "tests/image/crash-load.h"

G_BEGIN_DECLS

/*
 * A chain of three layers, and a fourth file to lie on, on which long work is done that doesn't come to its
 * end.
 */
typedef enum {
  /* on images that nobody uses: jobs.h */
  CRASH_COMMIT,
  CRASH_REBASE,
  CRASH_FLATTEN,
  CRASH_COMPACT,
  CRASH_CONVERT,
  CRASH_RESIZE, /* first it shrinks, then it grows */
  /* on one in use: image_work_run */
  CRASH_LIVE_FLATTEN,
  CRASH_LIVE_COMMIT,
  CRASH_LIVE_MERGE,
  CRASH_LIVE_REBASE,
} CrashWork;

typedef enum {
  CHAIN_TOP,
  CHAIN_MIDDLE,
  CHAIN_BASE,
  CHAIN_OTHER, /* holds something else everywhere */
  CHAIN_FILES
} CrashChainFile;

typedef struct {
  CrashKind layer; /* what each layer is */
  CrashWork work;
} CrashChainKind;

typedef struct {
  const CrashChainKind *kind;
  Run *run;
  CrashDisk disks[CHAIN_FILES]; /* they share loop and log */
  uint64_t small, large;        /* CRASH_RESIZE: sizes */
  bool mixed;                   /* the base is raw */
} CrashChain;

extern const char *const crash_chain_names[CHAIN_FILES]; /* of the files, in the run's folder */

void crash_chain_init (CrashChain *chain, const CrashChainKind *kind, Run *run);
void crash_chain_clear (CrashChain *chain);
void crash_chain_start_loop (CrashChain *chain);
void crash_chain_stop_loop (CrashChain *chain);

/* Makes the files, and remembers what the disk holds. */
void crash_chain_make (CrashChain *chain);

/* The work, from the start or from where the last run was broken off. @load: (nullable): on the disk
 * meanwhile, if it is in use. Opens and closes the disk. False: it was broken off. */
bool crash_chain_work (CrashChain *chain, const CrashLoad *load, void (*begun) (void *data), void *data,
                       GError **error);
bool crash_chain_is_live (const CrashChain *chain);

/* Live work is noted as begun: what it leaves when it is broken off by a crash that was but played. */
void crash_chain_record (const CrashChain *chain);

/* After a crash. Each file is as crash_disk_look says, and the disk holds what it must. */
void crash_chain_look (CrashChain *chain);

/* The work ends now, nothing is left of its first run, all files are clean, and the disk holds what it must.
 */
void crash_chain_finish (CrashChain *chain);

G_END_DECLS
