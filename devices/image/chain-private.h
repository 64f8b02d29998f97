/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/chain.h"
#include "devices/image/image-private.h"

G_BEGIN_DECLS

/* --- chain-move.c: IMAGE_PULL and IMAGE_DRAIN of [start, end), which is held exclusively. Blocking --- */

/* @zeroes: also those that no layer holds become the top's own. */
int image_chain_pull (Image *image, unsigned layer, bool zeroes, uint64_t start, uint64_t end);
int image_chain_drain (Image *image, unsigned layer, uint64_t start, uint64_t end);

/* --- image-open.c --- */

/* A layer of its own, whatever it lies on. */
ImageLayer *image_layer_open_path (EventLoop *loop, const char *path, const ImageOptions *options,
                                   GError **error);

/* Opens what the last of @layers lies on, and so on, and appends it. */
bool image_chain_extend (EventLoop *loop, GPtrArray *layers, const ImageOptions *options, GError **error);

/* An array that closes its layers. */
GPtrArray *image_layers_new (void);

/* Where the backing file is that @layer would name @path / how it would name the one at @path. (transfer
 * full) */
char *image_layer_find_backing (const ImageLayer *layer, const char *path);
char *image_layer_name_backing (const ImageLayer *layer, const char *path);

bool image_same_file (const char *a, const char *b);

G_END_DECLS
