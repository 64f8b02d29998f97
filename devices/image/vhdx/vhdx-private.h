/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/*
 * VHDX, as in [MS-VHDX], "Virtual Hard Disk v2 (VHDX) File Format", little-endian. Read only: what the log of
 * an image that wasn't closed holds is seen through a replay in memory, the file stays as it is.
 */

#define VHDX_HEADER_SIZE   4096u
#define VHDX_TABLE_SIZE    65536u /* region tables, the metadata table */
#define VHDX_LOG_SECTOR    4096u
#define VHDX_MAX_LOG       (64u << 20)
#define VHDX_MAX_BAT       (64u << 20)
#define VHDX_BITMAP_SIZE   (1u << 20) /* a sector bitmap block: a bit for each of 2^23 sectors */
#define VHDX_CHUNK_SECTORS (1u << 23)
#define VHDX_MAX_SIZE      (UINT64_C (64) << 40)

/* 2.5.1.1: payload blocks' states; 2.5.1.2: a sector bitmap block is there. */
enum {
  VHDX_NOT_PRESENT = 0,
  VHDX_UNDEFINED = 1,
  VHDX_ZERO = 2,
  VHDX_UNMAPPED = 3,
  VHDX_FULLY_PRESENT = 6,
  VHDX_PARTIALLY_PRESENT = 7,
  VHDX_BITMAP_PRESENT = 6,
};

/* What the log puts over [offset, offset + length) of the file: @data, or zeroes. */
typedef struct {
  uint64_t offset, length;
  uint8_t *data; /* VHDX_LOG_SECTOR bytes in Vhdx.log, or NULL */
} VhdxPatch;

typedef struct {
  uint64_t offset, length;
} VhdxRange;

typedef struct {
  uint8_t header[VHDX_HEADER_SIZE];
  VhdxRange bat_region, metadata_region;

  bool log_replayed;
  uint8_t *log;    /* the data of @patches */
  GArray *patches; /* of VhdxPatch, in order */
  GArray *patched; /* of VhdxRange: where, sorted, disjoint */

  uint32_t block_size, sector_size, physical_sector_size;
  bool fixed, has_parent;
  uint8_t disk_id[16], parent_linkage[16];
  uint32_t chunk_ratio; /* payload blocks of one sector bitmap block */
  uint32_t n_blocks, n_entries;
  uint64_t *bat; /* n_entries, host order */

  uint8_t *bitmap; /* VHDX_BITMAP_SIZE of chunk @bitmap_chunk, or NULL */
  uint32_t bitmap_chunk;
} Vhdx;

G_GNUC_PRINTF (3, 4) bool vhdx_refuse (ImageLayer *layer, GError **error, const char *format, ...);

static inline unsigned
vhdx_state (uint64_t entry)
{
  return entry & 7;
}

static inline uint64_t
vhdx_offset (uint64_t entry)
{
  return entry & ~UINT64_C (0xfffff);
}

static inline uint32_t
vhdx_bat_index (const Vhdx *vhdx, uint32_t block)
{
  return block + block / vhdx->chunk_ratio;
}

/* --- vhdx-header.c --- */

/* The header that counts, and where the regions are. */
bool vhdx_read_headers (ImageLayer *layer, GError **error);
bool vhdx_read_regions (ImageLayer *layer, GError **error);
/* How many of the two headers and of the two region tables are damaged. */
void vhdx_count_damage (ImageLayer *layer, unsigned *headers, unsigned *tables);

/* --- vhdx-log.c --- */

bool vhdx_replay_log (ImageLayer *layer, GError **error);
/* Of the file as it is after the replay. 0 or -errno. */
int vhdx_read (ImageLayer *layer, uint64_t offset, void *buffer, uint64_t length);
/* Whether the log changes anything in the range. */
bool vhdx_is_patched (const Vhdx *vhdx, uint64_t offset, uint64_t length);

/* --- vhdx-metadata.c --- */

bool vhdx_read_metadata (ImageLayer *layer, GError **error);

/* --- vhdx-check.c --- */

bool vhdx_check (ImageLayer *layer, ImageCheck *check, GError **error);

G_END_DECLS
