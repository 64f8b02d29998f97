/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * Checking a qcow2 image. Files: qcow2-check.c (what happens in which order), -tables (L1 and L2 tables),
 * -counts (refcount table and blocks), -snapshots, -extras (bitmaps, LUKS header), -map (counts in memory).
 *
 * Every table that several L1 entries refer to is read once, and counts for all of them; so reading is
 * bounded by what the file holds. Memory is bounded by it too: see qcow2-check-map.c.
 */

#include "devices/image/qcow2/qcow2-private.h"

G_BEGIN_DECLS

/* --- qcow2-check-map.c: how often each cluster of the file is used --- */

typedef struct CountMap CountMap;

#define COUNT_GROUP 256u /* clusters that are looked up together */

enum {
  COUNT_METADATA = 1 << 0,  /* no data may lie here */
  COUNT_REFCOUNTS = 1 << 1, /* the refcount table or a block, used once */
  COUNT_ONE = 1 << 2,       /* the refcount on disk is one */
};

CountMap *count_map_new (uint64_t max_bytes);
void count_map_free (CountMap *map);
/* Saturates. False: more memory than was allowed. */
bool count_map_add (CountMap *map, uint64_t cluster, uint64_t n);
bool count_map_flag (CountMap *map, uint64_t cluster, unsigned flags);
uint64_t count_map_get (CountMap *map, uint64_t cluster);
unsigned count_map_flags (CountMap *map, uint64_t cluster);
/* Whether nothing in the group of @cluster is used. */
bool count_map_group_empty (CountMap *map, uint64_t cluster);
/* First clusters of the groups where something is, ascending: (transfer full) array of uint64_t. */
GArray *count_map_groups (CountMap *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CountMap, count_map_free)

/* --- the check --- */

/* An L1 entry that refers to an L2 table. */
typedef struct {
  uint64_t offset;   /* of the L2 table */
  uint64_t entry_at; /* of the L1 entry, in the store */
  uint32_t l1_index;
  bool active;
} TableRef;

/* L2 tables, each once. */
typedef struct {
  uint64_t offset;
  uint32_t first, n;  /* in @refs */
  uint32_t n_cleared; /* entries that were beyond repair */
} TableUse;

typedef struct {
  uint64_t offset;
  unsigned index; /* of the refcount table's entry */
  bool wrong;
} CheckedBlock;

typedef struct {
  ImageLayer *layer;
  Qcow2 *q;
  ImageCheck *check;
  GError **error;
  uint64_t file_clusters; /* the last one may be cut off */
  CountMap *map;
  GArray *refs;   /* of TableRef */
  GArray *uses;   /* of TableUse */
  uint8_t *table; /* a cluster */
  uint64_t done, total;
  unsigned n_told;

  bool rebuild;          /* refcount structures are beyond patching */
  bool unknown;          /* something could not be followed: what seems unused may not be */
  bool again;            /* something was dropped, and is to be counted no more */
  GArray *blocks;        /* of CheckedBlock */
  uint64_t wrong_counts; /* that a repair settles */
  uint64_t in_use;       /* one behind the highest cluster that something refers to */
  uint64_t end;          /* or that is counted */
} Checker;

/* Tells of a finding, and counts @n of them. */
void checker_corrupt (Checker *c, uint64_t n, const char *format, ...) G_GNUC_PRINTF (3, 4);
void checker_leak (Checker *c, uint64_t n, const char *format, ...) G_GNUC_PRINTF (3, 4);
void checker_repaired (Checker *c, uint64_t n);

/* One step of @total is done. False: cancelled. */
bool checker_step (Checker *c);

/* Store access; false with @error. */
bool checker_read (Checker *c, uint64_t offset, void *data, size_t size);
bool checker_write (Checker *c, uint64_t offset, const void *data, size_t size);
bool checker_sync (Checker *c);

/* Whether [offset, offset + bytes) lies on whole clusters of the file, the last of which may be cut off. */
bool checker_in_file (const Checker *c, uint64_t offset, uint64_t bytes);
bool checker_is_used (const Checker *c, uint64_t offset, uint64_t bytes); /* any cluster of it */
/* Counts the clusters of [offset, offset + bytes). */
bool checker_use (Checker *c, uint64_t offset, uint64_t bytes, uint64_t n, unsigned flags);
/* For metadata that has its place for itself. *overlaps: some cluster is in use already; nothing is counted.
 */
bool checker_claim (Checker *c, uint64_t offset, uint64_t bytes, uint64_t n, unsigned flags, bool *overlaps);

bool checker_snapshots (Checker *c); /* -snapshots: their table and L1 tables */
bool checker_extras (Checker *c);    /* -extras: LUKS header, bitmaps */
bool checker_l1 (Checker *c, uint64_t offset, unsigned n, bool active, const char *whose); /* -tables */
bool checker_l2_tables (Checker *c);
bool checker_copied_flags (Checker *c);
bool checker_counts (Checker *c); /* -counts */
bool checker_repair_counts (Checker *c);

G_END_DECLS
