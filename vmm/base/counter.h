/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * A count that only grows. One thread at a time adds to it (the only one that does, or whoever holds its owner's
 * lock); any thread reads it, whenever it likes. Costs what adding to a plain integer does.
 */
static inline void
counter_add (uint64_t *counter, uint64_t n)
{
  __atomic_store_n (counter, __atomic_load_n (counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline uint64_t
counter_get (const uint64_t *counter)
{
  return __atomic_load_n (counter, __ATOMIC_RELAXED);
}

G_END_DECLS
