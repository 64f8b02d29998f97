/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/host-file.h"
#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * ImageFormat: how a format keeps a disk's content in a host file. A format is one file here and
 * one line in image.c's list.
 *
 * Threading: probe, open and close: the caller of image_open or image_close. submit: any thread, several at a
 * time. Completions (image_request_done) come on the loop's thread.
 */
typedef struct ImageFormat ImageFormat;

#define IMAGE_PROBE_SIZE 512u /* bytes of a file's head and of its tail that a probe sees */

typedef struct {
  const uint8_t *head, *tail; /* IMAGE_PROBE_SIZE each, zeroes where the file is shorter */
} ImageProbe;

struct ImageFormat {
  const char *name; /* as people write it: "raw", "qcow2" */

  /* Whether the content is of this format. Raw takes what no other claims. */
  bool (*probe) (const ImageProbe *probe);

  /* Sets image->size and image->state. NULL: the format is known by sight only, and refused. */
  bool (*open) (Image *image, GError **error);
  void (*close) (Image *image);

  /* The request lies within the image and is allowed; ends with image_request_done, not before it returns. */
  void (*submit) (Image *image, ImageRequest *request);
};

struct Image {
  EventLoop *loop;
  const ImageFormat *format;
  HostFile file;
  uint64_t size;
  void *state; /* the format's */

  /* private to image.c */
  GMutex lock;
  GCond idle;
  unsigned in_flight;
};

extern const ImageFormat image_raw;

/* Formats that are recognised so that nobody mistakes them for raw (foreign.c). */
extern const ImageFormat image_foreign[];
extern const unsigned image_n_foreign;

/* Ends a request. On the loop's thread. */
void image_request_done (ImageRequest *request, int error);

/* The same from anywhere: goes by way of the loop. */
void image_request_done_later (ImageRequest *request, int error);

G_END_DECLS
