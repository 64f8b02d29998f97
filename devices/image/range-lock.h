/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * RangeLock: ranges of bytes, each held by many who share it or by one alone, in the order they asked.
 *
 * Threading: any thread; inside, no other lock is taken.
 */
typedef struct RangeLock RangeLock;
typedef struct RangeHold RangeHold;

RangeLock *range_lock_new (void);
void range_lock_free (RangeLock *lock); /* nothing is held. NULL is ignored */

/* [first, end): (transfer full), or NULL if somebody holds it, or waits for it, in a way that excludes this.
 */
RangeHold *range_lock_try (RangeLock *lock, uint64_t first, uint64_t end, bool exclusive);

/* The same; waits. Not for anyone whom a holder waits for. */
RangeHold *range_lock_take (RangeLock *lock, uint64_t first, uint64_t end, bool exclusive);

void range_lock_release (RangeLock *lock, RangeHold *hold); /* (transfer full). NULL is ignored */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RangeLock, range_lock_free)

G_END_DECLS
