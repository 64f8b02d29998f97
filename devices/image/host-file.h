/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

G_BEGIN_DECLS

/*
 * HostFile: a regular file or block device of the host's, opened so that nothing else can be
 * meant by its path, and locked.
 */
typedef struct {
  char *path;
  int fd;          /* -1: closed */
  int buffered_fd; /* with O_DIRECT: for what isn't aligned; else -1 */
  bool read_only;
  bool is_block_device;
  uint64_t size;       /* bytes, when it was opened */
  unsigned block_size; /* power of two, 512..65536 */
  unsigned alignment;  /* of what goes by @fd: 1 without O_DIRECT */
  /* Writes only copy into memory, as a rule, but the file system can't promise io_uring that they don't wait.
   */
  bool writes_are_brief;
} HostFile;

/**
 * host_file_open:
 * @options: read_only: open for reading; a shared lock if @lock. lock: take an OFD lock; others that ask for
 * a contradicting one get VMM_ERROR_BUSY. direct: O_DIRECT, where the file system can
 *
 * Refuses folders, FIFOs, sockets, character devices without opening them (which could block, or rewind
 * a tape). Returns: false with @error naming path, cause and remedy; @file is then closed.
 */
bool host_file_open (HostFile *file, const char *path, const StoreOptions *options, GError **error);

/* A new, empty, locked file; refuses to overwrite. */
bool host_file_create (HostFile *file, const char *path, GError **error);

/* Exchanges the OFD lock for another one. */
bool host_file_lock (HostFile *file, StoreLock lock, GError **error);

void host_file_close (HostFile *file);

/* The descriptor for a transfer of @iov at @offset: O_DIRECT wants all of it aligned. */
int host_file_fd (const HostFile *file, uint64_t offset, const struct iovec *iov, unsigned n_iov);

G_END_DECLS
