/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/loop/loop.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * Image: a virtual disk's content, whatever its format. Asynchronous: requests are served by an
 * EventLoop, their @done runs on that loop's thread and never inside image_submit.
 *
 * Threading: image_open: any thread. image_submit: any thread. Ops of formats: see image-format.h.
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
} ImageRequestKind;

typedef void (*ImageDoneFunc) (ImageRequest *request, int error);

/* Owned by the caller, alive until @done. All in bytes. @done gets 0 or a negative errno; partial transfers
 * are continued inside. Need not be aligned; @length may be 0. A request that leaves the image gets -EINVAL,
 * a change to a read-only image -EROFS, a disk without room -ENOSPC, a file that lost its end -EIO. */
struct ImageRequest {
  ImageRequestKind kind;
  bool may_unmap;
  uint64_t offset;
  uint64_t length; /* sum of @iov for reads and writes */
  const struct iovec *iov;
  unsigned n_iov;
  ImageDoneFunc done;
  void *data;
  /* private: formats' use */
  Image *image;
  uint64_t progress;
  struct iovec *cut;
  int result;
  int stage;
  LoopIo io;
};

typedef struct {
  bool read_only;
  bool exclusive_lock; /* OFD write lock; a second opener gets VMM_ERROR_BUSY. Read-only: shared lock */
  const char *format;  /* (nullable): a format's name ("raw"); NULL looks at the content */
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

/* Makes a sparse raw file of @size bytes; refuses to overwrite. */
bool image_create_raw (const char *path, uint64_t size, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Image, image_close)

G_END_DECLS
