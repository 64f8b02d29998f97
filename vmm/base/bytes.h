/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

/* Unaligned loads and stores with explicit endianness. All functions are pure. */

#define BYTES_DEFINE(bits)                                                                                   \
  static inline uint##bits##_t load_le##bits (const void *p)                                                 \
  {                                                                                                          \
    uint##bits##_t v;                                                                                        \
    memcpy (&v, p, sizeof v);                                                                                \
    return GUINT##bits##_FROM_LE (v);                                                                        \
  }                                                                                                          \
  static inline uint##bits##_t load_be##bits (const void *p)                                                 \
  {                                                                                                          \
    uint##bits##_t v;                                                                                        \
    memcpy (&v, p, sizeof v);                                                                                \
    return GUINT##bits##_FROM_BE (v);                                                                        \
  }                                                                                                          \
  static inline void store_le##bits (void *p, uint##bits##_t v)                                              \
  {                                                                                                          \
    v = GUINT##bits##_TO_LE (v);                                                                             \
    memcpy (p, &v, sizeof v);                                                                                \
  }                                                                                                          \
  static inline void store_be##bits (void *p, uint##bits##_t v)                                              \
  {                                                                                                          \
    v = GUINT##bits##_TO_BE (v);                                                                             \
    memcpy (p, &v, sizeof v);                                                                                \
  }

BYTES_DEFINE (16)
BYTES_DEFINE (32)
BYTES_DEFINE (64)
#undef BYTES_DEFINE

/* The @size (1, 2, 4 or 8) low bytes of a register, all ones above that cut off. */
static inline uint64_t
low_bytes (uint64_t value, unsigned size)
{
  return size >= 8 ? value : value & ((UINT64_C (1) << (size * 8)) - 1);
}

/* Reads @size (1..8) little-endian bytes at @p. */
static inline uint64_t
load_le (const void *p, unsigned size)
{
  uint64_t v = 0;

  memcpy (&v, p, size);
  return GUINT64_FROM_LE (v);
}

/* Writes the @size (1..8) low bytes of @value at @p, little-endian. */
static inline void
store_le (void *p, unsigned size, uint64_t value)
{
  value = GUINT64_TO_LE (value);
  memcpy (p, &value, size);
}
