/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * ExtentMap: where each granule of a disk lies, all layers merged into one, as far as that is known: a cache
 * of bounded size, in windows of packed entries. A lookup costs the same whatever the number of layers.
 *
 * Threading: none of its own.
 */
typedef struct ExtentMap ExtentMap;

typedef enum {
  MAP_UNKNOWN,
  MAP_ZERO, /* reads as zeroes */
  MAP_DATA, /* plain bytes in a store */
  MAP_SLOW, /* known, and not for the fast path: encoded, encrypted, or not of one kind */
} MapKind;

/* A run of the disk that is of one kind, and contiguous in its store. */
typedef struct {
  MapKind kind;
  bool writable;         /* DATA: in place */
  unsigned store;        /* DATA: a number, < EXTENT_MAP_MAX_STORES */
  uint64_t store_offset; /* DATA: bytes, a multiple of 512 at the granule's start */
  uint64_t offset, length;
} MapRun;

#define EXTENT_MAP_MAX_STORES (1u << 13)

/* @granule: bytes, a power of two >= 512. @size: of the disk, bytes. @budget: bytes of memory, roughly. */
ExtentMap *extent_map_new (unsigned granule, uint64_t size, uint64_t budget);
void extent_map_free (ExtentMap *map); /* NULL is ignored */
unsigned extent_map_granule (const ExtentMap *map);

/* The run at @offset, @length bytes at most. Granules of one kind in a row are one run as far as their store
 * offsets are. */
MapRun extent_map_find (const ExtentMap *map, uint64_t offset, uint64_t length);

/* Notes @run for the whole granules in it; granules that it only touches become @edges. @at_end: the disk
 * ends where @run does, so its last granule is whole. */
void extent_map_set (ExtentMap *map, const MapRun *run, MapKind edges, bool at_end);

/* All granules that [offset, offset + length) touches become UNKNOWN. */
void extent_map_forget (ExtentMap *map, uint64_t offset, uint64_t length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ExtentMap, extent_map_free)

G_END_DECLS
