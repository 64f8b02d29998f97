/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/image/crash-log.h"

G_BEGIN_DECLS

/*
 * A random load of writes, zeroes, discards, flushes and growth on a disk that will crash. No two acts that
 * meet are under way at once.
 */
typedef struct {
  unsigned acts;  /* at most so many */
  unsigned depth; /* so many under way at once, 1 .. 16 */
  bool grows;     /* the format can be resized */
  bool write_through;
  bool may_fail;    /* a request may end with -EIO: the power goes, and the load ends */
  bool tries_again; /* what failed is submitted again until it doesn't, as a machine does that was resumed */
} CrashLoad;

/* Returns when all has been done, or the first request failed; nothing is under way then. */
void crash_load_run (const CrashLoad *load, CrashLog *log, Run *run, Image *image);

G_END_DECLS
