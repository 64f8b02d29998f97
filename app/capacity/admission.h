/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Whether the host has room for one more machine. Guests get memory as they touch it, so that machines may be
 * promised more than there is; but one that the host can't hold, or promises beyond half as much again as is
 * left, end with the kernel killing processes.
 *
 * Threading: none; pure.
 */
typedef struct {
  uint64_t total, available, swap_free; /* bytes */
} HostMemory;

/* A machine that runs. */
typedef struct {
  char *name;
  unsigned cpus;
  uint64_t size, resident; /* bytes: that it was promised, and that it has */
} Neighbour;

/* What was promised to all of them. */
typedef struct {
  unsigned machines, cpus;
  uint64_t size;
  uint64_t claims; /* of it they don't have yet */
} Promises;

Promises promises_sum_up (const GArray *neighbours);

/* Refuses (BONSAI_ERROR_NO_ROOM) the start of @name with @size bytes; the message says what is in the way,
 * and what helps. @neighbours: of Neighbour. */
bool admission_check (const HostMemory *host, const GArray *neighbours, const char *name, uint64_t size,
                      GError **error);

G_END_DECLS
