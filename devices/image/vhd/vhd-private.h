/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

#include "vmm/base/bytes.h"

G_BEGIN_DECLS

/*
 * VHD, as in Microsoft's "Virtual Hard Disk Image Format Specification" 1.0 ("the specification" below).
 * Everything in a file is big-endian, places are in bytes or in 512-byte sectors.
 *
 *   fixed          data, footer
 *   dynamic        footer's copy, dynamic disk header, BAT, blocks in any order, footer
 *   differencing   the same and parent locators
 *
 * A block is its bitmap (one bit per sector, padded to a sector) and its data. A dynamic disk gets whole
 * blocks, with all bits set; a differencing one holds the sectors whose bits are set.
 *
 * Crash order: a new block's bitmap and the footer behind it, then sync, then the BAT and bitmaps of older
 * blocks, then sync. A file that grew and lost its footer by that has it repaired from the copy at the head.
 */

#define VHD_SECTOR         512u
#define VHD_FOOTER_SIZE    512u
#define VHD_HEADER_SIZE    1024u
#define VHD_UNUSED         UINT32_MAX /* BAT: no block */
#define VHD_MAX_SIZE       (UINT64_C (2040) << 30)
#define VHD_BLOCK_SIZE     (2u << 20) /* of new images */
#define VHD_MIN_BLOCK_SIZE 4096u
#define VHD_MAX_BLOCK_SIZE (256u << 20)
#define VHD_MAX_BAT        (64u << 20)
#define VHD_ALIGNMENT      4096u /* where data of new blocks begins */
#define VHD_MAX_FREE_SLOTS (1u << 20)
#define VHD_EPOCH          INT64_C (946684800) /* 2000-01-01 00:00 UTC */

/* "Hard Disk Footer Format" */
enum {
  FOOTER_COOKIE = 0,
  FOOTER_FEATURES = 8,
  FOOTER_VERSION = 12,
  FOOTER_DATA_OFFSET = 16,
  FOOTER_TIME = 24,
  FOOTER_CREATOR_APP = 28,
  FOOTER_CREATOR_VERSION = 32,
  FOOTER_CREATOR_OS = 36,
  FOOTER_ORIGINAL_SIZE = 40,
  FOOTER_CURRENT_SIZE = 48,
  FOOTER_CYLINDERS = 56,
  FOOTER_HEADS = 58,
  FOOTER_SECTORS = 59,
  FOOTER_TYPE = 60,
  FOOTER_CHECKSUM = 64,
  FOOTER_UUID = 68,
  FOOTER_SAVED_STATE = 84,
};

/* "Dynamic Disk Header Format" */
enum {
  HEADER_COOKIE = 0,
  HEADER_DATA_OFFSET = 8,
  HEADER_TABLE_OFFSET = 16,
  HEADER_VERSION = 24,
  HEADER_MAX_ENTRIES = 28,
  HEADER_BLOCK_SIZE = 32,
  HEADER_CHECKSUM = 36,
  HEADER_PARENT_UUID = 40,
  HEADER_PARENT_TIME = 56,
  HEADER_PARENT_NAME = 64,
  HEADER_LOCATORS = 576,
};

#define VHD_PARENT_NAME_SIZE 512u
#define VHD_N_LOCATORS       8u
#define VHD_LOCATOR_SIZE     24u
#define VHD_MAX_LOCATOR_DATA 65536u

/* A locator's entry: code, data space, data length, reserved, data offset. */
enum {
  LOCATOR_CODE = 0,
  LOCATOR_SPACE = 4,
  LOCATOR_LENGTH = 8,
  LOCATOR_OFFSET = 16,
};

typedef enum {
  VHD_FIXED = 2,
  VHD_DYNAMIC = 3,
  VHD_DIFFERENCING = 4,
} VhdType;

typedef struct {
  uint16_t cylinders;
  uint8_t heads, sectors;
} VhdGeometry;

/* Room for a block that no BAT entry points to. */
typedef struct {
  uint64_t at;
  bool zero; /* its data reads as zeroes */
} VhdSlot;

/* A block whose bitmap is in memory: it has clear bits, or news for the file, or is about to be written. */
typedef struct {
  uint32_t block;
  unsigned pins; /* places that aren't unplaced */
  VhdSlot slot;  /* where it lies, or is to lie once it is linked */
  bool linked;   /* the BAT in memory has it */
  bool fresh;    /* the BAT in the store has it not: its bitmap may be written at any time */
  bool dirty;
  uint8_t bits[];
} VhdBlock;

typedef struct {
  uint64_t offset, length;
} VhdRegion;

typedef struct {
  uint8_t footer[VHD_FOOTER_SIZE];
  uint8_t header[VHD_HEADER_SIZE];
  VhdType type;
  bool size_from_geometry;
  bool tail_valid, head_valid; /* as open found them; a differing copy counts as not valid */

  /* dynamic and differencing */
  uint64_t bat_offset;
  uint32_t max_entries, n_blocks; /* of the BAT; of the disk */
  uint32_t block_size, bitmap_size;
  uint32_t *bat;      /* n_blocks, host order */
  uint8_t *bat_dirty; /* one bit per sector of the BAT */
  uint8_t *full;      /* one bit per block: its bitmap is known to have no clear bit */
  GHashTable *blocks; /* of VhdBlock by number */
  unsigned n_dirty;   /* of them */
  GArray *free_slots; /* of VhdSlot: unused in the store too */
  GArray *freed;      /* of VhdSlot: in use until the next flush */
  bool free_slots_known;
  uint64_t end;       /* where the next block would be appended: the footer's place */
  bool unsettled;     /* the store may show another header or footer than ours: vhd_settle */
  uint64_t footer_at; /* where the footer stands, or UINT64_MAX */
} Vhd;

static inline bool
vhd_bit (const uint8_t *bits, uint64_t i)
{
  return (bits[i / 8] >> (7 - i % 8)) & 1;
}

static inline void
vhd_set_bit (uint8_t *bits, uint64_t i)
{
  bits[i / 8] |= 0x80 >> (i % 8);
}

static inline void
vhd_clear_bit (uint8_t *bits, uint64_t i)
{
  bits[i / 8] &= ~(0x80 >> (i % 8));
}

static inline uint64_t
vhd_round_up (uint64_t value, uint64_t unit)
{
  return (value + unit - 1) / unit * unit;
}

static inline uint64_t
vhd_stride (const Vhd *vhd)
{
  return (uint64_t)vhd->bitmap_size + vhd->block_size;
}

static inline uint32_t
vhd_sectors_per_block (const Vhd *vhd)
{
  return vhd->block_size / VHD_SECTOR;
}

/* --- vhd-header.c: the structures --- */

uint32_t vhd_checksum (const uint8_t *data, size_t size, size_t checksum_at);
bool vhd_footer_is_valid (const uint8_t *footer);
bool vhd_header_is_valid (const uint8_t *header);
void vhd_seal_footer (uint8_t *footer); /* sets the checksum */
void vhd_seal_header (uint8_t *header);
/* A new footer, sealed. @data_offset: UINT64_MAX for fixed disks. */
void vhd_make_footer (uint8_t *footer, VhdType type, uint64_t size, uint64_t data_offset);
void vhd_make_header (uint8_t *header, uint64_t bat_offset, uint32_t max_entries, uint32_t block_size);
/* Sets size and geometry, and that the size counts; seals. */
void vhd_set_size (uint8_t *footer, uint64_t size);
VhdGeometry vhd_geometry (uint64_t size);
/* The disk's size as whoever made the file means it; *@from_geometry may be NULL. */
uint64_t vhd_disk_size (const uint8_t *footer, bool *from_geometry);
char *vhd_uuid_text (const uint8_t *uuid);
void vhd_new_uuid (uint8_t *uuid);
const char *vhd_type_name (VhdType type);

/* --- vhd-locator.c: where the parent is --- */

/* Sets layer->backing_path from the header's locators: the first that leads to the parent, else the first.
 * @may_miss: none at all is no error. */
bool vhd_find_parent (ImageLayer *layer, bool may_miss, GError **error);

/* What leads to a parent: the codes of locators, and what they point to. */
typedef struct {
  unsigned n;
  uint32_t codes[VHD_N_LOCATORS];
  GBytes *data[VHD_N_LOCATORS];
  uint8_t name[VHD_PARENT_NAME_SIZE];
} VhdLocators;

/* Of a parent at @path, absolute or relative to the child. Clear it after use, also on failure. */
bool vhd_make_locators (VhdLocators *locators, const char *path, GError **error);
void vhd_clear_locators (VhdLocators *locators);
uint64_t vhd_locators_size (const VhdLocators *locators); /* bytes, whole sectors */
/* The parent's id, name and locators, which are to lie at @at, into the header. Seals it. */
void vhd_set_parent (uint8_t *header, const VhdLocators *locators, const uint8_t *parent_uuid, uint64_t at);
int vhd_write_locators (ImageStore *store, const VhdLocators *locators, uint64_t at);

/* The footer of the VHD at @path, absolute or relative to @store's folder. */
bool vhd_read_parent_footer (ImageStore *store, const char *path, uint8_t *footer, GError **error);
bool vhd_check_backing (ImageLayer *layer, ImageLayer *below, GError **error);

/* --- vhd-footer.c --- */

/* The footer that counts of @store's two. *@footer is zero if there is none. 0 or -errno. */
int vhd_read_footer (ImageStore *store, uint8_t *footer, bool *tail_valid, bool *head_valid);
/* Writes the footer at @at, syncs, cuts the file behind it. 0 or -errno. */
int vhd_move_footer (ImageLayer *layer, uint64_t at);
/* Both copies of a changed footer, the one at the end first; durable. 0 or -errno. */
int vhd_write_footers (ImageLayer *layer);

/* --- vhd-layout.c --- */

/* Where the footer, header, BAT and locators lie; at most 3 + VHD_N_LOCATORS. Returns how many. */
unsigned vhd_regions (const Vhd *vhd, uint64_t file_size, VhdRegion *regions);
/* Whether a block may lie at @at: within the file, apart from all else. */
bool vhd_block_fits (const Vhd *vhd, uint64_t file_size, const VhdRegion *regions, unsigned n_regions,
                     uint64_t at);
/* Where the last thing in use ends. */
uint64_t vhd_used_end (const Vhd *vhd, uint64_t file_size);

/* --- vhd-settle.c: header and footers that may have changed in the store, or not --- */

/* Writing a header that leads to a longer table, or footers that say another size, failed; ours are again as
 * they were. Both are right until a block gets room or loses it, or anything is promised to be durable. */
void vhd_unsettle (ImageLayer *layer);
/* Before such a change: puts right what unsettled it. 0 or -errno. */
int vhd_settle (ImageLayer *layer, bool may_block);

/* --- vhd-blocks.c --- */

int vhd_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent);
int vhd_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place);
void vhd_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length);
void vhd_unplace (ImageLayer *layer, const ImagePlace *place);
int vhd_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block);
int vhd_flush (ImageLayer *layer);
void vhd_mark_bat (Vhd *vhd, uint32_t block);
/* Block @block lies at @slot now; its old room is free after the next flush. */
void vhd_move_block (ImageLayer *layer, uint32_t block, VhdSlot slot);
/* The disk has @n_blocks, of which the new ones are unused. All is flushed. */
void vhd_set_n_blocks (Vhd *vhd, uint32_t n_blocks);

/* --- vhd-room.c --- */

/* Free room for one block: found or at the end. 0 or -errno. */
int vhd_take_slot (ImageLayer *layer, bool may_block, VhdSlot *slot);
/* Room is to be looked for anew: nothing is under way, and what lies where has changed. */
void vhd_forget_free_slots (Vhd *vhd);

/* --- vhd-create.c, vhd-resize.c, vhd-check.c --- */

bool vhd_create (ImageStore *store, const ImageCreateOptions *options, GError **error);
bool vhd_resize (ImageLayer *layer, uint64_t size, GError **error);
bool vhd_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error);
bool vhd_check (ImageLayer *layer, ImageCheck *check, GError **error);

G_END_DECLS
