/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * HostFile: a regular file or block device of the host's, opened so that nothing else can be
 * meant by its path, and locked.
 */
typedef struct {
  char *path;
  int fd; /* -1: closed */
  bool read_only;
  bool is_block_device;
  uint64_t size;       /* bytes, when it was opened */
  unsigned block_size; /* power of two, 512..65536 */
} HostFile;

/**
 * host_file_open:
 * @read_only: open for reading; a shared lock if @lock
 * @lock: take an OFD lock: others that ask for a contradicting one get VMM_ERROR_BUSY
 *
 * Refuses directories, FIFOs, sockets, character devices without opening them (which could block, or rewind
 * a tape). Returns: false with @error naming path, cause and remedy; @file is then closed.
 */
bool host_file_open (HostFile *file, const char *path, bool read_only, bool lock, GError **error);
void host_file_close (HostFile *file);

G_END_DECLS
