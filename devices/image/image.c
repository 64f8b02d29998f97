/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image.h"

#include "devices/image/image-private.h"
#include "devices/image/lookup.h"
#include "devices/image/throttle.h"
#include "vmm/base/counter.h"
#include "vmm/base/iov.h"

#include <errno.h>

/* Requests of one image that block at a time. */
#define N_WORKERS 4

/* --- the end of a request --- */

static void
count (ImageCounters *counters, const ImageRequest *request)
{
  if (request->kind == IMAGE_READ)
    {
      counter_add (&counters->reads, 1);
      counter_add (&counters->read_bytes, request->length);
    }
  else if (request->kind == IMAGE_WRITE || request->kind == IMAGE_WRITE_ZEROES)
    {
      counter_add (&counters->writes, 1);
      counter_add (&counters->written_bytes, request->kind == IMAGE_WRITE ? request->length : 0);
    }
}

void
image_get_counters (const Image *image, ImageCounters *counters)
{
  *counters = (ImageCounters){
    .reads = counter_get (&image->counters.reads),
    .read_bytes = counter_get (&image->counters.read_bytes),
    .writes = counter_get (&image->counters.writes),
    .written_bytes = counter_get (&image->counters.written_bytes),
  };
}

void
image_request_done (ImageRequest *request, int error)
{
  Image *image = request->image;

  if (error == 0)
    count (&image->counters, request);
  request->done (request, error);
  g_mutex_lock (&image->lock);
  image->in_flight--;
  if (image_is_idle_locked (image))
    g_cond_broadcast (&image->idle);
  g_mutex_unlock (&image->lock);
}

void
image_request_done_later (ImageRequest *request, int error)
{
  Image *image = request->image;

  request->result = error;
  g_mutex_lock (&image->lock);
  if (image_queue_push (&image->done, request))
    g_source_set_ready_time (image->done_source, 0);
  g_mutex_unlock (&image->lock);
}

static gboolean
dispatch_done (GSource *source, GSourceFunc callback, gpointer user_data)
{
  Image *image = user_data;
  ImageRequest *request;

  g_mutex_lock (&image->lock);
  g_source_set_ready_time (source, -1);
  request = image->done.first;
  image->done.first = NULL;
  g_mutex_unlock (&image->lock);

  while (request != NULL)
    {
      ImageRequest *next = request->next;

      image_request_done (request, request->result);
      request = next;
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs done_source_funcs = { .dispatch = dispatch_done };

/* --- its beginning --- */

static int
judge (const Image *image, const ImageRequest *request)
{
  uint64_t size = image_size (image);

  if (request->kind == IMAGE_FLUSH)
    return 0;
  if (request->offset > size || request->length > size - request->offset)
    return -EINVAL;
  if (request->kind != IMAGE_READ && image->read_only)
    return -EROFS;
  if ((request->kind == IMAGE_READ || request->kind == IMAGE_WRITE)
      && iov_size (request->iov, request->n_iov) != request->length)
    return -EINVAL;
  return 0;
}

static bool
needs_no_work (const Image *image, const ImageRequest *request)
{
  switch (request->kind)
    {
    case IMAGE_FLUSH:
      return image->read_only || image->unsafe;
    case IMAGE_DISCARD:
      return image->no_discard || request->length == 0;
    default:
      return request->length == 0;
    }
}

void
image_submit (Image *image, ImageRequest *request)
{
  bool admitted;

  request->image = image;
  request->carried_out = false;
  request->progress = 0;
  request->batch = NULL;
  g_mutex_lock (&image->lock);
  image->in_flight++;
  admitted = image_hold_admits_locked (image, request);
  g_mutex_unlock (&image->lock);
  if (admitted)
    image_set_out (request);
}

void
image_set_out (ImageRequest *request)
{
  Image *image = request->image;
  int error = judge (image, request);

  if (error < 0 || needs_no_work (image, request))
    image_request_done_later (request, error);
  else if (throttle_pass (image->throttle, request))
    image_route (request);
}

/* --- limits --- */

void
image_set_limits (Image *image, const ImageLimits *limits)
{
  throttle_set_limits (image->throttle, limits);
}

void
image_let_through (Image *image)
{
  throttle_let_through (image->throttle);
}

/* --- life --- */

Image *
image_new (EventLoop *loop, GPtrArray *layers, const ImageOptions *options)
{
  Image *image = g_new0 (Image, 1);

  image->loop = loop;
  image->layers = layers;
  image->size = image_top (image)->size;
  image->read_only = image_top (image)->read_only;
  image->write_through = options->write_through && !options->unsafe;
  image->unsafe = options->unsafe;
  image->direct = options->direct;
  image->lock_files = options->exclusive_lock;
  image->no_discard = options->no_discard;
  g_mutex_init (&image->lock);
  g_cond_init (&image->idle);
  g_queue_init (&image->held);
  g_mutex_init (&image->edit);
  image_layers_changed (image);
  image->workers = g_thread_pool_new (image_work, image, N_WORKERS, FALSE, NULL);

  image->throttle = throttle_new (loop, NULL, image_route);
  image->done_source = g_source_new (&done_source_funcs, sizeof (GSource));
  g_source_set_callback (image->done_source, NULL, image, NULL);
  g_source_set_can_recurse (image->done_source, TRUE);
  g_source_attach (image->done_source, loop_context (loop));
  return image;
}

static void
wait_until_idle (Image *image)
{
  bool on_loop = loop_is_current (image->loop);

  g_mutex_lock (&image->lock);
  while (image->in_flight > 0)
    {
      if (!on_loop)
        {
          g_cond_wait (&image->idle, &image->lock);
          continue;
        }
      g_mutex_unlock (&image->lock);
      loop_wait_for_others (image->loop);
      g_mutex_lock (&image->lock);
    }
  g_mutex_unlock (&image->lock);
}

void
image_close (Image *image)
{
  if (image == NULL)
    return;
  throttle_let_through (image->throttle);
  wait_until_idle (image);
  throttle_free (image->throttle);
  g_thread_pool_free (image->workers, FALSE, TRUE);
  g_source_destroy (image->done_source);
  g_source_unref (image->done_source);
  extent_map_free (image->map);
  g_ptr_array_unref (image->stores);
  g_ptr_array_unref (image->layers);
  g_mutex_clear (&image->edit);
  g_mutex_clear (&image->lock);
  g_cond_clear (&image->idle);
  g_free (image);
}

uint64_t
image_size (const Image *image)
{
  return __atomic_load_n (&image->size, __ATOMIC_ACQUIRE);
}

bool
image_is_read_only (const Image *image)
{
  return image->read_only;
}

const char *
image_path (const Image *image)
{
  return image->path;
}

const char *
image_format_name (const Image *image)
{
  return image->format->name;
}

unsigned
image_block_size (const Image *image)
{
  return image->block_size;
}

/* --- for tools --- */

typedef struct {
  GMutex lock;
  GCond cond;
  bool done;
  int error;
} Run;

static void
run_done (ImageRequest *request, int error)
{
  Run *run = request->data;

  g_mutex_lock (&run->lock);
  run->done = true;
  run->error = error;
  g_cond_signal (&run->cond);
  g_mutex_unlock (&run->lock);
}

int
image_run (Image *image, ImageRequestKind kind, uint64_t offset, void *buffer, uint64_t length)
{
  Run run = { 0 };
  struct iovec iov = { buffer, length };
  ImageRequest request = {
    .kind = kind, .offset = offset, .length = length, .iov = &iov, .n_iov = 1, .done = run_done, .data = &run
  };

  g_return_val_if_fail (!loop_is_current (image->loop), -EDEADLK);
  image_submit (image, &request);
  g_mutex_lock (&run.lock);
  while (!run.done)
    g_cond_wait (&run.cond, &run.lock);
  g_mutex_unlock (&run.lock);
  return run.error;
}
