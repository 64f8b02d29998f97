/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * Image: a virtual disk's content, whatever its format. Asynchronous: requests are served by an
 * EventLoop, their @done runs on that loop's thread and never inside image_submit.
 *
 * Threading: image_open: any thread. image_submit: any thread. What formats do: see layer.h.
 */
typedef struct Image Image;
typedef struct ImageRequest ImageRequest;

#define IMAGE_SECTOR_SIZE 512u /* image_size is a multiple of it */

typedef enum {
  IMAGE_READ,
  IMAGE_WRITE,
  IMAGE_FLUSH,        /* everything that completed before is on stable storage */
  IMAGE_DISCARD,      /* content becomes undefined or zero; space may be given back */
  IMAGE_WRITE_ZEROES, /* content becomes zero; with may_unmap space may be given back */
  IMAGE_PULL,         /* for jobs, see chain.h; content stays as it is */
  IMAGE_DRAIN,
} ImageRequestKind;

typedef void (*ImageDoneFunc) (ImageRequest *request, int error);

/* Owned by the caller, alive until @done. All in bytes. @done gets 0 or a negative errno; partial transfers
 * are continued inside. Need not be aligned; @length may be 0. A request that leaves the image gets -EINVAL,
 * a change to a read-only image -EROFS, a disk without room -ENOSPC, a file that lost its end -EIO. */
struct ImageRequest {
  ImageRequestKind kind;
  bool may_unmap;
  unsigned layer; /* of IMAGE_PULL and IMAGE_DRAIN */
  uint64_t offset;
  uint64_t length; /* sum of @iov for reads and writes */
  const struct iovec *iov;
  unsigned n_iov;
  ImageDoneFunc done;
  void *data;
  /* private */
  Image *image;
  ImageRequest *next; /* in whichever queue it waits */
  GList held;         /* its range among those under way: see ranges.h */
  uint64_t first, end;
  unsigned n_blockers;
  bool exclusive;
  bool carried_out;  /* but for write_through's flush */
  uint64_t progress; /* bytes that the fast path has dealt with */
  void *batch;       /* what it is at */
  int result;
  StoreIo io;
};

/* A passphrase. Never from a command line; wiped by its owner after use. */
typedef struct {
  const uint8_t *data;
  size_t length;
} ImageSecret;

/*
 * Keys of encrypted images that were derived during one piece of work, which takes seconds each, by design:
 * who opens an image again with the same passphrase, to verify or to name a backing file, need not derive it
 * again. In memory that isn't swapped, wiped when it is freed. Any thread.
 */
typedef struct ImageKeys ImageKeys;

ImageKeys *image_keys_new (void);
ImageKeys *image_keys_ref (ImageKeys *keys); /* one more that calls image_keys_free */
void image_keys_free (ImageKeys *keys);      /* the last one wipes them. NULL is ignored */

typedef struct {
  bool read_only;
  bool exclusive_lock; /* OFD locks: writing on the top layer, shared on those below; a second opener gets
                          VMM_ERROR_BUSY. Read-only: shared locks */
  const char *format;  /* (nullable): a format's name ("raw"); NULL looks at the content, and never takes for
                          raw  what a guest could have written a format's magic to: see image_open */
  bool direct;         /* O_DIRECT: no page cache of the host */
  bool write_through;  /* every write is stable when it is done */
  bool unsafe;         /* flushes do nothing: for throw-away disks */
  bool no_discard;     /* discards do nothing */
  bool no_backing;     /* the top layer alone: what it does not hold reads as zeroes */
  bool lenient;        /* for info and check: opens damaged images as far as it goes, repairs nothing */
  bool locked;         /* encrypted layers may stay locked: what they hold can't be read then (-EACCES) */
  const ImageSecret *secret; /* (nullable): of an encrypted image */
  ImageKeys *keys;           /* (nullable): while the image is opened. Without @secret: see image_lend_keys */
  const struct ImageLayer *kin; /* private: an unlocked layer, whose key may be this one's */
} ImageOptions;

/* Opens @path. Errors name the path, the cause (missing, directory, FIFO, no permission, in use, a format
 * that can't be used) and the remedy. Requests are served by @loop, which must outlive the image. Returns:
 * (transfer full). */
Image *image_open (EventLoop *loop, const char *path, const ImageOptions *options, GError **error);

/* Waits for the requests under way and closes. On any thread that holds no lock that their @done takes; not
 * from a @done. NULL is ignored. */
void image_close (Image *image);

uint64_t image_size (const Image *image); /* bytes, a multiple of IMAGE_SECTOR_SIZE */
bool image_is_read_only (const Image *image);
const char *image_path (const Image *image);
const char *image_format_name (const Image *image);
unsigned
image_block_size (const Image *image); /* what the host likes best, bytes: a power of two, 512..65536 */

void image_submit (Image *image, ImageRequest *request);

/* For tools: runs one request and waits. Not from the loop's thread. Returns 0 or -errno. */
int image_run (Image *image, ImageRequestKind kind, uint64_t offset, void *buffer, uint64_t length);

/* What was transferred since it was opened, by requests that succeeded. Zeroes are requests without bytes.
 * Any thread.
 */
typedef struct {
  uint64_t reads, read_bytes;
  uint64_t writes, written_bytes;
} ImageCounters;

void image_get_counters (const Image *image, ImageCounters *counters);

/* --- limits --- */

/* Per second, and how many may go at once after idleness. 0: no limit; a burst of a tenth of a second's
 * worth. Flushes are free, discards and zeroes count as requests without bytes. */
typedef struct {
  uint64_t iops, iops_burst;
  uint64_t bytes_per_second, bytes_burst;
} ImageLimits;

/* From now on, also for what waits already. Any thread. */
void image_set_limits (Image *image, const ImageLimits *limits);

/* Lets all go that waits because of the limits: the machine is to stand still. Any thread. */
void image_let_through (Image *image);

/* --- extents --- */

typedef struct {
  uint64_t offset, length; /* of the disk, bytes */
  bool data;               /* false: reads as zeroes without looking anywhere */
  bool encoded;            /* compressed or encrypted: @host_offset is no plain data */
  unsigned depth;   /* which layer holds it; 0: the top. Zeroes that no layer holds: the number of layers */
  const char *path; /* the file that holds it, or NULL */
  uint64_t host_offset; /* where in @path, or UINT64_MAX */
} ImageExtent;

/* What lies at @offset, as long as it is of one kind, at most @length bytes. Blocking. 0 or -errno. */
int image_extent (Image *image, uint64_t offset, uint64_t length, ImageExtent *extent);

/* --- size --- */

/* Grows (or, with nothing using it, shrinks) the disk; durable when it returns. Shrinking drops what lies
 * beyond the new end, in every format; VMM_ERROR_UNSUPPORTED from those that can't (sparse VMDK, differencing
 * VHD). To ask whether that is meant is the caller's. Blocking, not from the loop's thread. Growing is fine
 * on an image in use: whoever called image_on_resize is told. */
bool image_resize (Image *image, uint64_t size, GError **error);

/* @func runs on the loop's thread after the size changed, before image_resize returns; it may use the image.
 * One at a time; NULL ends it: at once on the loop's thread, and while nobody resizes. */
void image_on_resize (Image *image, void (*func) (Image *image, void *data), void *data);

/* --- what a file says of itself --- */

typedef struct {
  char *id, *name;
  uint64_t size;       /* of the disk then */
  uint64_t state_size; /* bytes of saved machine state; 0: none */
  int64_t time;        /* seconds since 1970 */
} ImageSnapshot;

typedef struct {
  char *path, *format, *subformat; /* subformat: "dynamic", "streamOptimized", … or NULL */
  uint64_t size;                   /* bytes of the disk */
  uint64_t allocated;              /* bytes on the host, all its files */
  uint64_t file_size;
  unsigned cluster_size; /* 0: none */
  bool encrypted, dirty, corrupt;
  char *backing_path, *backing_format; /* as the file says; or NULL */
  char *backing_resolved;              /* the path that is opened for it, or NULL */
  GPtrArray *snapshots;                /* of ImageSnapshot */
  GPtrArray *details; /* of char *: name, value, name, value …: what only this format has */
} ImageInfo;

/* Of layer @depth (0: the top). Blocking. (transfer full) */
ImageInfo *image_info (Image *image, unsigned depth);
void image_info_detail (ImageInfo *info, const char *name, const char *format, ...) G_GNUC_PRINTF (3, 4);
void image_info_free (ImageInfo *info);
unsigned image_n_layers (Image *image);

/* --- check and repair --- */

typedef struct {
  /* in */
  bool repair;
  GCancellable *cancellable;                                    /* (nullable) */
  void (*progress) (uint64_t done, uint64_t total, void *data); /* (nullable) */
  void (*finding) (const char *text, void *data); /* (nullable): one sentence for each thing found */
  void *data;
  /* out */
  uint64_t corruptions, leaks; /* found; clusters or entries */
  uint64_t repaired;           /* of them */
  uint64_t allocated_clusters, total_clusters, compressed_clusters, fragmented_clusters;
  uint64_t image_end; /* bytes of the file that are in use */
} ImageCheck;

/* Checks the top layer, which was opened lenient (and writable to repair). Blocking. False: it could not be
 * checked to the end; what is found is no error. */
bool image_check (Image *image, ImageCheck *check, GError **error);

/* --- passphrases --- */

/* Of the top layer, which was opened with a passphrase, to write. With both, @new_secret takes the place of
 * @old_secret; with @old_secret NULL it is one more (up to eight); with @new_secret NULL @old_secret opens
 * the disk no more, unless it is the last. What the disk holds stays as it is. Blocking, some seconds;
 * durable when it returns. @milliseconds: as in ImageCreateOptions. @keys (nullable): with which
 * the image was opened. One caller at a time; fine on an image in use. */
bool image_change_secret (Image *image, const ImageSecret *old_secret, const ImageSecret *new_secret,
                          unsigned milliseconds, ImageKeys *keys, GError **error);

/* The top layer of @image is opened by all passphrases that open that of @other, and by no others: layers of
 * one disk, whose key is the same (ImageCreateOptions: same_key); nothing is done to others. @other is
 * unlocked, @image open to be written and @locked. Blocking; durable when it returns. */
bool image_adopt_secrets (Image *image, Image *other, GError **error);

/* @keys gets what opens @image's layers, for who opens them again, or layers with the same key, without a
 * passphrase. Any thread. */
void image_lend_keys (Image *image, ImageKeys *keys);

/* Destroys the key of the top layer, which is encrypted and was opened lenient, to write: what it holds can't
 * be read any more by anybody, whatever passphrase they know. Blocking; durable and verified when it returns.
 */
bool image_shred (Image *image, GError **error);

/* --- new images --- */

typedef struct {
  const char *format;    /* "qcow2" */
  const char *subformat; /* (nullable): "fixed", "dynamic", "differencing", "monolithicSparse", … */
  uint64_t size;         /* bytes, a multiple of 512; 0 with a backing file: its size */
  const char *backing_path, *backing_format; /* (nullable); the format must be given with the path */
  unsigned cluster_size;                     /* bytes; 0: the format's best */
  bool extended_l2, lazy_refcounts;          /* qcow2 */
  unsigned version;                          /* qcow2: 2 or 3; 0: 3 */
  const char *compression;                   /* (nullable): "zlib" or "zstd" */
  const char *preallocation;                 /* (nullable): "off", "metadata", "full" */
  const ImageSecret *secret;                 /* (nullable): encrypts */
  bool same_key; /* encrypted if the backing file is: with its key, and opened by its passphrases, of which
                    none is needed */
  GBytes *key_header;           /* private: what @same_key comes to */
  ImageKeys *keys;              /* (nullable): get the new key */
  unsigned secret_milliseconds; /* processor time that each guess at the passphrase takes; 0: 2000 */
  const char *stem; /* (nullable): how the names of further files begin, if the format has some; NULL: as the
                       image's own */
} ImageCreateOptions;

/* Makes a new image; refuses to overwrite; leaves nothing behind when it fails. Blocking. */
bool image_create (const char *path, const ImageCreateOptions *options, GError **error);

/* Makes a sparse raw file of @size bytes; refuses to overwrite. */
bool image_create_raw (const char *path, uint64_t size, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Image, image_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImageKeys, image_keys_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImageInfo, image_info_free)

G_END_DECLS
