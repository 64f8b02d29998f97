/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"
#include "tests/image/memory-store.h"
#include "tests/image/runner.h"

G_BEGIN_DECLS

/*
 * The peer: qemu-img and qemu-io, which read and wrote these formats before us. Needed: without them a test
 * that says "we agree" has compared nothing, and fails.
 */

/* The peer's name of one of our formats: "vpc" for "vhd". */
const char *peer_format (const char *format);

/* Runs a program to its end. @output: (nullable): what it said, both streams. Returns its exit status. */
int peer_run (const char *const *argv, char **output);

/* Runs qemu-img with these arguments, which must go well. NULL-terminated. */
void peer_img (Run *run, ...) G_GNUC_NULL_TERMINATED;

/* Checks the image: clean, or of a format that has no check. */
void peer_check (Run *run, const char *format, const char *path, const char *passphrase);

/* Compares the content with @model's. @passphrase: (nullable). */
void peer_compare (Run *run, const char *format, const char *path, const char *passphrase,
                   const Medium *model);

/* Compares what both say about the image. @info: ours. */
void peer_info (Run *run, const char *format, const char *path, const ImageInfo *info);

/* What qemu-img lists as a qcow2 image's snapshots, a line for each: "ID|NAME|BYTES OF STATE|SECONDS SINCE
 * 1970". (transfer full) */
char *peer_snapshots (const char *path);

/* Runs commands of qemu-io on the image. @commands: of char *. */
void peer_io (Run *run, const char *format, const char *path, const char *passphrase, GPtrArray *commands);

G_END_DECLS
