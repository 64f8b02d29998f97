/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

G_BEGIN_DECLS

/*
 * Medium: sparse bytes in memory (a memfd) that outlive the stores on them.
 * Threading: medium_ref and medium_unref: any thread. The others: one user, or users that agree.
 */
typedef struct Medium Medium;

/* @limit: bytes; what would make it longer fails with -ENOSPC. (transfer full) */
Medium *medium_new (uint64_t limit);
Medium *medium_new_from (const void *data, size_t size, uint64_t limit);
Medium *medium_new_from_file (const char *path, uint64_t limit);
Medium *medium_copy (const Medium *medium);
Medium *medium_ref (Medium *medium);
void medium_unref (Medium *medium);

uint64_t medium_size (const Medium *medium);
uint64_t medium_allocated (const Medium *medium);

/* A path that other programs can open for as long as the medium lives. */
const char *medium_path (const Medium *medium);

/* 0 or -errno. Reads past the end give zeroes. */
int medium_read (const Medium *medium, uint64_t offset, void *data, size_t length);
int medium_write (Medium *medium, uint64_t offset, const void *data, size_t length);
int medium_zero (Medium *medium, uint64_t offset, uint64_t length); /* what lies within its size */
int medium_resize (Medium *medium, uint64_t size);
int medium_status (const Medium *medium, uint64_t offset, uint64_t length, bool *is_data, uint64_t *end);

/* Does what @io says, and tells its store if the medium grew. */
int medium_do (Medium *medium, StoreIo *io);

/* An ImageStore on @medium, of which it holds a reference. @name: its path. (transfer full) */
ImageStore *memory_store_new (EventLoop *loop, Medium *medium, const char *name, bool read_only);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Medium, medium_unref)

G_END_DECLS
