/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * A folder with disk images in it, and one way to say what they must hold. Whatever goes wrong ends the test.
 * Paths are names in the folder.
 */
typedef struct {
  char *folder;
  EventLoop *loop;
} ImageBench;

ImageBench *image_bench_new (void);
void image_bench_free (ImageBench *bench);

char *image_bench_path (const ImageBench *bench, const char *name); /* (transfer full) */

void image_bench_create (const ImageBench *bench, const char *name, const ImageCreateOptions *options);
Image *image_bench_open (const ImageBench *bench, const char *name, bool read_only);

/* That opening is refused, with an error that says each of @words. */
void image_bench_refuses (const ImageBench *bench, const char *name, bool read_only, const char *words,
                          ...) G_GNUC_NULL_TERMINATED;

/* @length bytes that depend on @seed and their place; @seed 0: zeroes. */
void image_bench_fill (Image *image, uint64_t offset, uint64_t length, uint8_t seed);
void image_bench_holds (Image *image, uint64_t offset, uint64_t length, uint8_t seed);
void image_bench_run (Image *image, ImageRequestKind kind, uint64_t offset, uint64_t length);

/* What a check finds, errors and leaks; with @repair, that it repairs all of it. */
uint64_t image_bench_check (const ImageBench *bench, const char *name, bool repair);

/* A file's own bytes. */
uint64_t image_bench_file_size (const ImageBench *bench, const char *name);
void image_bench_peek (const ImageBench *bench, const char *name, uint64_t offset, void *data, size_t size);
void image_bench_poke (const ImageBench *bench, const char *name, uint64_t offset, const void *data,
                       size_t size);
void image_bench_truncate (const ImageBench *bench, const char *name, uint64_t size);
void image_bench_copy (const ImageBench *bench, const char *from, const char *to);

/* A detail's value of image_info, or NULL. (transfer full) */
char *image_bench_detail (Image *image, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ImageBench, image_bench_free)

G_END_DECLS
