/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/decoded.h"
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

#include <stdlib.h>

/*
 * Rebase and commit. Both first copy, so that the image says what it said before whatever happens, and then
 * make one change that is atomic.
 */

/* The path that @backing means in an image at @path. (transfer full) */
static char *
resolve (const char *path, const char *backing)
{
  g_autofree char *folder = NULL;

  if (g_path_is_absolute (backing) || strstr (backing, "://") != NULL)
    return g_strdup (backing);
  folder = g_path_get_dirname (path);
  return g_build_filename (folder, backing, NULL);
}

static bool
set_backing (Image *image, const ImageRebase *how, GError **error)
{
  ImageLayer *layer = image_top (image);
  bool done;

  g_mutex_lock (&layer->lock);
  done = layer->format->set_backing (layer, how->backing_path, how->backing_format, error);
  g_mutex_unlock (&layer->lock);
  return done;
}

/* --- rebase --- */

typedef struct {
  Image *image;
  Image *fresh; /* (nullable): the new backing */
  JobLook old_look, fresh_look;
  uint64_t size, unit, position;
} Rebase;

static bool
same_bytes (const ImageExtent *a, const ImageExtent *b)
{
  if (!a->data && !b->data)
    return true;
  return a->data && b->data && !a->encoded && !b->encoded && a->host_offset != UINT64_MAX
         && a->host_offset == b->host_offset && g_strcmp0 (a->path, b->path) == 0;
}

static JobNext
next_to_keep (void *data, JobPiece *piece, GError **error)
{
  Rebase *rebase = data;

  while (rebase->position < rebase->size)
    {
      ImageExtent old, fresh;
      uint64_t offset = rebase->position, length, unit_end;

      if (!job_look (&rebase->old_look, offset, rebase->size - offset, &old, error))
        return JOB_FAILED;
      length = old.length;
      if (old.depth > 0)
        {
          if (!job_look (&rebase->fresh_look, offset, length, &fresh, error))
            return JOB_FAILED;
          length = fresh.length;
          if (!same_bytes (&old, &fresh))
            {
              unit_end = (offset + MAX (JOB_PIECE_SIZE, rebase->unit)) / rebase->unit * rebase->unit;
              piece->offset = offset;
              piece->length = MIN (MIN (length, unit_end - offset), JOB_BUFFER_SIZE);
              piece->extent = old;
              rebase->position += piece->length;
              return JOB_PIECE;
            }
        }
      piece->skipped += length;
      rebase->position += length;
    }
  return JOB_END;
}

/* Zeroes that the image itself holds, whatever lies below it later. */
static bool
hold_zeroes (Image *image, uint64_t offset, uint64_t length, uint8_t *zeroes, GError **error)
{
  ImageExtent extent;

  if (!job_write_zeroes (image, offset, length, error))
    return false;
  for (uint64_t end = offset + length; offset < end; offset += extent.length)
    {
      if (!job_extent (image, offset, end - offset, &extent, error))
        return false;
      memset (zeroes, 0, extent.length);
      if (extent.depth > 0 && !job_write (image, offset, zeroes, extent.length, error))
        return false;
    }
  return true;
}

static bool
read_fresh (Rebase *rebase, const JobPiece *piece, uint8_t *buffer, GError **error)
{
  uint64_t size = rebase->fresh != NULL ? image_size (rebase->fresh) : 0;
  uint64_t length = piece->offset < size ? MIN (piece->length, size - piece->offset) : 0;

  memset (buffer + length, 0, piece->length - length);
  return length == 0 || job_read (rebase->fresh, piece->offset, buffer, length, error);
}

static bool
keep (void *data, const JobPiece *piece, JobWorker *worker, GError **error)
{
  Rebase *rebase = data;
  uint8_t *old = worker->buffer[0], *fresh = worker->buffer[1];

  if (!job_read (rebase->image, piece->offset, old, piece->length, error)
      || !read_fresh (rebase, piece, fresh, error))
    return false;
  if (memcmp (old, fresh, piece->length) == 0)
    return true;
  if (job_is_zero (old, piece->length))
    return hold_zeroes (rebase->image, piece->offset, piece->length, fresh, error);
  for (uint64_t at = 0; at < piece->length; at += rebase->unit)
    {
      uint64_t n = MIN (rebase->unit, piece->length - at);

      if (memcmp (old + at, fresh + at, n) != 0
          && !job_write (rebase->image, piece->offset + at, old + at, n, error))
        return false;
    }
  return true;
}

static bool
rebase_safely (EventLoop *loop, Image *image, const char *backing, const ImageRebase *how,
               const ImageJob *job, GError **error)
{
  const ImageSource source = { .path = backing, .format = how->backing_format };
  g_autoptr (Image) fresh =
    backing != NULL ? job_open (loop, &source, (ImageOptions){ .read_only = true }, error) : NULL;
  Rebase rebase = { .image = image,
                    .fresh = fresh,
                    .old_look = { .image = image },
                    .fresh_look = { .image = fresh },
                    .size = image_size (image) };
  const JobPieces pieces = {
    .job = job, .total = rebase.size, .data = &rebase, .next = next_to_keep, .work = keep
  };

  if (backing != NULL && fresh == NULL)
    return false;
  rebase.unit = CLAMP (image_top (image)->cluster, 4096, JOB_BUFFER_SIZE);
  return job_pieces_run (&pieces, error) && job_flush (image, error) && set_backing (image, how, error);
}

static bool
check_rebase (const ImageSource *source, const ImageRebase *how, const char *backing, GError **error)
{
  g_autofree char *real = realpath (source->path, NULL);
  g_autofree char *real_backing = backing != NULL ? realpath (backing, NULL) : NULL;

  if (backing != NULL && how->backing_format == NULL)
    g_set_error (
      error, VMM_ERROR, VMM_ERROR_INVALID,
      "The format of the backing file “%s” must be given: its content may be a guest's, and so can't "
      "tell",
      backing);
  else if (backing != NULL && real_backing == NULL && strstr (backing, "://") == NULL)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "There is no file “%s” to be the backing of “%s”",
                 backing, source->path);
  else if (real != NULL && g_strcmp0 (real, real_backing) == 0)
    g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "“%s” can't be its own backing file", source->path);
  else
    return true;
  return false;
}

bool
image_rebase (const ImageSource *source, const ImageRebase *how, const ImageJob *job, GError **error)
{
  g_autofree char *backing = how->backing_path != NULL ? resolve (source->path, how->backing_path) : NULL;
  g_autoptr (EventLoop) loop = NULL;
  g_autoptr (Image) image = NULL;

  if (!check_rebase (source, how, backing, error) || (loop = loop_new ("image-rebase", error)) == NULL)
    return false;
  image = job_open (loop, source, (ImageOptions){ .no_backing = how->unsafe }, error);
  if (image == NULL)
    return false;
  if (image_top (image)->format->set_backing == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "“%s” is a %s image, which can't be put on another backing file; convert it to qcow2",
                   source->path, image_format_name (image));
      return false;
    }
  return how->unsafe ? set_backing (image, how, error)
                     : rebase_safely (loop, image, backing, how, job, error);
}

/* --- commit --- */

typedef struct {
  Image *top, *base;
  JobLook look;
  uint64_t size, unit, position;
} Commit;

static JobNext
next_to_commit (void *data, JobPiece *piece, GError **error)
{
  Commit *commit = data;

  while (commit->position < commit->size)
    {
      uint64_t offset = commit->position, unit_end;

      if (!job_look (&commit->look, offset, commit->size - offset, &piece->extent, error))
        return JOB_FAILED;
      if (piece->extent.depth == 0)
        {
          unit_end = (offset + MAX (JOB_PIECE_SIZE, commit->unit)) / commit->unit * commit->unit;
          piece->offset = offset;
          piece->length = MIN (MIN (piece->extent.length, unit_end - offset), JOB_BUFFER_SIZE);
          commit->position += piece->length;
          return JOB_PIECE;
        }
      piece->skipped += piece->extent.length;
      commit->position += piece->extent.length;
    }
  return JOB_END;
}

static bool
commit_piece (void *data, const JobPiece *piece, JobWorker *worker, GError **error)
{
  Commit *commit = data;
  uint8_t *buffer = worker->buffer[0];

  if (!piece->extent.data)
    return job_write_zeroes (commit->base, piece->offset, piece->length, error);
  if (!job_read (commit->top, piece->offset, buffer, piece->length, error))
    return false;
  for (uint64_t at = 0, run; at < piece->length; at += run)
    {
      bool zero;

      run = job_zero_run (buffer + at, piece->length - at, commit->unit, &zero);
      if (!(zero ? job_write_zeroes (commit->base, piece->offset + at, run, error)
                 : job_write (commit->base, piece->offset + at, buffer + at, run, error)))
        return false;
    }
  return true;
}

#define EMPTY_STEP (1ull << 30)

/* The base holds it all, stable: the image needs nothing of its own. */
static bool
empty (Image *image, const ImageJob *job, GError **error)
{
  ImageLayer *layer = image_top (image);
  uint64_t size = image_size (image);
  int result = 0;

  for (uint64_t at = 0; at < size && result == 0; at += EMPTY_STEP)
    {
      if (job_is_cancelled (job, error))
        return false;
      g_mutex_lock (&layer->lock);
      result = layer->format->unmap (layer, at, MIN (EMPTY_STEP, size - at), UNMAP_ABSENT, true);
      g_mutex_unlock (&layer->lock);
    }
  decoded_forget (layer, 0, UINT64_MAX);
  if (result == 0)
    result = image_layer_flush (layer);
  return result == 0
         || vmm_set_errno_error (error, -result,
                                 "“%s” is committed, but can't be emptied (run the command again)",
                                 image_path (image));
}

static bool
run_commit (Image *top, Image *base, const ImageJob *job, GError **error)
{
  Commit commit = { .top = top, .base = base, .look = { .image = top }, .size = image_size (top) };
  const JobPieces pieces = {
    .job = job, .total = commit.size, .data = &commit, .next = next_to_commit, .work = commit_piece
  };

  commit.unit = CLAMP (image_top (base)->cluster, 4096, JOB_BUFFER_SIZE);
  if (image_size (base) < commit.size && !image_resize (base, commit.size, error))
    return false;
  return job_pieces_run (&pieces, error) && job_flush (base, error);
}

/* Formats that tell a changed backing file are shown that this change is meant, before it is made: whatever
 * becomes of it, the chain opens again. */
static bool
begin_changing (Image *top, Image *base, const ImageInfo *info, GError **error)
{
  ImageLayer *layer = image_top (top);
  bool expected = true;
  int result;

  if (layer->format->check_backing == NULL || layer->format->set_backing == NULL)
    return true;
  g_mutex_lock (&layer->lock);
  if (layer->format->expect_change != NULL)
    expected = layer->format->expect_change (layer, image_top (base), error);
  g_mutex_unlock (&layer->lock);
  if (!expected)
    return false;
  result = image_layer_begin (image_top (base));
  if (result < 0)
    return vmm_set_errno_error (error, -result, "Can't write to disk image “%s”", image_path (base));
  return set_backing (top, &(ImageRebase){ info->backing_path, info->backing_format, false }, error);
}

bool
image_commit (const ImageSource *source, bool keep_content, const ImageJob *job, GError **error)
{
  g_autoptr (EventLoop) loop = loop_new ("image-commit", error);
  g_autoptr (Image) top =
    loop != NULL ? job_open (loop, source, (ImageOptions){ .no_backing = true }, error) : NULL;
  g_autoptr (Image) base = NULL;
  g_autoptr (ImageInfo) info = NULL;
  g_autofree char *below_path = NULL;
  ImageSource below;

  if (top == NULL)
    return false;
  info = image_info (top, 0);
  if (info->backing_path == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID, "“%s” has no backing file to commit to",
                   source->path);
      return false;
    }
  if (!keep_content && image_top (top)->format->unmap == NULL)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_UNSUPPORTED,
                   "“%s” is a %s image, which can't be emptied; commit it with --keep, and delete it",
                   source->path, image_format_name (top));
      return false;
    }
  below_path = image_layer_find_backing (image_top (top), info->backing_path);
  below = (ImageSource){ .path = below_path, .format = info->backing_format };
  base = job_open (loop, &below, (ImageOptions){ 0 }, error);
  if (base == NULL)
    {
      g_prefix_error (error, "Can't commit “%s”: ", source->path);
      return false;
    }
  return begin_changing (top, base, info, error) && run_commit (top, base, job, error)
         && (keep_content || empty (top, job, error));
}
