/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image-private.h"

G_BEGIN_DECLS

/*
 * A disk format that lives in memory but for its data, and that judges how the image core treats it: whoever
 * breaks a rule of layer.h ends the test. It answers -EAGAIN whenever it may, moves clusters that it declared
 * shared, reuses freed room with its garbage, and can compress and encrypt (for show).
 */
extern const ImageFormat toy_format;

typedef struct {
  uint64_t size;
  unsigned cluster, granule;
  bool encrypted;
  unsigned seed;
} ToyConfig;

/* A layer in a new file at @path. */
ImageLayer *toy_layer_new (EventLoop *loop, const char *path, const ToyConfig *config);

/* Makes every cluster with data one that must not be overwritten in place, or (one in three) a compressed
 * one. While nobody uses the layer. */
void toy_layer_freeze (ImageLayer *layer);

/* How many clusters are compressed, and how often one was decoded so far. */
unsigned toy_layer_encoded (const ImageLayer *layer);
unsigned toy_layer_decodes (const ImageLayer *layer);

G_END_DECLS
