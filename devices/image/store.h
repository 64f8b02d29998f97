/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/loop/loop.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/*
 * ImageStore: where the bytes of an image lie: a host file, a block device, an NBD export. Formats and the
 * image core know files only through it, so that a test can put a store underneath which loses power.
 *
 * Every operation is complete or failed: short transfers are continued inside. Reads past the end give
 * zeroes; a read below @size that finds the file cut off gives -EIO. Writes past the end make a store grow
 * that is not fixed_size; what lies between reads as zeroes.
 *
 * Threading: store_submit and the blocking functions: any thread. @done: on the loop's thread, never
 * inside store_submit. Blocking functions block for as long as the medium does; never on the loop's thread of
 * a running machine.
 */
typedef struct ImageStore ImageStore;
typedef struct StoreIo StoreIo;
typedef struct ImageStoreClass ImageStoreClass;

typedef enum {
  STORE_READ,
  STORE_WRITE,
  STORE_SYNC,  /* what completed before is on stable storage */
  STORE_PUNCH, /* content becomes zero and space is given back; -EOPNOTSUPP where that can't be */
  STORE_ZERO,  /* content becomes zero, by whatever is quickest; always works. Space may stay or come */
} StoreIoKind;

typedef void (*StoreDoneFunc) (StoreIo *io, int error);

/* Owned by the caller, alive and unmoved until @done, which gets 0 or -errno. */
struct StoreIo {
  StoreIoKind kind;
  uint64_t offset, length; /* bytes; READ and WRITE: @length is the sum of @iov */
  const struct iovec *iov;
  unsigned n_iov;
  StoreDoneFunc done;
  void *data;
  /* private to the store's class */
  ImageStore *store;
  uint64_t progress;
  struct iovec *cut;
  struct RangeHold *hold;
  int stage;
  LoopIo io;
};

typedef enum {
  STORE_UNLOCKED,
  STORE_LOCK_SHARED,
  STORE_LOCK_EXCLUSIVE,
} StoreLock;

struct ImageStoreClass {
  const char *name; /* "file", "nbd" */
  void (*submit) (ImageStore *store, StoreIo *io);
  int (*run) (ImageStore *store, StoreIo *io); /* the same, blocking; @done is not called */
  int (*resize) (ImageStore *store, uint64_t size);
  uint64_t (*allocated) (ImageStore *store); /* bytes that it takes on the host; may be NULL */
  /* Where data lies (SEEK_DATA, NBD block status): whether [offset, *end) is data; may be NULL. */
  int (*status) (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end);
  bool (*lock) (ImageStore *store, StoreLock lock, GError **error); /* may be NULL: has none */
  void (*close) (ImageStore *store);                                /* nothing is under way */
};

/* The head of each class's own struct. */
struct ImageStore {
  const ImageStoreClass *klass;
  EventLoop *loop; /* NULL: only the blocking functions are used */
  char *path;      /* as people know it: a path, or a URI without secrets */
  bool read_only;
  bool fixed_size;     /* a block device, an export */
  uint64_t size;       /* bytes; grows with writes. Read it with store_size */
  unsigned block_size; /* what it likes best: a power of two, 512..65536 */
  unsigned alignment;  /* of offset, length and memory without a copy (O_DIRECT); 1: none */
  unsigned number;     /* private to the image core */
};

typedef struct {
  bool read_only;
  bool lock;   /* an OFD lock: exclusive for writing, shared for reading. A contradiction: VMM_ERROR_BUSY */
  bool direct; /* O_DIRECT: by-pass the page cache where the file system can */
} StoreOptions;

/**
 * store_open:
 * @loop: (nullable)
 * @location: a path, or an nbd:// or nbd+unix:// URI
 *
 * Refuses folders, FIFOs, sockets, character devices without opening them. Errors name the location, cause
 * and remedy. Returns: (transfer full).
 */
ImageStore *store_open (EventLoop *loop, const char *location, const StoreOptions *options, GError **error);

/* A new, empty, locked file; refuses to overwrite. (transfer full) */
ImageStore *store_create (const char *path, GError **error);

/* Exchanges the lock that @store has for another one; on failure it keeps what it has. */
bool store_lock (ImageStore *store, StoreLock lock, GError **error);

void store_close (ImageStore *store); /* NULL is ignored */
uint64_t store_size (const ImageStore *store);

void store_submit (ImageStore *store, StoreIo *io);

/* Blocking; 0 or -errno. */
int store_read (ImageStore *store, uint64_t offset, void *buffer, size_t length);
int store_write (ImageStore *store, uint64_t offset, const void *buffer, size_t length);
int store_readv (ImageStore *store, uint64_t offset, const struct iovec *iov, unsigned n_iov);
int store_writev (ImageStore *store, uint64_t offset, const struct iovec *iov, unsigned n_iov);
int store_sync (ImageStore *store);
int store_punch (ImageStore *store, uint64_t offset, uint64_t length);
int store_zero (ImageStore *store, uint64_t offset, uint64_t length);
int store_resize (ImageStore *store, uint64_t size);
uint64_t store_allocated (ImageStore *store); /* store_size where it isn't known */
int store_status (ImageStore *store, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end);

/* For classes: grows @size to @end if that lies beyond. Any thread. */
void store_grown (ImageStore *store, uint64_t end);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImageStore, store_close)

G_END_DECLS
