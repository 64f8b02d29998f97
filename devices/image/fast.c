/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/decoded.h"
#include "devices/image/image-private.h"
#include "devices/image/lookup.h"
#include "vmm/base/iov.h"

/*
 * The fast path: data that lies where the map says goes straight between the stores and the guest's memory.
 * New data does too, if the format finds room without waiting and nothing must be copied around it; it is
 * linked when it has been written.
 *
 * A request is dealt with in batches of a few runs each; nearly all are one batch of one run.
 */
#define MAX_RUNS   32u
#define MAX_PLACES 8u

typedef struct {
  ImagePlace place;
  uint64_t start, end; /* what to link */
} Placed;

typedef struct {
  MapRun runs[MAX_RUNS];
  unsigned n_runs;
  Placed placed[MAX_PLACES];
  unsigned n_placed;
  uint64_t length; /* of all runs */
} Plan;

/* A plan under way. */
typedef struct {
  unsigned n_pending; /* loop's thread, once all are submitted */
  int error;
  uint64_t length;
  unsigned n_placed;
  Placed *placed;
  struct iovec *iov;
  StoreIo io[];
} Batch;

/* --- planning; image->lock held --- */

static bool
is_zero_locked (Image *image, uint64_t start, uint64_t end)
{
  end = MIN (end, image_size (image));
  while (start < end)
    {
      MapRun run = image_lookup_locked (image, start, end - start);

      if (run.kind != MAP_ZERO)
        return false;
      start += run.length;
    }
  return true;
}

/* Whether nothing needs to be copied around [offset, offset + length) in the granules that it touches. */
static bool
is_alone_locked (Image *image, uint64_t offset, uint64_t length)
{
  uint64_t mask = image_top (image)->granule - 1, end = offset + length;

  return is_zero_locked (image, offset & ~mask, offset) && is_zero_locked (image, end, (end + mask) & ~mask);
}

/* Whether @placed can be written at [offset, offset + length) alone. */
static bool
fits (Image *image, Placed *placed, uint64_t offset, uint64_t length)
{
  uint64_t mask = image_top (image)->granule - 1, end = offset + length;

  if (image_find_hull (image_top (image), &placed->place, offset, length, false, &placed->start, &placed->end)
      < 0)
    return false;
  if (placed->start < (offset & ~mask) || placed->end > ((end + mask) & ~mask))
    return false;
  return placed->place.zeroed || (placed->start == offset && placed->end == end);
}

static bool
plan_place (Image *image, Plan *plan, uint64_t offset, uint64_t length)
{
  ImageLayer *layer = image_top (image);
  Placed *placed = &plan->placed[plan->n_placed];
  MapRun *run = &plan->runs[plan->n_runs];
  int result;

  if (layer->format->place == NULL || layer->encrypted || image->draining
      || !is_alone_locked (image, offset, length) || !g_mutex_trylock (&layer->lock))
    return false;
  placed->place = (ImagePlace){ 0 };
  result = layer->format->place (layer, offset, length, false, &placed->place);
  g_mutex_unlock (&layer->lock);
  if (result < 0)
    return false;
  plan->n_placed++;

  *run = (MapRun){
    .kind = MAP_DATA,
    .store = placed->place.store->number,
    .store_offset = placed->place.store_offset + (offset - placed->place.offset),
    .offset = offset,
    .length = MIN (length, placed->place.offset + placed->place.length - offset),
  };
  return fits (image, placed, offset, run->length);
}

static bool
is_full (const Plan *plan)
{
  return plan->n_runs == MAX_RUNS || plan->n_placed == MAX_PLACES;
}

static FastAnswer
make_plan (ImageRequest *request, Plan *plan)
{
  Image *image = request->image;
  uint64_t at = request->offset + request->progress, end = request->offset + request->length;
  bool in_new_cluster = false; /* which can't be placed a second time before it is linked */

  while (at < end && !is_full (plan) && !in_new_cluster)
    {
      MapRun *run = &plan->runs[plan->n_runs];

      *run = image_lookup_locked (image, at, end - at);
      if (run->kind == MAP_UNKNOWN || run->kind == MAP_SLOW)
        return FAST_NOT;
      if (request->kind == IMAGE_WRITE && !run->writable)
        {
          if (!request->exclusive)
            return FAST_EXCLUSIVE;
          if (!plan_place (image, plan, at, run->length))
            return FAST_NOT;
          in_new_cluster = ((at + run->length) & (image_top (image)->cluster - 1)) != 0;
        }
      at += run->length;
      plan->length += run->length;
      plan->n_runs++;
    }
  return FAST_TAKEN;
}

/* --- the end of a batch --- */

static void
link_locked (ImageLayer *layer, Batch *batch)
{
  for (unsigned i = 0; i < batch->n_placed; i++)
    {
      Placed *placed = &batch->placed[i];

      if (batch->error == 0)
        layer->format->link (layer, &placed->place, placed->start, placed->end - placed->start);
      layer->format->unplace (layer, &placed->place);
      decoded_forget (layer, placed->place.offset, placed->place.length);
    }
}

static void
note_links (Image *image, Batch *batch)
{
  g_mutex_lock (&image->lock);
  for (unsigned i = 0; i < batch->n_placed && batch->error == 0; i++)
    image_map_linked_locked (image, &batch->placed[i].place, batch->placed[i].start,
                             batch->placed[i].end - batch->placed[i].start);
  g_mutex_unlock (&image->lock);
}

static void
end_batch (ImageRequest *request)
{
  Batch *batch = request->batch;

  if (batch->n_placed > 0)
    note_links (request->image, batch);
  request->batch = NULL;
  if (batch->error == 0)
    request->progress += batch->length;
  g_free (batch);
}

int
image_finish_batch (ImageRequest *request)
{
  ImageLayer *layer = image_top (request->image);
  Batch *batch = request->batch;
  int error = batch->error;

  g_mutex_lock (&layer->lock);
  link_locked (layer, batch);
  g_mutex_unlock (&layer->lock);
  end_batch (request);
  return error;
}

/* False: someone waits for a store with the layer's lock; that is not for the loop. */
static bool
try_finish_batch (ImageRequest *request)
{
  ImageLayer *layer = image_top (request->image);
  Batch *batch = request->batch;

  if (batch->n_placed > 0)
    {
      if (!g_mutex_trylock (&layer->lock))
        return false;
      link_locked (layer, batch);
      g_mutex_unlock (&layer->lock);
    }
  end_batch (request);
  return true;
}

static void
piece_done (StoreIo *io, int error)
{
  ImageRequest *request = io->data;
  Batch *batch = request->batch;

  if (error < 0 && batch->error == 0)
    batch->error = error;
  if (--batch->n_pending > 0)
    return;
  error = batch->error;
  if (!try_finish_batch (request))
    image_route_to_worker (request);
  else if (error < 0 || request->progress == request->length)
    image_route_finished (request, error);
  else
    image_route_ready (request);
}

static void
whole_done (StoreIo *io, int error)
{
  image_route_finished (io->data, error);
}

/* --- carrying a plan out --- */

/* One run that is the whole request: nothing to cut, nothing to allocate. */
static void
submit_whole (ImageRequest *request, const MapRun *run)
{
  ImageStore *store = image_run_store (request->image, run);

  request->io = (StoreIo){
    .kind = request->kind == IMAGE_READ ? STORE_READ : STORE_WRITE,
    .offset = run->store_offset,
    .length = request->length,
    .iov = request->iov,
    .n_iov = request->n_iov,
    .done = whole_done,
    .data = request,
  };
  store_submit (store, &request->io);
}

static Batch *
batch_new (const ImageRequest *request, const Plan *plan)
{
  /* Each cut between two runs makes one piece of memory two at most. */
  unsigned n_iov = request->n_iov + plan->n_runs;
  size_t placed_at = sizeof (Batch) + plan->n_runs * sizeof (StoreIo);
  size_t iov_at = placed_at + plan->n_placed * sizeof (Placed);
  Batch *batch = g_malloc (iov_at + n_iov * sizeof (struct iovec));

  *batch = (Batch){
    .length = plan->length,
    .n_placed = plan->n_placed,
    .placed = (Placed *)((char *)batch + placed_at),
    .iov = (struct iovec *)((char *)batch + iov_at),
  };
  memcpy (batch->placed, plan->placed, plan->n_placed * sizeof (Placed));
  return batch;
}

static void
submit_batch (ImageRequest *request, const Plan *plan)
{
  Image *image = request->image;
  Batch *batch = batch_new (request, plan);
  struct iovec *iov = batch->iov;
  unsigned n = 0;

  for (unsigned i = 0; i < plan->n_runs; i++)
    {
      const MapRun *run = &plan->runs[i];
      StoreIo *io = &batch->io[n];

      if (run->kind == MAP_ZERO)
        {
          iov_scatter (request->iov, request->n_iov, run->offset - request->offset, NULL, run->length);
          continue;
        }
      *io = (StoreIo){
        .kind = request->kind == IMAGE_READ ? STORE_READ : STORE_WRITE,
        .offset = run->store_offset,
        .length = run->length,
        .iov = iov,
        .n_iov = iov_slice (iov, request->n_iov, request->iov, request->n_iov, run->offset - request->offset,
                            run->length),
        .done = piece_done,
        .data = request,
        .store = image_run_store (image, run),
      };
      iov += io->n_iov;
      n++;
    }
  batch->n_pending = n;
  request->batch = batch;
  for (unsigned i = 0; i < n; i++)
    store_submit (batch->io[i].store, &batch->io[i]);
}

static bool
is_all_zero (const Plan *plan)
{
  for (unsigned i = 0; i < plan->n_runs; i++)
    if (plan->runs[i].kind != MAP_ZERO)
      return false;
  return true;
}

/* The places were of no use. If they can't be given back at once, the worker does it. */
static void
give_up_places (ImageRequest *request, const Plan *plan)
{
  Batch *batch = batch_new (request, plan);

  batch->error = BATCH_ABANDONED;
  request->batch = batch;
  try_finish_batch (request);
}

FastAnswer
image_try_fast (ImageRequest *request)
{
  Image *image = request->image;
  Plan plan;
  FastAnswer answer;

  if (request->kind == IMAGE_WRITE && !g_atomic_int_get (&image_top (image)->begun))
    return FAST_EXCLUSIVE;
  plan.n_runs = plan.n_placed = 0;
  plan.length = 0;
  g_mutex_lock (&image->lock);
  answer = make_plan (request, &plan);
  g_mutex_unlock (&image->lock);

  if (answer != FAST_TAKEN)
    {
      if (plan.n_placed > 0)
        give_up_places (request, &plan);
    }
  else if (plan.n_runs == 1 && plan.n_placed == 0 && plan.runs[0].kind == MAP_DATA && request->progress == 0)
    submit_whole (request, &plan.runs[0]);
  else if (is_all_zero (&plan))
    {
      iov_scatter (request->iov, request->n_iov, request->progress, NULL, plan.length);
      request->progress += plan.length;
      if (request->progress < request->length)
        return image_try_fast (request);
      image_route_finished_later (request, 0);
    }
  else
    submit_batch (request, &plan);
  return answer;
}
