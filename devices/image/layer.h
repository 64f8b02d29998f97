/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "devices/image/store.h"

G_BEGIN_DECLS

/*
 * A layer is one image file of a chain; an ImageFormat says where in the file a range of the disk lies,
 * finds room for what is new, and keeps its metadata in crash order. It moves no data: that the core does,
 * for all formats alike, straight between the store and the guest's memory wherever the place is known.
 *
 *   read    the core's merged extent map → store; what the map does not know yet: format->map
 *   write   allocated: to the store. New: format->place, data to the store, format->link
 *   flush   format->flush (metadata in order, with store_sync between), or a mere sync while nothing is dirty
 *
 * Threading: a format contains no lock code. map, place, link, unplace, unmap, flush, resize, set_backing,
 * describe are called with the layer's lock held, from any thread. decode and crypt are called without it,
 * several at a time, for ranges that stay where they are meanwhile. open, close, create, check: one caller,
 * nobody else uses the layer.
 *
 * Blocking: a format uses the store's blocking functions. map, place and unmap get @may_block; without it
 * they return -EAGAIN, with nothing changed, where they would have to wait for the store (a table that is not
 * cached); the core then asks again from a worker. link never waits and never fails: place has
 * whatever it needs in memory.
 *
 * Crash order: what flush promised is never lost. A cluster that unmap or a rewrite freed is not used again,
 * and not punched, before a flush has made the freeing durable. A table entry reaches the store only after
 * the data, and the reference count, that it promises are synced. Between flushes the store may hold leaks,
 * never lies.
 */
typedef struct ImageLayer ImageLayer;
typedef struct ImageFormat ImageFormat;

typedef enum {
  EXTENT_ABSENT,  /* the layer says nothing: the one below decides, or zeroes */
  EXTENT_ZERO,    /* reads as zeroes */
  EXTENT_DATA,    /* bytes at @offset of @store; encrypted ones if the layer is */
  EXTENT_ENCODED, /* a compressed cluster: decode gives it */
} ExtentKind;

typedef struct {
  ExtentKind kind;
  bool writable;      /* DATA: may be overwritten in place */
  uint64_t length;    /* of the disk, from the offset asked for: 1 .. what was asked. Longer is quicker */
  ImageStore *store;  /* DATA, ENCODED */
  uint64_t offset;    /* DATA: of the first byte asked for. ENCODED: of the code of the cluster around it */
  uint64_t code_size; /* ENCODED: bytes of the code */
} LayerExtent;

/* Room for new data: whole clusters [offset, offset + length) of the disk (the last may reach beyond its
 * end). */
typedef struct {
  uint64_t offset, length;
  ImageStore *store;
  uint64_t store_offset;
  bool zeroed;     /* reads as zeroes as it is: the core need not fill around a small write */
  uint64_t tag[2]; /* the format's */
} ImagePlace;

typedef enum {
  UNMAP_DISCARD, /* content may become anything that was there before, or zeroes: space is what counts */
  UNMAP_ZERO,    /* content must read as zeroes, whatever lies below */
  UNMAP_ABSENT,  /* the layer below shows through again: its content is the same (commit) */
} UnmapKind;

#define IMAGE_CODE_ROOM(cluster) ((cluster) + (cluster) / 16 + 64) /* for a code that doesn't get smaller */

#define IMAGE_PROBE_SIZE 512u /* bytes of a file's head and of its tail that a probe sees */

typedef struct {
  const uint8_t *head, *tail; /* IMAGE_PROBE_SIZE each, zeroes where the file is shorter */
  uint64_t size;
} ImageProbe;

struct ImageLayer {
  const ImageFormat *format;
  ImageStore *store; /* the file that was opened; the layer owns it */
  GPtrArray *stores; /* of ImageStore: more files (VMDK extents), owned; or NULL. Final after open */

  /* Set by open. */
  uint64_t size;    /* of the disk, bytes, a multiple of 512 */
  unsigned cluster; /* unit of place and unmap, bytes, a power of two */
  unsigned granule; /* unit of map and link: a power of two, 512..cluster */
  bool identity;    /* raw: all is DATA, writable, at the same offset of @store. map, place, link are NULL */
  bool encrypted;   /* all DATA goes through crypt */
  char *backing_path;   /* as the file says it; NULL: none */
  char *backing_format; /* NULL: the file doesn't say */

  bool read_only;
  bool lenient; /* opened for check or info: damage that check can name is no reason to refuse, and nothing is
                   repaired on open */
  bool dirty;   /* set by the format: metadata in memory is newer than the store's. Cleared by flush */
  uint64_t below; /* set by the core before resize: how long the disk below is, bytes; 0: nothing is below */
  void *state;    /* the format's */

  /* private to the core */
  GMutex lock;
  char *resolved_backing;
  struct DecodedClusters *decoded; /* NULL: the format knows no compressed ones */
  int begun;                       /* atomic: begin_writing was called, or there is none */
};

struct ImageFormat {
  const char *name;                        /* as people write it: "qcow2" */
  const char *suffix;                      /* of new files: ".qcow2" */
  bool (*probe) (const ImageProbe *probe); /* raw: NULL */

  /* Reads headers and what else must be known; every field is checked, no allocation follows an unchecked one
   * (a table of more than 64 MiB is refused unless the format says why). Repairs an image that says it
   * is dirty, unless read_only or lenient. Returns false with @error naming the file, the field and its
   * value. */
  bool (*open) (ImageLayer *layer, const ImageOptions *options, GError **error);
  void (*close) (ImageLayer *layer); /* flushed before if that was possible; marks the image clean */

  /* May be NULL. The layer below is open: whether it is the one that this layer was made on (identifiers that
   * differ: someone changed it meanwhile). Called after open, before anything else; not when lenient. */
  bool (*check_backing) (ImageLayer *layer, ImageLayer *below, GError **error);

  /* May be NULL. @below, which this layer lies on, is about to be changed for the first time since it was
   * opened, and that is meant (a commit): from now on check_backing takes it for the right one, be it changed
   * already or not. set_backing ends that. Layer's lock held; blocking; durable when it returns. */
  bool (*expect_change) (ImageLayer *layer, ImageLayer *below, GError **error);

  /* May be NULL. Once, before the first change of the disk's content since open (a write into an allocated
   * cluster counts): new content identifier, dirty mark. Layer's lock held; blocking, so from a worker. 0 or
   * -errno: the change is not made, and the next one calls again. */
  int (*begin_writing) (ImageLayer *layer);

  /* 0 or -errno (-EAGAIN: see above; -EIO: damaged metadata, traced). [offset, offset + length) lies in the
   * disk, length > 0. */
  int (*map) (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent);

  /* Finds room for the clusters around [offset, offset + length), at least the first. Granules of them that
   * are already the layer's own and writable are not asked for. -ENOSPC as the store says it. */
  int (*place) (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place);
  /* The data of [offset, offset + length), whole granules within @place, is in the store: show it. */
  void (*link) (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length);
  /* The data could not be written, or all that was to be linked is: the room that isn't linked is free again.
   * Called once for each place. */
  void (*unplace) (ImageLayer *layer, const ImagePlace *place);

  /* Whole clusters (the last one of the disk may be cut). -EOPNOTSUPP: the format can't; the core writes
   * zeroes. May be NULL. */
  int (*unmap) (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block);

  int (*flush) (ImageLayer *layer); /* NULL: store_sync of all stores is enough */

  /* ENCODED: the whole cluster's plain bytes into @out (layer->cluster bytes). The core keeps the last few.
   */
  int (*decode) (ImageLayer *layer, const LayerExtent *extent, uint8_t *out);
  /* In place, whole 512-byte sectors that lie at @store_offset. */
  int (*crypt) (ImageLayer *layer, uint64_t store_offset, uint8_t *data, size_t length, bool encrypt);
  /* Writing compressed clusters. Both NULL: the format can't.
   * compress: the code of one cluster (@data: layer->cluster bytes) into @code (room for
   * IMAGE_CODE_ROOM of it). Without the layer's lock, several at a time. Its size, -E2BIG: does not get
   * smaller, -EOPNOTSUPP: this image can't. write_code: stores a code for the cluster at @offset, which was
   * never written, and links it. Blocking, with the layer's lock. Formats that are streams (streamOptimized)
   * take clusters in ascending order only, -ESPIPE otherwise, and have no place; their compress never says
   * -E2BIG. */
  int (*compress) (ImageLayer *layer, const uint8_t *data, uint8_t *code);
  int (*write_code) (ImageLayer *layer, uint64_t offset, const uint8_t *code, size_t size);

  /* Blocking; durable when it returns. What the disk grows by reads as zeroes, whatever lies @below or lay
   * there before it once shrank; the core has written the last sector anew if that ends within a cluster. */
  bool (*resize) (ImageLayer *layer, uint64_t size, GError **error);
  /* Both NULL: none. Durable and atomic when it returns. */
  bool (*set_backing) (ImageLayer *layer, const char *path, const char *format, GError **error);
  void (*describe) (ImageLayer *layer, ImageInfo *info);                /* adds what only the format knows */
  bool (*check) (ImageLayer *layer, ImageCheck *check, GError **error); /* see image_check */
  /* NULL: knows no passphrases. See image_change_secret. Without the layer's lock, one caller at a time. */
  bool (*change_secret) (ImageLayer *layer, const ImageSecret *old_secret, const ImageSecret *new_secret,
                         unsigned milliseconds, ImageKeys *keys, GError **error);
  bool (*shred) (ImageLayer *layer, GError **error); /* NULL with change_secret. See image_shred */
  /* NULL with change_secret. @other: of this format, unlocked. See image_adopt_secrets */
  bool (*adopt_secrets) (ImageLayer *layer, const ImageLayer *other, GError **error);
  void (*lend_key) (const ImageLayer *layer,
                    ImageKeys *keys); /* NULL with change_secret. See image_lend_keys */
  GBytes *(*read_key_header) (ImageLayer *layer, GError **error); /* NULL with change_secret */

  /* Writes a new, empty image to @store (an empty file) and syncs it. @options->size is checked to be a
   * multiple of 512. NULL: the format is read, not made. */
  bool (*create) (ImageStore *store, const ImageCreateOptions *options, GError **error);
};

extern const ImageFormat image_raw, image_qcow2, image_vhd, image_vhdx, image_vmdk, image_vdi;

/* By name (any case), or NULL. */
const ImageFormat *image_format_find (const char *name);

/* For a format's check: tells @check's owner of a finding, in one sentence. */
G_GNUC_PRINTF (2, 3) void image_check_found (ImageCheck *check, const char *format, ...);

/* For tests and tools: as image_open, on a store that is already open (transfer full, also on failure).
 * Backing files are opened by path. */
Image *image_open_store (EventLoop *loop, ImageStore *store, const ImageOptions *options, GError **error);

G_END_DECLS
