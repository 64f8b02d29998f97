/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

G_BEGIN_DECLS

/*
 * qcow2, versions 2 and 3: "Qcow2 Image File Format", docs/interop/qcow2.txt of the QEMU project. Section
 * names in comments are that document's. All numbers on disk are big-endian.
 *
 * Files: qcow2.c (operations), -header (header and extensions), -tables (what is in memory of tables), -l2,
 * -refcount (counts), -reftable (their table's growth), -alloc (free clusters, growth of the file), -map,
 * -place, -unmap, -flush (crash order), -create, -resize, -backing; -compress, -crypt, -check, -snapshots.
 *
 * Crash order. In memory, a refcount is raised when a cluster is allocated, and lowered only after no table
 * on stable storage points to the cluster any more: until then the cluster is in @pending. A flush writes
 *
 *   refcount blocks, sync (the data too) → new refcount table entries, sync → L2 tables, sync → L1 entries,
 * sync
 *
 * (steps with nothing to write are left out), then lowers what is pending: those clusters are punched, and
 * may be used again. With the lazy refcounts feature the header says "dirty" first and refcounts are written
 * when the image is closed.
 */

/* --- Header --- */

#define QCOW2_MAGIC 0x514649fbu /* "QFI\xfb" */

enum { /* byte offsets of fields */
       QCOW2_H_MAGIC = 0,
       QCOW2_H_VERSION = 4,
       QCOW2_H_BACKING_OFFSET = 8,
       QCOW2_H_BACKING_SIZE = 16,
       QCOW2_H_CLUSTER_BITS = 20,
       QCOW2_H_SIZE = 24,
       QCOW2_H_CRYPT_METHOD = 32,
       QCOW2_H_L1_SIZE = 36,
       QCOW2_H_L1_OFFSET = 40,
       QCOW2_H_REFTABLE_OFFSET = 48,
       QCOW2_H_REFTABLE_CLUSTERS = 56,
       QCOW2_H_N_SNAPSHOTS = 60,
       QCOW2_H_SNAPSHOTS_OFFSET = 64,
       QCOW2_H_V2_LENGTH = 72,
       QCOW2_H_INCOMPATIBLE = 72,
       QCOW2_H_COMPATIBLE = 80,
       QCOW2_H_AUTOCLEAR = 88,
       QCOW2_H_REFCOUNT_ORDER = 96,
       QCOW2_H_LENGTH = 100,
       QCOW2_H_V3_LENGTH = 104, /* the least */
       QCOW2_H_COMPRESSION = 104,
       QCOW2_H_OUR_LENGTH = 112, /* of images that are made here */
};

#define QCOW2_SECTOR             512u /* what the medium writes as a whole; the header's fields lie in the first */
#define QCOW2_BACKING_MAX        1023u
#define QCOW2_CLUSTER_BITS_MIN   9u
#define QCOW2_CLUSTER_BITS_MAX   21u
#define QCOW2_L1_MAX             (32u * 1024 * 1024) /* bytes */
#define QCOW2_REFTABLE_MAX       (8u * 1024 * 1024)  /* bytes */
#define QCOW2_SNAPSHOTS_MAX      65536u
#define QCOW2_SNAPSHOT_TABLE_MAX (64u * 1024 * 1024) /* bytes */

/* Incompatible features. */
#define QCOW2_I_DIRTY       (UINT64_C (1) << 0)
#define QCOW2_I_CORRUPT     (UINT64_C (1) << 1)
#define QCOW2_I_DATA_FILE   (UINT64_C (1) << 2)
#define QCOW2_I_COMPRESSION (UINT64_C (1) << 3)
#define QCOW2_I_EXTENDED_L2 (UINT64_C (1) << 4)
#define QCOW2_I_KNOWN       (QCOW2_I_DIRTY | QCOW2_I_CORRUPT | QCOW2_I_COMPRESSION | QCOW2_I_EXTENDED_L2)

/* Compatible and autoclear features. */
#define QCOW2_C_LAZY_REFCOUNTS (UINT64_C (1) << 0)
#define QCOW2_A_BITMAPS        (UINT64_C (1) << 0)

/* Header extensions. */
#define QCOW2_EXT_END            0x00000000u
#define QCOW2_EXT_BACKING_FORMAT 0xe2792acau
#define QCOW2_EXT_FEATURE_NAMES  0x6803f857u
#define QCOW2_EXT_BITMAPS        0x23852875u
#define QCOW2_EXT_CRYPT          0x0537be77u
#define QCOW2_EXT_DATA_FILE      0x44415441u

typedef enum {
  QCOW2_CRYPT_NONE,
  QCOW2_CRYPT_AES, /* refused: broken by design */
  QCOW2_CRYPT_LUKS,
} Qcow2CryptMethod;

typedef enum {
  QCOW2_ZLIB, /* a raw deflate stream */
  QCOW2_ZSTD,
} Qcow2Compression;

/* --- Table entries (section "Cluster mapping") --- */

#define QCOW2_COPIED            (UINT64_C (1) << 63) /* refcount is exactly one: may be written in place */
#define QCOW2_COMPRESSED        (UINT64_C (1) << 62)
#define QCOW2_ZERO              (UINT64_C (1) << 0) /* standard clusters, version 3, no extended L2 */
#define QCOW2_OFFSET_MASK       UINT64_C (0x00fffffffffffe00)
#define QCOW2_L1_RESERVED       UINT64_C (0x7f000000000001ff)
#define QCOW2_L2_RESERVED       UINT64_C (0x3f000000000001fe)
#define QCOW2_REFTABLE_RESERVED UINT64_C (0x1ff)

/* Extended L2 entries: bits 0..31 of the bitmap say allocated, 32..63 reads as zeroes. */
#define QCOW2_SUBCLUSTERS 32u

/* --- Cached tables --- */

/* One L2 table or refcount block: a cluster of the file. */
typedef struct Qcow2Table Qcow2Table;
struct Qcow2Table {
  Qcow2Table *newer, *older; /* in the order of use */
  uint64_t offset;           /* in the store */
  unsigned index;            /* of the L1 or refcount table entry that points to it */
  unsigned pins;             /* > 0: stays in memory */
  bool dirty;
  uint8_t *data;           /* the cluster, as on disk */
  uint64_t *dirty_sectors; /* a bit for each sector */
};

typedef struct {
  Qcow2Table **slots; /* by index; NULL: not in memory */
  unsigned n_slots;
  Qcow2Table *newest, *oldest;
  unsigned n_tables, n_dirty;
  unsigned max_tables;
} Qcow2Cache;

/* The L1 or the refcount table: wholly in memory, host byte order. */
typedef struct {
  uint64_t *entries;
  unsigned n;
  uint64_t offset;         /* in the store */
  uint64_t clusters;       /* that it occupies */
  uint64_t *dirty_sectors; /* a bit for 64 entries */
  bool dirty;
} Qcow2Root;

/* Clusters whose refcount falls by one when that is safe. */
typedef struct {
  uint64_t first, n; /* cluster numbers */
} Qcow2Run;

typedef struct {
  uint32_t type, length;
  uint8_t *data;
} Qcow2Extension; /* one that we don't know: kept as it is */

typedef struct Qcow2Crypt Qcow2Crypt;             /* qcow2-crypt.c's */
typedef struct Qcow2PlaceRecord Qcow2PlaceRecord; /* qcow2-place.c's */

/* layer->state. Fields up to the first table are final after open, so decode and crypt may read them. */
typedef struct {
  unsigned version;
  unsigned cluster_bits;
  unsigned cluster; /* bytes */
  unsigned refcount_order;
  bool extended_l2;
  unsigned entry_size; /* of L2 entries: 8 or 16 */
  unsigned l2_bits;    /* an L2 table has 1 << l2_bits entries */
  unsigned rc_bits;    /* a refcount block has 1 << rc_bits counts */
  uint64_t refcount_max;
  Qcow2Compression compression;
  Qcow2CryptMethod crypt_method;
  uint64_t crypt_offset, crypt_length; /* of the LUKS header in the store */
  Qcow2Crypt *crypt;                   /* NULL: not encrypted, or (lenient) no secret was given */

  uint64_t incompatible, compatible, autoclear;
  unsigned header_length;
  uint8_t sector[QCOW2_SECTOR]; /* the header's first sector as it is on disk */
  uint64_t backing_offset;
  unsigned backing_size;
  uint8_t bitmaps[24]; /* the bitmaps extension's data */
  bool has_bitmaps;
  GArray *extensions; /* of Qcow2Extension */
  unsigned n_snapshots;
  uint64_t snapshots_offset;
  uint64_t snapshots_length; /* bytes; known after qcow2_read_snapshots */
  bool begun;                /* qcow2_begin_writing did its work */
  bool wrote_dirty;          /* lazy refcounts: the header says dirty because of us */
  bool unsettled;            /* the store may show another header than @sector: qcow2_settle */
  char *damage; /* the first contradiction that was met; NULL: none. Nothing is written any more */

  Qcow2Root l1, reftable;
  Qcow2Cache l2_cache, rc_cache;
  uint8_t *bad_l1;      /* a bit for each L1 entry that must not be followed */
  GHashTable *metadata; /* set of clusters that hold metadata */
  GHashTable *blank;    /* set of free clusters that were punched: they read as zeroes */

  GArray *pending;        /* of Qcow2Run */
  uint64_t pending_total; /* clusters */
  uint8_t *full_blocks;   /* a byte for each refcount table entry: it has no free cluster */
  uint64_t free_hint;     /* no cluster below is free */
  uint64_t virgin;        /* clusters from here on were never written: they read as zeroes */
  uint64_t grown_to;      /* what we made the file grow to, bytes; 0: did not */
  uint64_t code_cursor;   /* where the next compressed cluster goes; 0: nowhere yet */
  Qcow2PlaceRecord *spare_records;
} Qcow2;

#define QCOW2(layer) ((Qcow2 *)(layer)->state)

static inline uint64_t
qcow2_cluster_of (const Qcow2 *q, uint64_t store_offset)
{
  return store_offset >> q->cluster_bits;
}

/* --- qcow2-header.c --- */

bool qcow2_header_read (ImageLayer *layer, GError **error);

/* Changes fields of the first sector and writes it: atomic. Not durable without a sync. 0 or -errno. */
int qcow2_header_put32 (ImageLayer *layer, unsigned field, uint32_t value);
int qcow2_header_put64 (ImageLayer *layer, unsigned field, uint64_t value);
int qcow2_header_write_sector (ImageLayer *layer); /* @sector as it is */
/* Writes the sector that leads to other tables, or to another size, than @before did, durably. If that fails,
 * it is as @before again, and nobody knows which of the two the store shows: both are right until something
 * is allocated, freed or entered in a table, which qcow2_settle allows. 0 or -errno. */
int qcow2_header_switch (ImageLayer *layer, const uint8_t *before);
/* Before such a change: -EIO on a damaged image; puts the header right if it failed to switch. */
int qcow2_settle (ImageLayer *layer, bool may_block);

/* Sets and clears bits of incompatible_features (no-op on version 2), durable when it returns. */
int qcow2_set_incompatible (ImageLayer *layer, uint64_t set, uint64_t clear);

/* Before the first change of an image: clears autoclear features, whose data we don't keep current. Durable.
 * See layer.h; who repairs an image calls it first. Nothing to do a second time. */
int qcow2_begin_writing (ImageLayer *layer);

/* Header and extensions up to the end mark, as they are to be. */
GByteArray *qcow2_header_compose (const Qcow2 *q, const char *backing_format);

/* --- qcow2-tables.c: nothing here changes crash order, qcow2-flush.c does the writing --- */

/* Remembers what is wrong with the image and says so in the log; from then on changes fail with -EIO (who
 * repairs it clears @damage first). Returns -EIO. */
int qcow2_damaged (ImageLayer *layer, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* The L2 table of an L1 entry; *table is NULL if there is none. Blocks if @may_block, else -EAGAIN. */
int qcow2_l2_get (ImageLayer *layer, unsigned l1_index, bool may_block, Qcow2Table **table);

/* The same, for changing: makes one that is missing, copies one that a snapshot shares. */
int qcow2_l2_get_own (ImageLayer *layer, unsigned l1_index, bool may_block, Qcow2Table **table);

uint64_t qcow2_l2_entry (const Qcow2 *q, const Qcow2Table *table, unsigned index);
uint64_t qcow2_l2_bitmap (const Qcow2 *q, const Qcow2Table *table, unsigned index); /* 0 unless extended L2 */
/* @bitmap is ignored without extended L2. Marks the sector dirty; refcounts are the caller's affair. */
void qcow2_l2_set (ImageLayer *layer, Qcow2Table *table, unsigned index, uint64_t entry, uint64_t bitmap);

/* Changes an L1 entry in memory; flush writes it. */
void qcow2_l1_set (ImageLayer *layer, unsigned index, uint64_t entry);

/* Of a compressed cluster's entry: where its code lies, and how long it is at most (to the end of its last
 * sector). */
void qcow2_code_location (const Qcow2 *q, uint64_t entry, uint64_t *offset, uint64_t *size);

void qcow2_table_dirty (Qcow2Cache *cache, Qcow2Table *table, unsigned offset, unsigned length);
void qcow2_cache_init (Qcow2Cache *cache, unsigned n_slots, unsigned max_tables);
void qcow2_cache_clear (Qcow2Cache *cache);                         /* forgets everything, dirty or not */
void qcow2_cache_resize (Qcow2Cache *cache, unsigned n_slots);      /* more slots */
Qcow2Table *qcow2_cache_lookup (Qcow2Cache *cache, unsigned index); /* NULL: not in memory */
Qcow2Table *qcow2_cache_add (Qcow2 *q, Qcow2Cache *cache, unsigned index,
                             uint64_t offset);                /* zeroes, clean */
void qcow2_cache_drop (Qcow2Cache *cache, Qcow2Table *table); /* dirty or not */
/* Makes room for one more table. -EAGAIN if that needs writing and not @may_block. */
int qcow2_cache_room (ImageLayer *layer, Qcow2Cache *cache, bool may_block);
int qcow2_cache_write (ImageLayer *layer, Qcow2Cache *cache); /* dirty sectors; they stay dirty */
void qcow2_cache_clean (const Qcow2 *q, Qcow2Cache *cache);   /* they are on stable storage */

bool qcow2_root_read (ImageLayer *layer, Qcow2Root *root, GError **error);     /* @n, @offset are set */
void qcow2_root_init (Qcow2 *q, Qcow2Root *root, uint64_t offset, unsigned n); /* zeroes */
void qcow2_root_set (Qcow2Root *root, unsigned index, uint64_t entry);
int qcow2_root_write (ImageLayer *layer, Qcow2Root *root); /* dirty sectors; they stay dirty */
void qcow2_root_clean (Qcow2Root *root);
void qcow2_root_clear (Qcow2Root *root);

/* Sets of cluster numbers. */
GHashTable *qcow2_set_new (void);
void qcow2_set_add (GHashTable *set, uint64_t cluster, uint64_t n);
void qcow2_set_remove (GHashTable *set, uint64_t cluster, uint64_t n);
bool qcow2_set_has (GHashTable *set, uint64_t cluster, uint64_t n); /* any of them */

/* Which clusters hold metadata, and must never be taken for data. */
void qcow2_metadata_add (Qcow2 *q, uint64_t cluster, uint64_t n);
void qcow2_metadata_remove (Qcow2 *q, uint64_t cluster, uint64_t n);
bool qcow2_is_metadata (const Qcow2 *q, uint64_t cluster, uint64_t n); /* any of them */

/* --- qcow2-refcount.c --- */

/* Counts of host clusters as they are in memory (on disk they may be higher). Blocking if @may_block. */
int qcow2_refcount_get (ImageLayer *layer, uint64_t cluster, bool may_block, uint64_t *count);
/* Raises or lowers at once: lowering is safe only for what no table on disk points to. -ENXIO: no block
 * covers the cluster (repair then rebuilds). -ERANGE: below 0 or beyond what a count can hold. */
int qcow2_refcount_set (ImageLayer *layer, uint64_t cluster, bool may_block, uint64_t count);
int qcow2_refcount_add (ImageLayer *layer, uint64_t cluster, uint64_t n, bool may_block, int delta);

/* Counts fall by one when no table on disk says otherwise: see the top. Never fails. */
void qcow2_free_later (ImageLayer *layer, uint64_t cluster, uint64_t n);
/* Lowers what is pending; flush calls it. */
int qcow2_free_pending (ImageLayer *layer);

/* For -alloc and -reftable: the block of counts at @index; NULL: none yet. */
int qcow2_rc_get (ImageLayer *layer, unsigned index, bool may_block, Qcow2Table **block);
uint64_t qcow2_rc_count (const Qcow2 *q, const Qcow2Table *block, uint64_t cluster);
void qcow2_rc_set_count (ImageLayer *layer, Qcow2Table *block, uint64_t cluster, uint64_t count);

/* --- qcow2-reftable.c --- */

/* Makes the refcount table longer, so that @n_blocks blocks fit. Blocking; durable. */
int qcow2_reftable_grow (ImageLayer *layer, uint64_t n_blocks);
/* A block for counts that none covers; its cluster is the first that it counts. */
int qcow2_rc_make (ImageLayer *layer, unsigned index, bool may_block);
/* @n clusters in a row behind everything, with the blocks that count them. Blocking. */
int qcow2_append_run (ImageLayer *layer, uint64_t n, uint64_t *first);

/* Every count of the file at once, for repair: the counts of [0, n) are what @count says, others 0. Writes
 * new refcount blocks and a new table behind the end of the file, syncs, then makes the header point there.
 * @count may be asked more than once; it sets *next to a higher cluster, between which and this one all
 * counts are 0. Caches follow; what was pending is forgotten. Durable. Blocking. */
typedef uint64_t (*Qcow2CountFunc) (uint64_t cluster, uint64_t *next, void *data);
bool qcow2_refcounts_rebuild (ImageLayer *layer, uint64_t n, Qcow2CountFunc count, void *data,
                              GError **error);

/* --- qcow2-alloc.c --- */

/* The file reaches at least to the end of the cluster before @end. */
int qcow2_reach (ImageLayer *layer, uint64_t end, bool may_block);
/* Where in the file clusters begin that were never written: sets @virgin. For open. Blocking. */
int qcow2_find_virgin (ImageLayer *layer);

/* 1..@wanted clusters in a row, counted once each. *zeroed: they read as zeroes. -ENOSPC, -EAGAIN, -EIO. */
int qcow2_alloc (ImageLayer *layer, uint64_t wanted, bool may_block, uint64_t *first, uint64_t *n,
                 bool *zeroed);
/* Exactly @n in a row. Blocking. */
int qcow2_alloc_run (ImageLayer *layer, uint64_t n, uint64_t *first);
/* Takes back what was just allocated and never linked. */
void qcow2_alloc_undo (ImageLayer *layer, uint64_t first, uint64_t n);

/* Room for @size bytes of a compressed cluster, counts raised. Blocking. 0 or -errno (-EFBIG: behind what an
 * entry can say). Follow with qcow2_link_code, or qcow2_undo_code if the code could not be written. */
int qcow2_alloc_code (ImageLayer *layer, unsigned size, uint64_t *store_offset);
/* Makes the cluster at disk @offset compressed: @size bytes at @store_offset, written already. Blocking. */
int qcow2_link_code (ImageLayer *layer, uint64_t offset, uint64_t store_offset, unsigned size);
void qcow2_undo_code (ImageLayer *layer, uint64_t store_offset, unsigned size);

/* --- qcow2-map.c, -place.c, -unmap.c, -flush.c, -create.c, -resize.c: see layer.h --- */

int qcow2_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent);
int qcow2_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place);
void qcow2_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length);
void qcow2_unplace (ImageLayer *layer, const ImagePlace *place);
int qcow2_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block);
int qcow2_flush (ImageLayer *layer);
/* The same, and every count too: the image is clean. */
int qcow2_flush_all (ImageLayer *layer);
/* Before a change: -EIO on a damaged image; flushes if much is waiting for it. */
int qcow2_relieve (ImageLayer *layer, bool may_block);
void qcow2_free_records (Qcow2 *q);
bool qcow2_create (ImageStore *store, const ImageCreateOptions *options, GError **error);
bool qcow2_resize (ImageLayer *layer, uint64_t size, GError **error);
bool qcow2_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error);

/* What a cluster's entry held is not needed any more: its clusters are freed later. */
void qcow2_free_entry (ImageLayer *layer, uint64_t entry);

/* --- qcow2-compress.c --- */

/* See layer.h. decode runs without the lock: it reads only what is final after open, and the store. */
int qcow2_decode (ImageLayer *layer, const LayerExtent *extent, uint8_t *out);
int qcow2_compress (ImageLayer *layer, const uint8_t *data, uint8_t *code);
int qcow2_write_code (ImageLayer *layer, uint64_t offset, const uint8_t *code, size_t size);

/* --- qcow2-crypt.c --- */

/* Reads the LUKS header at @crypt_offset and unlocks it; sets @crypt. Lenient with no secret: it stays locked
 * (crypt fails), and NULL if the header is damaged. */
bool qcow2_open_crypt (ImageLayer *layer, const ImageOptions *options, GError **error);
void qcow2_close_crypt (ImageLayer *layer); /* fine without open */
int qcow2_crypt (ImageLayer *layer, uint64_t store_offset, uint8_t *data, size_t length, bool encrypt);
/* Bytes that the LUKS header of a new image needs; 0 with @error set. */
uint64_t qcow2_crypt_header_length (const ImageCreateOptions *options, GError **error);
/* Writes it to @store at @offset. */
bool qcow2_create_crypt (ImageStore *store, uint64_t offset, uint64_t length,
                         const ImageCreateOptions *options, GError **error);
bool qcow2_change_secret (ImageLayer *layer, const ImageSecret *old_secret, const ImageSecret *new_secret,
                          unsigned milliseconds, ImageKeys *keys, GError **error);
bool qcow2_adopt_secrets (ImageLayer *layer, const ImageLayer *other, GError **error);
void qcow2_lend_key (const ImageLayer *layer, ImageKeys *keys);
GBytes *qcow2_read_key_header (ImageLayer *layer, GError **error);
bool qcow2_shred (ImageLayer *layer, GError **error);
/* Adds cipher and passphrases to @info's details. */
void qcow2_describe_crypt (ImageLayer *layer, ImageInfo *info);

/* --- qcow2-check.c --- */

/* See image_check. @check->repair: also settles the dirty and the corrupt bit, durably. Open calls it on an
 * image that says it is dirty, before anything is changed. Takes the counts of everything that the header,
 * the active and the snapshots' L1 tables, the snapshot table, the LUKS header and consistent bitmaps use. */
bool qcow2_check (ImageLayer *layer, ImageCheck *check, GError **error);

/* --- qcow2-snapshots.c --- */

typedef struct {
  char *id, *name;
  uint64_t l1_offset;
  unsigned l1_size; /* entries */
  uint64_t size;    /* of the disk; layer->size if the entry doesn't say */
  uint64_t state_size;
  uint32_t seconds, nanoseconds; /* since 1970 */
  uint64_t at;                   /* of the entry, in the store */
  uint32_t extra_size;           /* bytes of extra data */
  unsigned names_size;           /* of ID and name together, which follow the extra data */
} Qcow2Snapshot;

#define QCOW2_SNAPSHOT_FIXED      40u /* bytes of an entry before the extra data */
#define QCOW2_SNAPSHOT_EXTRA_SIZE 36u /* where it says how much of that follows */
#define QCOW2_SNAPSHOT_DISK_SIZE  48u /* where the disk's size is, in the extra data */
#define QCOW2_SNAPSHOT_EXTRA_V3   16u /* bytes that version 3 asks for */

/* The snapshot table at @snapshots_offset, every field checked (offsets within the store, aligned, L1 tables
 * of at most QCOW2_L1_MAX bytes). Sets @snapshots_length. Open calls it once, to know which clusters hold
 * metadata. Returns: (transfer full): an array of Qcow2Snapshot that frees them, empty if there are none. */
GPtrArray *qcow2_read_snapshots (ImageLayer *layer, GError **error);
/* For check: what can be read, with @error set if that isn't all; L1 tables are not looked at. */
GPtrArray *qcow2_read_snapshot_entries (ImageLayer *layer, GError **error);
bool qcow2_snapshot_l1_is_sane (ImageLayer *layer, const Qcow2Snapshot *snapshot);
/* Adds them to @info->snapshots. */
void qcow2_describe_snapshots (ImageLayer *layer, ImageInfo *info);

G_END_DECLS
