/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "devices/image/ranges.h"

/* --- flushing --- */

static void
flushed (StoreIo *io, int error)
{
  image_request_done (io->data, error);
}

/* While nothing but data was written, its store's sync is all. */
static void
flush (ImageRequest *request)
{
  ImageLayer *layer = image_top (request->image);
  bool simple = false;

  if (layer->stores == NULL && !request->image->several_writable && g_mutex_trylock (&layer->lock))
    {
      simple = !layer->dirty;
      g_mutex_unlock (&layer->lock);
    }
  if (!simple)
    {
      image_route_to_worker (request);
      return;
    }
  request->io = (StoreIo){ .kind = STORE_SYNC, .done = flushed, .data = request };
  store_submit (layer->store, &request->io);
}

static bool
is_change (const ImageRequest *request)
{
  return request->kind != IMAGE_READ && request->kind != IMAGE_FLUSH;
}

/* --- the way --- */

void
image_route_to_worker (ImageRequest *request)
{
  Image *image = request->image;

  g_mutex_lock (&image->lock);
  image_queue_push (&image->work, request);
  g_mutex_unlock (&image->lock);
  g_thread_pool_push (image->workers, image, NULL);
}

void
image_route (ImageRequest *request)
{
  if (image_is_identity (request->image))
    image_run_identity (request);
  else if (request->kind == IMAGE_FLUSH)
    flush (request);
  else if (ranges_hold (request, request->kind != IMAGE_READ && request->kind != IMAGE_WRITE))
    image_route_ready (request);
}

void
image_route_ready (ImageRequest *request)
{
  bool transfer = request->kind == IMAGE_READ || request->kind == IMAGE_WRITE;

  if (transfer && image_try_fast (request) == FAST_TAKEN)
    return;
  if (request->kind == IMAGE_WRITE && !request->exclusive)
    {
      ranges_release (request);
      if (!ranges_hold (request, true))
        return;
      if (image_try_fast (request) == FAST_TAKEN)
        return;
    }
  image_route_to_worker (request);
}

void
image_route_finished (ImageRequest *request, int error)
{
  ranges_release (request);
  request->carried_out = true;
  if (error == 0 && is_change (request) && request->image->write_through)
    flush (request);
  else
    image_request_done (request, error);
}

void
image_route_finished_later (ImageRequest *request, int error)
{
  ranges_release (request);
  image_request_done_later (request, error);
}

static void
run_on_worker (ImageRequest *request)
{
  Image *image = request->image;
  int result = BATCH_ABANDONED;

  if (request->kind == IMAGE_FLUSH || request->carried_out)
    {
      image_request_done_later (request, image_flush_layers (image));
      return;
    }
  if (request->batch != NULL)
    {
      result = image_finish_batch (request);
      if (result == 0 && request->progress < request->length)
        {
          image_route_ready (request);
          return;
        }
    }
  if (result == BATCH_ABANDONED)
    result = image_run_slow (request);
  if (result == 0 && is_change (request) && image->write_through)
    result = image_flush_layers (image);
  image_route_finished_later (request, result);
}

void
image_work (void *turn, void *user_data)
{
  Image *image = user_data;
  ImageRequest *request;

  g_mutex_lock (&image->lock);
  request = image_queue_pop (&image->work);
  g_mutex_unlock (&image->lock);
  run_on_worker (request);
}
