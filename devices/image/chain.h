/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Changing the layers of an image that is in use. The disk's content stays the same, and whoever uses the
 * image notices nothing but a moment's delay. Layers are counted from the top, which is 0.
 *
 * Threading: blocking; any thread but the image's loop; one job at a time for an image. Long work is done by
 * requests of a few MiB each (image_submit, image_run), so that it can be measured out, interrupted, and done
 * again:
 *
 *   IMAGE_PULL   @layer = n: what lies in layers 1 .. n - 1 within the range is copied into the top, where
 * that holds nothing itself; with @may_unmap also zeroes that no layer holds. IMAGE_DRAIN  @layer = n: what layer n holds within the range is copied into layer
 * n + 1, which was made writable. 0: and leaves the top, once it is durable below
 *
 *   flatten:  IMAGE_PULL of everything with @layer = image_n_layers, then image_chain_drop of all but the top
 *   merge:    image_chain_make_writable of n + 1, IMAGE_DRAIN of n ≥ 1, then image_chain_drop of n
 *   commit:   image_chain_begin_commit, IMAGE_DRAIN of 0 until little is left, then image_chain_end_commit
 *   rebase:   IMAGE_PULL of what the new backing hasn't, then image_chain_set_backing
 */

/**
 * image_chain_push:
 * @path: an empty overlay that was made on the image's present top
 * @options: (nullable): format, secret: of the overlay. How it is used is as the image was opened
 *
 * A snapshot: flushes, and makes the overlay the new top. The old one is read-only from then on. On failure
 * nothing has changed.
 */
bool image_chain_push (Image *image, const char *path, const ImageOptions *options, GError **error);

/* Makes layer @layer ≥ 1 one that can be written, with the lock that goes with it. Nobody else may use the
 * file. */
bool image_chain_make_writable (Image *image, unsigned layer, GError **error);

/* Layer @layer ≥ 1 is only read again: others may use the file. */
bool image_chain_make_read_only (Image *image, unsigned layer, GError **error);

/* Layer 1 becomes writable, and as large as the disk. What the guest writes from now on goes there, unless
 * the top holds what was there before: so that a commit of a busy disk comes to an end. */
bool image_chain_begin_commit (Image *image, GError **error);

/* Drains what is left of the top, with the guest's requests waiting, and takes it off the chain: layer 1 is
 * the new top. The file of the old one is left to the caller. */
bool image_chain_end_commit (Image *image, GError **error);

/* Gives a commit up: the chain stays as it is, some data has moved. */
bool image_chain_cancel_commit (Image *image, GError **error);

/**
 * image_chain_drop:
 * @first: ≥ 1
 *
 * Takes layers @first .. @first + @n - 1 off the chain. Nothing of what they hold may be needed: the layer
 * above names the one below them (or none) as its backing file from now on, durably and at once. Their files
 * are left to the caller.
 */
bool image_chain_drop (Image *image, unsigned first, unsigned n, GError **error);

/* The top lies on @path (as the top's file is to say it; NULL: on nothing) from now on, durably; its content
 * must be the same wherever the top holds nothing. */
bool image_chain_set_backing (Image *image, const char *path, const char *format, GError **error);

G_END_DECLS
