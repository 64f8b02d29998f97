/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Published: an immutable value that many threads read without locks while one replaces it.
 * Readers announce themselves in one of a few counters; a replaced value is freed as soon as
 * every reader that may have seen it has left, so that replacing it for ever needs bounded memory.
 *
 * Threading: published_enter, published_leave: any thread; a read must be short and must not block.
 * published_replace: any thread that isn't between enter and leave; takes an inner lock.
 */
#define PUBLISHED_N_STRIPES 8u

typedef struct {
  atomic_uint readers[2]; /* by phase */
  char cache_line_rest[56];
} PublishedStripe;

typedef struct {
  PublishedStripe stripes[PUBLISHED_N_STRIPES];
  _Atomic (void *) value;
  atomic_uint phase;

  GMutex lock;
  GDestroyNotify destroy;
  GPtrArray *retired;  /* replaced since the last turn of the phase */
  GPtrArray *draining; /* await the end of readers in phase - 1 */
} Published;

/* A read under way. */
typedef atomic_uint *PublishedReader;

/* @value: (transfer full) (nullable); @destroy frees each value. */
void published_init (Published *published, void *value, GDestroyNotify destroy);
void published_clear (Published *published); /* no readers may be left */

/* Begins a read. Returns: the value of this moment, valid until published_leave. */
const void *published_enter (Published *published, PublishedReader *reader);
void published_leave (PublishedReader reader);

/* Makes @value (transfer full) what readers see from now on. */
void published_replace (Published *published, void *value);

/* Replaced values that aren't freed yet, for tests. */
unsigned published_n_retired (Published *published);

G_END_DECLS
