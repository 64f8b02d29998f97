/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/* A folder for a VMDK disk, and what its tests do again and again. Whatever goes wrong ends the test. */

#define MIB     (UINT64_C (1) << 20)
#define GRAIN   65536u
#define PATTERN (200u * 1024)

typedef struct {
  char *folder, *path; /* of the disk */
  EventLoop *loop;
  uint8_t *bytes, *seen; /* PATTERN: what is written, what is read */
} VmdkFixture;

void vmdk_fixture_setup (VmdkFixture *f, gconstpointer data);
void vmdk_fixture_teardown (VmdkFixture *f, gconstpointer data);

char *vmdk_fixture_path (const VmdkFixture *f, const char *name);

/* The disk at @path of @f. @subformat NULL: the default. */
void vmdk_fixture_create (const VmdkFixture *f, const char *subformat, uint64_t size);
Image *vmdk_fixture_open (const VmdkFixture *f, const char *path, bool read_only);
/* It is not opened; @words: what the error must say, up to a NULL. */
void vmdk_fixture_refuses (const VmdkFixture *f, const char *path, bool read_only, const char *const *words);
/* What is found, corruptions and leaks. @repaired: (nullable). */
uint64_t vmdk_fixture_check (const VmdkFixture *f, bool repair, uint64_t *repaired);
/* What image_info calls @name, or NULL. */
char *vmdk_fixture_detail (const VmdkFixture *f, const char *name);

/* The pattern is written, is read, zeroes are read at @offset. */
void vmdk_fixture_put (const VmdkFixture *f, Image *image, uint64_t offset);
void vmdk_fixture_has (const VmdkFixture *f, Image *image, uint64_t offset);
void vmdk_fixture_is_zero (const VmdkFixture *f, Image *image, uint64_t offset);

/* Runs qemu-img, which must go well. */
void vmdk_fixture_peer (const char *verb, ...) G_GNUC_NULL_TERMINATED;

/* Behind everyone's back. */
void vmdk_fixture_edit (const char *path, uint64_t offset, const void *data, size_t size);
void vmdk_fixture_edit32 (const char *path, uint64_t offset, uint32_t value);
uint32_t vmdk_fixture_peek32 (const char *path, uint64_t offset);

G_END_DECLS
