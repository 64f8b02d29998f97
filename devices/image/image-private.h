/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

#include <errno.h>

G_BEGIN_DECLS

/*
 * Inside the image core. A request takes this way:
 *
 *   image.c      image_submit: is it allowed; what needs no work
 *   throttle.c   it waits while the image's limits say so
 *   route.c      which of the following is for it
 *   identity.c   images of one raw layer: straight to the store
 *   ranges.c     it waits for those under way that it must not meet
 *   fast.c       data that lies where the map says (lookup.c, extent-map.c), or that a format has room for:
 * to the stores, nothing copied, nothing waited for slow.c       the rest: a worker carries it out with
 * blocking calls image.c      image_request_done, on the loop's thread
 *
 * Lock order: a layer's lock → image->lock; the other way round only by trying. No callback is called with
 * either.
 */
typedef struct {
  ImageRequest *first, *last;
} ImageQueue;

struct Image {
  EventLoop *loop;
  GPtrArray *layers; /* of ImageLayer, the top first */
  GPtrArray *stores; /* of ImageStore: all of theirs, by number */
  uint64_t size;     /* atomic: image_size */
  const char *path;  /* of the top layer, interned */
  const ImageFormat *format;
  unsigned block_size;
  uint64_t range_unit; /* largest cluster of the layers that may be written */
  bool several_writable;
  bool draining; /* chain.h: what the top doesn't hold is written to the layer below */
  bool read_only, write_through, unsafe, no_discard, direct, lock_files;

  GMutex lock;
  GCond idle;
  unsigned in_flight;   /* submitted and not done */
  bool holding;         /* hold.c */
  unsigned n_held_back; /* of those in flight */
  ImageQueue held_back;
  GMutex edit; /* taken before a hold: who changes layers, and who looks at them outside of a request */
  struct ExtentMap *map; /* lookup.h; NULL: one raw layer */
  GQueue held;           /* of ImageRequest: ranges.h */
  unsigned n_exclusive, n_waiting;

  GThreadPool *workers; /* one turn for each in @work */
  ImageQueue work;

  GSource *done_source; /* ready while @done isn't empty */
  ImageQueue done;

  struct Throttle *throttle;
  ImageCounters counters; /* counter.h: the loop's thread adds */

  void (*resized) (Image *image, void *data);
  void *resized_data;
};

/* Whether @queue was empty before. */
static inline bool
image_queue_push (ImageQueue *queue, ImageRequest *request)
{
  bool was_empty = queue->first == NULL;

  request->next = NULL;
  if (was_empty)
    queue->first = request;
  else
    queue->last->next = request;
  queue->last = request;
  return was_empty;
}

static inline ImageRequest *
image_queue_pop (ImageQueue *queue)
{
  ImageRequest *request = queue->first;

  if (request != NULL)
    queue->first = request->next;
  return request;
}

static inline ImageLayer *
image_layer (const Image *image, unsigned depth)
{
  return g_ptr_array_index (image->layers, depth);
}

static inline ImageLayer *
image_top (const Image *image)
{
  return image_layer (image, 0);
}

/* --- formats.c --- */

/* By @name, or by the look of it if that is NULL. What can't be used is refused by name. Never NULL without
 * @error. @guessed_raw: nothing but the lack of any magic speaks for raw. */
const ImageFormat *image_format_choose (ImageStore *store, const char *name, bool *guessed_raw,
                                        GError **error);

/* --- layer.c --- */

/* Opens @store (transfer full, also on failure) as @format. */
ImageLayer *image_layer_open (ImageStore *store, const ImageFormat *format, const ImageOptions *options,
                              GError **error);
void image_layer_close (ImageLayer *layer); /* flushes it; the last use */

/* format->map under the layer's lock, cut to the layer; raw layers and ranges beyond the layer's end too. */
int image_layer_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block,
                     LayerExtent *extent);
int image_layer_begin (ImageLayer *layer); /* before any change; blocking */
int image_layer_flush (ImageLayer *layer);

/* --- chain.c --- */

/* What lies at @offset as seen from layer @depth downwards. @extent: ZERO, DATA or ENCODED;
 * @holder: the depth of its layer, the number of layers for zeroes that none holds. */
int image_chain_map (Image *image, unsigned depth, uint64_t offset, uint64_t length, bool may_block,
                     LayerExtent *extent, unsigned *holder);

/* Plain bytes as seen from layer @depth downwards. Blocking. */
int image_chain_read (Image *image, unsigned depth, uint64_t offset, const struct iovec *iov, unsigned n_iov,
                      uint64_t skip, uint64_t length);

/* One cluster of the top layer, which was compressed before: format->write_code with what any change needs
 * around it. Blocking. */
int image_write_code (Image *image, uint64_t offset, const uint8_t *code, size_t size);

/* --- slow.c --- */

/* Carries @request out with blocking calls; its range is held as it must be. 0 or -errno. */
int image_run_slow (ImageRequest *request);

/* What the layers, or the map, say of [offset, offset + length) is out of date. */
void image_forget (Image *image, uint64_t offset, uint64_t length);

/* The range that a place for [offset, offset + length) needs filled and linked: whole granules. A cluster
 * that moves takes along what the layer itself holds of it. */
int image_find_hull (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length,
                     bool may_block, uint64_t *start, uint64_t *end);

/* --- identity.c --- */

bool image_is_identity (const Image *image); /* one raw layer */
void image_run_identity (ImageRequest *request);

/* --- fast.c --- */

typedef enum {
  FAST_TAKEN,     /* under way: image_route_finished will be called */
  FAST_EXCLUSIVE, /* a write to where nothing is yet: again, once its range is held exclusively */
  FAST_NOT,       /* only a worker can do it */
} FastAnswer;

FastAnswer image_try_fast (ImageRequest *request);

/* On a worker: links what request->batch wrote. 0, -errno, or BATCH_ABANDONED: nothing was written. */
#define BATCH_ABANDONED (-ECANCELED)
int image_finish_batch (ImageRequest *request);

/* --- route.c --- */

void image_route (ImageRequest *request);                           /* sets out */
void image_route_ready (ImageRequest *request);                     /* its range is held */
void image_route_finished (ImageRequest *request, int error);       /* carried out; on the loop's thread */
void image_route_finished_later (ImageRequest *request, int error); /* the same, from anywhere */
void image_route_to_worker (ImageRequest *request);
void image_work (void *turn, void *image); /* on a worker: deals with the next of image->work */

/* --- hold.c --- */

/* Waits until no request is under way; those that come wait, until image_release. Then layers may be changed,
 * the map too. Blocking; any thread but the loop's; one holder at a time. */
void image_hold (Image *image);
void image_release (Image *image);

/* Held: numbers the stores, makes a new map. */
void image_layers_changed (Image *image);

/* For image_submit: whether @request (counted as in flight) may set out now. */
bool image_hold_admits_locked (Image *image, ImageRequest *request);
bool image_is_idle_locked (const Image *image); /* nothing is under way, whatever waits */

/* --- chain-edit.c --- */

/* Held: a layer's size. What it hid before reads as zeroes. */
bool image_resize_layer (Image *image, unsigned depth, uint64_t size, GError **error);

/* --- slow.c --- */

int image_flush_layers (Image *image); /* all that may be written; blocking */

/* --- image.c --- */

/* For image-open.c: @layers (transfer full) become an image. */
Image *image_new (EventLoop *loop, GPtrArray *layers, const ImageOptions *options);

void image_set_out (ImageRequest *request);                       /* nothing holds it back (any more) */
void image_request_done (ImageRequest *request, int error);       /* on the loop's thread */
void image_request_done_later (ImageRequest *request, int error); /* from anywhere: by way of the loop */

G_END_DECLS
