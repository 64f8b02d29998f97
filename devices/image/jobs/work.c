/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

#include <errno.h>

#define STEP        (1ull << 20)         /* one request: the guest waits for no more than that */
#define MAX_REST_US (50 * (int64_t)1000) /* after a step, while the guest is busy */
#define MERGE_STEP  (4ull << 20)

typedef struct {
  Image *image;
  const ImageWork *work;
  const ImageJob *job;
  uint64_t reported;
} Run;

/* --- stepping, at the pace that the guest leaves --- */

static bool
guest_is_busy (Image *image)
{
  unsigned n;

  g_mutex_lock (&image->lock);
  n = image->in_flight;
  g_mutex_unlock (&image->lock);
  return n > 0;
}

/* Half of the time is the guest's if it has use for it. Cancelling ends the rest. */
static void
rest (const Run *run, int64_t worked)
{
  GCancellable *cancellable = run->job != NULL ? run->job->cancellable : NULL;
  GPollFD fd;
  int ms = (int)(CLAMP (worked, 1000, MAX_REST_US) / 1000);

  if (!guest_is_busy (run->image))
    return;
  if (cancellable == NULL || !g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_usleep ((gulong)ms * 1000);
      return;
    }
  g_poll (&fd, 1, ms);
  g_cancellable_release_fd (cancellable);
}

static void
report (Run *run, uint64_t done)
{
  uint64_t total = image_size (run->image);

  if (run->job == NULL || run->job->progress == NULL || (done < total && done - run->reported < total / 1000))
    return;
  run->reported = done;
  run->job->progress (done, total, run->job->data);
}

static bool
step (Run *run, ImageRequestKind kind, unsigned layer, bool zeroes, uint64_t offset, uint64_t length,
      GError **error)
{
  ImageRequest request = {
    .kind = kind, .layer = layer, .may_unmap = zeroes, .offset = offset, .length = length
  };
  int64_t begun = g_get_monotonic_time ();
  int result = job_request (run->image, &request);

  if (result < 0)
    return job_set_io_error (error, result, "move data in", run->image, offset);
  rest (run, g_get_monotonic_time () - begun);
  return !job_is_cancelled (run->job, error);
}

/* Steps through what @wanted says of the extents. */
static bool
walk (Run *run, ImageRequestKind kind, unsigned layer, bool (*wanted) (const Run *, const ImageExtent *),
      GError **error)
{
  JobLook look = { .image = run->image };
  ImageExtent extent;

  for (uint64_t at = 0; at < image_size (run->image); at += extent.length)
    {
      uint64_t left = image_size (run->image) - at;

      if (!job_look (&look, at, left, &extent, error) || job_is_cancelled (run->job, error))
        return false;
      if (wanted (run, &extent))
        {
          extent.length = MIN (extent.length, STEP);
          if (!step (run, kind, layer, false, at, extent.length, error))
            return false;
        }
      report (run, at + extent.length);
    }
  return true;
}

/* --- the four kinds --- */

static bool
is_below (const Run *run, const ImageExtent *extent)
{
  return extent->depth > 0 && extent->depth < run->image->layers->len;
}

static bool
is_on_top (const Run *run, const ImageExtent *extent)
{
  return extent->depth == 0;
}

static bool
flatten (Run *run, GError **error)
{
  unsigned n = image_n_layers (run->image);

  return n == 1
         || (walk (run, IMAGE_PULL, n, is_below, error) && image_chain_drop (run->image, 1, n - 1, error));
}

/* The path that the owner knows stays the disk's: the empty overlay goes back on top. If that fails, or the
 * process dies before, it shows what layer 1 holds all the same. */
static bool
commit (Run *run, GError **error)
{
  Image *image = run->image;
  g_autofree char *path = g_strdup (image_path (image)), *format = g_strdup (image_format_name (image));
  const ImageOptions options = { .format = format };

  if (image_n_layers (image) == 1 || image_top (image)->format->unmap == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "“%s” %s", path,
                   image_n_layers (image) == 1 ? "has no backing file to commit to"
                                               : "is of a format that can't be emptied while it is in use");
      return false;
    }
  if (!image_chain_begin_commit (image, error))
    return false;
  if (!walk (run, IMAGE_DRAIN, 0, is_on_top, error))
    {
      image_chain_cancel_commit (image, NULL);
      return false;
    }
  return image_chain_end_commit (image, error) && image_chain_push (image, path, &options, error);
}

/* After a crash the layer may be gone, and its number another's. */
static bool
is_merged (const Run *run)
{
  const ImageWork *work = run->work;
  g_autofree char *path =
    work->layer_path != NULL ? image_layer_find_backing (image_top (run->image), work->layer_path) : NULL;

  return path != NULL
         && (work->layer >= image_n_layers (run->image)
             || !image_same_file (image_layer (run->image, work->layer)->store->path, path));
}

static bool
merge (Run *run, GError **error)
{
  unsigned layer = run->work->layer;

  if (is_merged (run))
    return true;
  if (layer == 0 || layer >= image_n_layers (run->image) - 1)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” has no layer %u that has one below it; “bonsai disk info --chain” shows them",
                   image_path (run->image), layer);
      return false;
    }
  if (!image_chain_make_writable (run->image, layer + 1, error))
    return false;
  for (uint64_t at = 0, n; at < image_size (run->image); at += n)
    {
      n = MIN (MERGE_STEP, image_size (run->image) - at);
      if (!step (run, IMAGE_DRAIN, layer, false, at, n, error))
        {
          image_chain_make_read_only (run->image, layer + 1, NULL);
          return false;
        }
      report (run, at + n);
    }
  return image_chain_drop (run->image, layer, 1, error)
         && image_chain_make_read_only (run->image, layer, error);
}

/* Pulls what the new backing holds differently. Both are read, by way of buffers, apart from the guest. */
static bool
pull_different (Run *run, Image *fresh, GError **error)
{
  g_autofree uint8_t *old = g_malloc (STEP), *new = g_malloc (STEP);
  JobLook look = { .image = run->image }, fresh_look = { .image = fresh };
  ImageExtent extent, below;

  for (uint64_t at = 0; at < image_size (run->image); at += extent.length)
    {
      uint64_t left = image_size (run->image) - at, held;
      struct iovec iov = { old, 0 };
      int result;

      if (!job_look (&look, at, left, &extent, error)
          || !job_look (&fresh_look, at, MIN (extent.length, STEP), &below, error)
          || job_is_cancelled (run->job, error))
        return false;
      report (run, at);
      if (extent.depth == 0 || (!extent.data && !below.data))
        {
          extent.length = extent.depth == 0 ? extent.length : below.length;
          continue;
        }
      extent.length = iov.iov_len = below.length;
      result = image_chain_read (run->image, 1, at, &iov, 1, 0, iov.iov_len);
      if (result < 0)
        return job_set_io_error (error, result, "read", run->image, at);
      held = at < image_size (fresh) ? MIN (iov.iov_len, image_size (fresh) - at) : 0;
      memset (new + held, 0, iov.iov_len - held);
      if (held > 0 && !job_read (fresh, at, new, held, error))
        return false;
      if (memcmp (old, new, iov.iov_len) != 0
          && !step (run, IMAGE_PULL, image_n_layers (run->image), true, at, iov.iov_len, error))
        return false;
    }
  return true;
}

static bool
rebase (Run *run, GError **error)
{
  const ImageWork *work = run->work;
  g_autofree char *path = image_layer_find_backing (image_top (run->image), work->backing_path);
  const ImageSource source = { .path = path, .format = work->backing_format };
  g_autoptr (EventLoop) loop = NULL;
  g_autoptr (Image) fresh = NULL;

  if (image_n_layers (run->image) == 1)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” has no backing file to change; put it on one while its machine is off",
                   image_path (run->image));
      return false;
    }
  loop = loop_new ("image-rebase", error);
  fresh = loop != NULL ? job_open (loop, &source, (ImageOptions){ .read_only = true }, error) : NULL;
  return fresh != NULL && pull_different (run, fresh, error)
         && image_chain_set_backing (run->image, work->backing_path, work->backing_format, error);
}

bool
image_work_run (Image *image, const ImageWork *work, const ImageJob *job, GError **error)
{
  static bool (*const kinds[]) (Run * run, GError * *error) = {
    [IMAGE_WORK_FLATTEN] = flatten,
    [IMAGE_WORK_COMMIT] = commit,
    [IMAGE_WORK_MERGE] = merge,
    [IMAGE_WORK_REBASE] = rebase,
  };
  g_autofree char *path = g_strdup (image_path (image)), *layer_path = NULL;
  Run run = { .image = image, .work = work, .job = job };
  ImageWork noted = *work;
  GError *failure = NULL;
  bool done;

  if (work->kind == IMAGE_WORK_MERGE && work->layer_path == NULL && work->layer < image_n_layers (image))
    noted.layer_path = layer_path =
      image_layer_name_backing (image_top (image), image_layer (image, work->layer)->store->path);
  if (!job_work_record (path, &noted, error))
    return false;
  done = kinds[work->kind](&run, &failure);
  if (done || !g_error_matches (failure, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    image_work_forget (path);
  if (done)
    report (&run, image_size (image));
  else
    g_propagate_error (error, failure);
  return done;
}
