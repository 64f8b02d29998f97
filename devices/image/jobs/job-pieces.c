/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

#include <stdlib.h>

#define MAX_WORKERS 8u
#define MIN_WORKERS 4u /* also waiting for a disk wants company */
#define ALIGNMENT   4096u

typedef struct {
  const JobPieces *pieces;
  GMutex next_lock; /* around @next */

  GMutex lock;
  uint64_t number, position, done, reported;
  bool over;
  GError *error;
} Run;

static void
fail (Run *run, GError *error)
{
  g_mutex_lock (&run->lock);
  run->over = true;
  if (run->error == NULL)
    run->error = g_steal_pointer (&error);
  g_clear_error (&error);
  g_mutex_unlock (&run->lock);
}

/* Called with the lock held: one call at a time. A thousand steps are more than anyone sees. */
static void
report (Run *run, uint64_t bytes)
{
  const ImageJob *job = run->pieces->job;

  run->done += bytes;
  if (job == NULL || job->progress == NULL || run->done - run->reported < run->pieces->total / 1000)
    return;
  run->reported = run->done;
  job->progress (run->done, run->pieces->total, job->data);
}

/* False: no more. */
static bool
take (Run *run, JobPiece *piece)
{
  const JobPieces *pieces = run->pieces;
  GError *error = NULL;
  JobNext next = JOB_END;
  bool over;

  g_mutex_lock (&run->next_lock);
  g_mutex_lock (&run->lock);
  over = run->over;
  g_mutex_unlock (&run->lock);
  if (!over)
    {
      *piece = (JobPiece){ .number = run->number };
      next = job_is_cancelled (pieces->job, &error) ? JOB_FAILED : pieces->next (pieces->data, piece, &error);
      run->number++;
    }
  g_mutex_unlock (&run->next_lock);

  if (next == JOB_FAILED)
    fail (run, error);
  if (next != JOB_PIECE)
    {
      g_mutex_lock (&run->lock);
      run->over = true;
      g_mutex_unlock (&run->lock);
    }
  return next == JOB_PIECE;
}

static void *
work (void *data)
{
  Run *run = data;
  JobWorker worker = { { aligned_alloc (ALIGNMENT, JOB_BUFFER_SIZE),
                         aligned_alloc (ALIGNMENT, JOB_BUFFER_SIZE) } };
  JobPiece piece;

  if (worker.buffer[0] == NULL || worker.buffer[1] == NULL)
    fail (run,
          g_error_new_literal (VMM_ERROR, VMM_ERROR_RESOURCE, "There is not enough memory for the copy"));
  while (take (run, &piece))
    {
      GError *error = NULL;
      bool done = run->pieces->work (run->pieces->data, &piece, &worker, &error);

      if (!done)
        {
          fail (run, error);
          break;
        }
      g_mutex_lock (&run->lock);
      report (run, piece.skipped + piece.length);
      g_mutex_unlock (&run->lock);
    }
  free (worker.buffer[0]);
  free (worker.buffer[1]);
  return NULL;
}

bool
job_pieces_run (const JobPieces *pieces, GError **error)
{
  Run run = { .pieces = pieces };
  unsigned n = CLAMP (g_get_num_processors (), MIN_WORKERS, MAX_WORKERS);
  GThread *threads[MAX_WORKERS];

  g_mutex_init (&run.next_lock);
  g_mutex_init (&run.lock);
  for (unsigned i = 0; i < n; i++)
    threads[i] = g_thread_new ("image-job", work, &run);
  for (unsigned i = 0; i < n; i++)
    g_thread_join (threads[i]);
  g_mutex_clear (&run.next_lock);
  g_mutex_clear (&run.lock);
  if (run.error != NULL)
    {
      g_propagate_error (error, run.error);
      return false;
    }
  if (pieces->job != NULL && pieces->job->progress != NULL)
    pieces->job->progress (pieces->total, pieces->total, pieces->job->data);
  return true;
}

/* --- odds and ends --- */

static void
report_pass (uint64_t done, uint64_t total, void *data)
{
  const JobPass *pass = data;
  uint64_t part = total == 0 ? pass->length : (uint64_t)((double)done / (double)total * (double)pass->length);

  pass->whole->progress (pass->base + MIN (part, pass->length), pass->total, pass->whole->data);
}

ImageJob
job_pass (const JobPass *pass)
{
  if (pass->whole == NULL)
    return (ImageJob){ 0 };
  return (ImageJob){
    .cancellable = pass->whole->cancellable,
    .progress = pass->whole->progress != NULL ? report_pass : NULL,
    .data = (void *)pass,
  };
}

bool
job_is_cancelled (const ImageJob *job, GError **error)
{
  return job != NULL && g_cancellable_set_error_if_cancelled (job->cancellable, error);
}

bool
job_set_io_error (GError **error, int result, const char *what, const Image *image, uint64_t offset)
{
  return vmm_set_errno_error (error, -result, "Can't %s disk image “%s” at byte %" G_GUINT64_FORMAT, what,
                              image_path (image), offset);
}

bool
job_read (Image *image, uint64_t offset, void *buffer, uint64_t length, GError **error)
{
  int result = image_run (image, IMAGE_READ, offset, buffer, length);

  return result == 0 || job_set_io_error (error, result, "read", image, offset);
}

bool
job_write (Image *image, uint64_t offset, const void *buffer, uint64_t length, GError **error)
{
  int result = image_run (image, IMAGE_WRITE, offset, (void *)buffer, length);

  return result == 0 || job_set_io_error (error, result, "write", image, offset);
}

typedef struct {
  GMutex lock;
  GCond ended;
  bool done;
  int error;
} Wait;

static void
request_done (ImageRequest *request, int error)
{
  Wait *wait = request->data;

  g_mutex_lock (&wait->lock);
  wait->done = true;
  wait->error = error;
  g_cond_signal (&wait->ended);
  g_mutex_unlock (&wait->lock);
}

int
job_request (Image *image, ImageRequest *request)
{
  Wait wait = { 0 };

  request->done = request_done;
  request->data = &wait;
  image_submit (image, request);
  g_mutex_lock (&wait.lock);
  while (!wait.done)
    g_cond_wait (&wait.ended, &wait.lock);
  g_mutex_unlock (&wait.lock);
  g_mutex_clear (&wait.lock);
  g_cond_clear (&wait.ended);
  return wait.error;
}

/* Unlike image_run's, these zeroes may give space back. */
bool
job_write_zeroes (Image *image, uint64_t offset, uint64_t length, GError **error)
{
  ImageRequest request = {
    .kind = IMAGE_WRITE_ZEROES, .may_unmap = true, .offset = offset, .length = length
  };
  int result = job_request (image, &request);

  return result == 0 || job_set_io_error (error, result, "write", image, offset);
}

bool
job_flush (Image *image, GError **error)
{
  int result = image_run (image, IMAGE_FLUSH, 0, NULL, 0);

  return result == 0
         || vmm_set_errno_error (error, -result, "Can't flush disk image “%s”", image_path (image));
}

bool
job_extent (Image *image, uint64_t offset, uint64_t length, ImageExtent *extent, GError **error)
{
  int result = image_extent (image, offset, length, extent);

  return result == 0 || job_set_io_error (error, result, "look up", image, offset);
}

bool
job_look (JobLook *look, uint64_t offset, uint64_t length, ImageExtent *extent, GError **error)
{
  uint64_t size = look->image != NULL ? image_size (look->image) : 0, passed;
  const ImageExtent *known = &look->extent;

  if (offset >= size)
    {
      *extent =
        (ImageExtent){ .offset = offset, .length = length, .depth = UINT_MAX, .host_offset = UINT64_MAX };
      return true;
    }
  if ((offset < known->offset || offset >= known->offset + known->length)
      && !job_extent (look->image, offset, size - offset, &look->extent, error))
    return false;
  passed = offset - known->offset;
  *extent = *known;
  extent->offset = offset;
  extent->length = MIN (known->length - passed, length);
  if (known->host_offset != UINT64_MAX && !known->encoded)
    extent->host_offset += passed;
  return true;
}

Image *
job_open (EventLoop *loop, const ImageSource *source, ImageOptions options, GError **error)
{
  options.exclusive_lock = true;
  options.format = source->format;
  options.secret = source->secret;
  return image_open (loop, source->path, &options, error);
}

size_t
job_zero_run (const uint8_t *data, size_t length, size_t granule, bool *zero)
{
  size_t at = MIN (granule, length);

  *zero = job_is_zero (data, at);
  while (at < length)
    {
      size_t n = MIN (granule, length - at);

      if (job_is_zero (data + at, n) != *zero)
        break;
      at += n;
    }
  return at;
}
