/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/*
 * VDI, VirtualBox's disk images, header version 1.1 as described in "All about VDIs" (VirtualBox forum, howto
 * and tutorials). Everything is little-endian.
 *
 *   pre-header and header (one sector), block map, blocks
 *
 * The map has an index into the blocks for each block of the disk, or a marker. Others append at the index
 * that the header's count of allocated blocks says, so all indices up to it are in use at rest. While an
 * image is open, discards make holes; closing gives what is at the end back, and maps what is left to blocks
 * of zeroes again, whose room was punched.
 *
 * Crash order: data and the header's count, then sync, then the map, then sync. Between the syncs the count
 * may be too large: blocks that nobody owns.
 */

#define VDI_HEADER_SIZE    512u
#define VDI_SIGNATURE      0xbeda107fu
#define VDI_VERSION_1_1    0x00010001u
#define VDI_FREE           0xffffffffu /* map: never written */
#define VDI_ZERO           0xfffffffeu /* map: reads as zeroes, discarded */
#define VDI_BLOCK_SIZE     (1u << 20)  /* of new images */
#define VDI_MIN_BLOCK_SIZE 4096u
#define VDI_MAX_BLOCK_SIZE (256u << 20)
#define VDI_MAX_MAP        (64u << 20)
#define VDI_ENTRY_SECTOR   128u /* map entries of one sector */
#define VDI_DATA_ALIGNMENT (1u << 20)

enum {
  VDI_AT_SIGNATURE = 64,
  VDI_AT_VERSION = 68,
  VDI_AT_HEADER_SIZE = 72, /* of what follows, this field included */
  VDI_AT_TYPE = 76,
  VDI_AT_FLAGS = 80,
  VDI_AT_COMMENT = 84, /* 256 bytes */
  VDI_AT_MAP_OFFSET = 340,
  VDI_AT_DATA_OFFSET = 344,
  VDI_AT_CYLINDERS = 348,
  VDI_AT_HEADS = 352,
  VDI_AT_SECTORS = 356,
  VDI_AT_SECTOR_SIZE = 360,
  VDI_AT_DISK_SIZE = 368,
  VDI_AT_BLOCK_SIZE = 376,
  VDI_AT_BLOCK_EXTRA = 380,
  VDI_AT_BLOCKS = 384,
  VDI_AT_ALLOCATED = 388,
  VDI_AT_UUID = 392,
  VDI_AT_UUID_MODIFIED = 408,
  VDI_AT_UUID_LINK = 424,
  VDI_AT_UUID_PARENT = 440,
  VDI_AT_LCHS_CYLINDERS = 456, /* and heads, sectors, sector size: header size 400 */
  VDI_HEADER_BYTES = 400,
};

typedef enum {
  VDI_DYNAMIC = 1,
  VDI_FIXED = 2,
  VDI_UNDO = 3,
  VDI_DIFFERENCING = 4,
} VdiType;

/* A place that isn't unplaced yet. */
typedef struct {
  uint32_t block, index;
  unsigned pins;
  bool linked, zero;
} VdiPending;

typedef struct {
  uint32_t index;
  bool zero; /* reads as zeroes */
} VdiRoom;

typedef struct {
  uint8_t header[VDI_HEADER_SIZE];
  VdiType type;
  uint32_t map_offset, data_offset, block_size, block_extra, n_blocks;
  uint32_t next;      /* no index from here on is in use */
  uint32_t *map;      /* n_blocks, host order */
  uint8_t *map_dirty; /* one bit per sector */
  bool header_dirty;
  bool unsettled;      /* the store may show another header than @header: vdi_settle */
  GHashTable *pending; /* of VdiPending by block */
  GArray *holes;       /* of VdiRoom: unused in the store too */
  GArray *freed;       /* uint32_t: indices in use until the next flush */
} Vdi;

static inline uint64_t
vdi_stride (const Vdi *vdi)
{
  return (uint64_t)vdi->block_size + vdi->block_extra;
}

/* Where block @index begins, its extra bytes included. */
static inline uint64_t
vdi_block_at (const Vdi *vdi, uint32_t index)
{
  return vdi->data_offset + index * vdi_stride (vdi);
}

/* And its data. */
static inline uint64_t
vdi_data_at (const Vdi *vdi, uint32_t index)
{
  return vdi_block_at (vdi, index) + vdi->block_extra;
}

static inline bool
vdi_is_allocated (uint32_t entry)
{
  return entry < VDI_ZERO;
}

static inline void
vdi_mark_map (Vdi *vdi, uint32_t block)
{
  vdi->map_dirty[block / VDI_ENTRY_SECTOR / 8] |= 1 << (block / VDI_ENTRY_SECTOR % 8);
}

/* --- vdi.c --- */

bool vdi_index_fits (ImageLayer *layer, uint32_t index); /* within the file */
int vdi_write_header (ImageLayer *layer);                /* and syncs. 0 or -errno */
/* The same for a header that leads to another map, or says another size, than @before did. If that fails it
 * is as @before again, and nobody knows which of the two the store shows: both are right until room is taken
 * or given back, which vdi_settle allows. */
int vdi_switch_header (ImageLayer *layer, const uint8_t *before);
/* Before such a change: puts the header right if it failed to switch. 0 or -errno. */
int vdi_settle (ImageLayer *layer, bool may_block);
/* @map (transfer full, of @n_blocks) is the block map, all of it in the store, and nothing is under way. */
void vdi_adopt_map (Vdi *vdi, uint32_t *map, uint32_t n_blocks);
void vdi_new_uuid (uint8_t *uuid);

/* --- vdi-blocks.c --- */

int vdi_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent);
int vdi_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place);
void vdi_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length);
void vdi_unplace (ImageLayer *layer, const ImagePlace *place);
int vdi_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block);
int vdi_flush (ImageLayer *layer);
/* Finds the indices that no block uses, not in the store either. */
void vdi_find_holes (Vdi *vdi);
/* The content of block @from to room @to; not synced. 0 or -errno. */
int vdi_copy_block (ImageLayer *layer, uint32_t from, uint32_t to);

/* --- vdi-compact.c --- */

/* No holes: all indices below the header's count are in use, the file ends behind them. Flushed before and
 * after. 0 or -errno. */
int vdi_compact (ImageLayer *layer);
/* The same, and no index is @limit or beyond: blocks move. */
int vdi_compact_below (ImageLayer *layer, uint32_t limit);

/* --- vdi-create.c, vdi-resize.c, vdi-check.c --- */

bool vdi_create (ImageStore *store, const ImageCreateOptions *options, GError **error);
bool vdi_resize (ImageLayer *layer, uint64_t size, GError **error);
bool vdi_check (ImageLayer *layer, ImageCheck *check, GError **error);

G_END_DECLS
