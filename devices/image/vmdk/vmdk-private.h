/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"
#include "devices/image/vmdk/vmdk-descriptor.h"

G_BEGIN_DECLS

/*
 * VMDK, from VMware's "Virtual Disk Format 5.0" (VDF below). vmdk.c puts a disk together from its descriptor
 * and its extents, vmdk-sparse.c keeps grain tables, vmdk-stream.c compressed streams, vmdk-create.c makes
 * new disks, vmdk-check.c checks them.
 */

#define VMDK_SECTOR 512u
#define VMDK_GTES   512u /* entries of a grain table; VDF, "Hosted Sparse Extents" */
#define VMDK_GRAIN  128u /* sectors, of new disks */

/* Sectors of a disk in one sparse file: entries of 32 bits lead to it and to its tables. */
#define VMDK_MAX_SPARSE UINT64_C (0xff000000)

/* SparseExtentHeader, packed, little-endian. */
enum {
  VMDK_H_MAGIC = 0,
  VMDK_H_VERSION = 4,
  VMDK_H_FLAGS = 8,
  VMDK_H_CAPACITY = 12,
  VMDK_H_GRAIN = 20,
  VMDK_H_DESCRIPTOR = 28,
  VMDK_H_DESCRIPTOR_SIZE = 36,
  VMDK_H_GTES = 44,
  VMDK_H_RGD = 48,
  VMDK_H_GD = 56,
  VMDK_H_OVERHEAD = 64,
  VMDK_H_UNCLEAN = 72,
  VMDK_H_NEWLINES = 73, /* \n, blank, \r, \n */
  VMDK_H_COMPRESSION = 77,
  VMDK_H_SIZE = 512,
};

#define VMDK_MAGIC     UINT32_C (0x564d444b) /* "KDMV" */
#define VMDK_GD_AT_END UINT64_MAX            /* gdOffset: the footer has it */
#define VMDK_GTE_ZERO  1u                    /* reads as zeroes, with VMDK_FLAG_ZEROED */

enum {
  VMDK_FLAG_NEWLINES = 1u << 0,
  VMDK_FLAG_REDUNDANT = 1u << 1,
  VMDK_FLAG_ZEROED = 1u << 2,
  VMDK_FLAG_COMPRESSED = 1u << 16,
  VMDK_FLAG_MARKERS = 1u << 17,
};

enum {
  VMDK_MARKER_EOS = 0,
  VMDK_MARKER_GT = 1,
  VMDK_MARKER_GD = 2,
  VMDK_MARKER_FOOTER = 3,
};

#define VMDK_COMPRESSION_DEFLATE 1u

typedef struct {
  unsigned pins; /* places that are under way */
  bool dirty;
  bool used;       /* since the clock's hand came by */
  uint32_t fresh;  /* sector of a table that no directory has yet; 0: it has */
  uint32_t rfresh; /* of its copy */
  uint32_t entries[];
} VmdkTable;

typedef struct {
  uint32_t sector;
  bool zeroed; /* punched */
} VmdkHole;

/* A sparse extent's file. */
typedef struct {
  ImageStore *store;
  uint8_t header[VMDK_H_SIZE];
  uint32_t version, flags;
  uint64_t capacity;       /* sectors */
  uint32_t grain;          /* sectors */
  uint32_t gtes;           /* entries of a table */
  uint64_t gd_at, rgd_at;  /* sectors; rgd_at 0: none */
  uint64_t grains;         /* of the disk's part */
  uint32_t n_gd, n_loaded; /* tables; of them in memory */
  uint32_t hand;
  uint32_t *gd, *rgd; /* sectors of tables; rgd NULL: none */
  VmdkTable **tables;
  GArray *dirty;  /* of uint32_t: indices */
  GArray *freed;  /* of VmdkHole: used again after the next flush */
  GArray *holes;  /* of VmdkHole: may be used */
  uint64_t end;   /* sector after all that is in use, a multiple of the grain */
  uint64_t whole; /* grains that begin before this sector end before it, or the file was cut off */
  bool unclean;   /* the file says so */
  bool unclean_found;
  bool gd_lost;   /* the header's gdOffset is bad; the redundant one is used */
  bool unsettled; /* the file may show another header than @header: vmdk_sparse_confirm */
} VmdkSparse;

typedef struct {
  VmdkAccess access;
  VmdkExtentKind kind;
  uint64_t start, length; /* of the disk, bytes */
  ImageStore *store;      /* ZERO: NULL */
  uint64_t offset;        /* FLAT: bytes */
  VmdkSparse *sparse;     /* SPARSE */
} VmdkExtent;

/* An export in progress. */
typedef struct {
  uint64_t at;   /* sector of the next marker */
  uint64_t next; /* the first grain that may still come */
  int64_t table; /* whose entries are gathered, and which is pinned; -1: none */
  bool touched;  /* something was written, or has to be, since the tail was */
} VmdkStream;

typedef struct {
  VmdkDescriptor *descriptor;
  bool embedded;
  ImageStore *descriptor_store; /* owned; NULL: layer->store */
  uint64_t text_at, text_size;  /* room for the text in the store, bytes */
  char *text;                   /* as the store has it */
  VmdkExtent *extents;
  unsigned n_extents;
  bool has_parent;
  uint32_t next_cid;  /* with the next change; 0: any new one */
  uint64_t unfixed;   /* corruptions that the last check left */
  VmdkStream *stream; /* NULL: none is written */
} Vmdk;

/* --- vmdk-sparse.c --- */

/* Reads header and directories. @where names the file. NULL with @error naming the field. */
VmdkSparse *vmdk_sparse_open (ImageStore *store, bool lenient, GError **error);
void vmdk_sparse_free (VmdkSparse *sparse);

/* Table @index in @table, or NULL if there is none. 0 or -errno. */
int vmdk_sparse_table (VmdkSparse *sparse, uint32_t index, bool may_block, VmdkTable **table);
/* Of the file. */
uint64_t vmdk_sparse_sectors (const VmdkSparse *sparse);
/* Whether the entries of a table lie inside the file. */
bool vmdk_sparse_table_fits (const VmdkSparse *sparse, uint32_t sector);
uint32_t vmdk_sparse_table_sectors (const VmdkSparse *sparse);
void vmdk_sparse_set_dirty (VmdkSparse *sparse, uint32_t index);
/* An empty one in memory. */
VmdkTable *vmdk_sparse_add_table (VmdkSparse *sparse, uint32_t index);
/* Gives table @index a new place. */
int vmdk_sparse_new_table (VmdkSparse *sparse, uint32_t index, VmdkTable **table);
int vmdk_sparse_write_header (VmdkSparse *sparse);
int vmdk_read_u32 (ImageStore *store, uint64_t offset, uint32_t *entries, size_t n);
int vmdk_write_u32 (ImageStore *store, uint64_t offset, const uint32_t *entries, size_t n);
void vmdk_header_fill (uint8_t *header, uint32_t version, uint32_t flags, uint64_t capacity);

/* --- vmdk-grains.c --- */

/* As ImageFormat's, of one extent; @offset from its start. @below: there is a
 * parent. */
int vmdk_sparse_map (VmdkSparse *sparse, uint64_t offset, uint64_t length, bool may_block,
                     LayerExtent *extent);
int vmdk_sparse_place (VmdkSparse *sparse, uint64_t offset, uint64_t length, bool may_block,
                       ImagePlace *place);
void vmdk_sparse_link (VmdkSparse *sparse, uint64_t offset, uint64_t length, uint32_t sector);
void vmdk_sparse_unplace (VmdkSparse *sparse, uint64_t offset, uint64_t length, uint32_t sector);
int vmdk_sparse_unmap (VmdkSparse *sparse, uint64_t offset, uint64_t length, UnmapKind kind, bool below,
                       bool may_block);
bool vmdk_sparse_is_dirty (const VmdkSparse *sparse);
int vmdk_sparse_flush (VmdkSparse *sparse);   /* the data is synced */
void vmdk_sparse_settle (VmdkSparse *sparse); /* at close: clears the unclean mark */

/* --- vmdk-grow.c --- */

bool vmdk_sparse_grow (VmdkSparse *sparse, uint64_t sectors, GError **error);
/* Before tables change: puts the header right if writing one that leads to longer directories failed. Both
 * are right until then. 0 or -errno. */
int vmdk_sparse_confirm (VmdkSparse *sparse, bool may_block);

/* --- vmdk-stream.c --- */

/* The grain whose marker or code lies at @offset. @out: a grain. */
int vmdk_stream_decode (const VmdkSparse *sparse, uint64_t offset, uint8_t *out);
/* A grain's marker: its sector of the disk and the size of its code. -EIO: it can't be one. */
int vmdk_stream_marker (const VmdkSparse *sparse, uint64_t offset, uint64_t *lba, uint32_t *size);
/* Of a stream without any grain; NULL: it has some. */
VmdkStream *vmdk_stream_new (VmdkSparse *sparse);
int vmdk_stream_compress (const VmdkSparse *sparse, const uint8_t *data, uint8_t *code);
int vmdk_stream_write (VmdkStream *stream, VmdkSparse *sparse, uint64_t grain, const uint8_t *code,
                       size_t size);
/* Tables, directory, footer and end marker after what is there. */
int vmdk_stream_finish (VmdkStream *stream, VmdkSparse *sparse);
/* The same for a new file: header, descriptor and an empty stream. */
int vmdk_stream_create (ImageStore *store, const uint8_t *header, const char *text);

/* --- vmdk-text.c: the descriptor in its file --- */

/* What @store's descriptor says, into @vmdk. */
bool vmdk_load_descriptor (Vmdk *vmdk, ImageStore *store, GError **error);
/* Puts the changed descriptor into its file: durable and atomic. */
int vmdk_store_descriptor (ImageLayer *layer);
void vmdk_new_cid (VmdkDescriptor *descriptor);
bool vmdk_expect_change (ImageLayer *layer, ImageLayer *below, GError **error);
bool vmdk_expects (const Vmdk *vmdk, const Vmdk *parent);
bool vmdk_set_backing (ImageLayer *layer, const char *path, const char *format, GError **error);
/* The CID of the disk at @path, which is seen from @folder. */
bool vmdk_parent_cid (const char *folder, const char *path, uint32_t *cid, GError **error);

/* --- vmdk-extents.c --- */

/* Opens every extent's file. */
bool vmdk_open_extents (ImageLayer *layer, const ImageOptions *options, GError **error);
VmdkExtent *vmdk_extent_at (const Vmdk *vmdk, uint64_t offset);
bool vmdk_resize (ImageLayer *layer, uint64_t size, GError **error);

/* --- vmdk.c --- */

int vmdk_flush (ImageLayer *layer);

/* --- vmdk-create.c, vmdk-check.c --- */

bool vmdk_create (ImageStore *store, const ImageCreateOptions *options, GError **error);
bool vmdk_check (ImageLayer *layer, ImageCheck *check, GError **error);

G_END_DECLS
