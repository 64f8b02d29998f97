/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"
#include "devices/image/jobs/job-convert.h"

#include "vmm/base/error.h"

typedef struct {
  Image *image;
  JobLook look;
  uint64_t size, unit, position;
} Compact;

static JobNext
next_to_look_at (void *data, JobPiece *piece, GError **error)
{
  Compact *compact = data;

  while (compact->position < compact->size)
    {
      uint64_t offset = compact->position, unit_end;

      if (!job_look (&compact->look, offset, compact->size - offset, &piece->extent, error))
        return JOB_FAILED;
      if (piece->extent.depth == 0 && piece->extent.data)
        {
          unit_end = (offset + MAX (JOB_PIECE_SIZE, compact->unit)) / compact->unit * compact->unit;
          piece->offset = offset;
          piece->length = MIN (MIN (piece->extent.length, unit_end - offset), JOB_BUFFER_SIZE);
          compact->position += piece->length;
          return JOB_PIECE;
        }
      piece->skipped += piece->extent.length;
      compact->position += piece->extent.length;
    }
  return JOB_END;
}

/* Whole clusters of zeroes become none. */
static bool
free_zeroes (void *data, const JobPiece *piece, JobWorker *worker, GError **error)
{
  Compact *compact = data;
  uint8_t *buffer = worker->buffer[0];

  if (!job_read (compact->image, piece->offset, buffer, piece->length, error))
    return false;
  for (uint64_t at = 0, run; at < piece->length; at += run)
    {
      bool zero;

      run = job_zero_run (buffer + at, piece->length - at, compact->unit, &zero);
      if (zero && !job_write_zeroes (compact->image, piece->offset + at, run, error))
        return false;
    }
  return true;
}

static bool
compact_in_place (Image *image, const ImageJob *job, GError **error)
{
  Compact compact = { .image = image, .look = { .image = image }, .size = image_size (image) };
  const JobPieces pieces = {
    .job = job, .total = compact.size, .data = &compact, .next = next_to_look_at, .work = free_zeroes
  };

  compact.unit = CLAMP (image_top (image)->cluster, 4096, JOB_BUFFER_SIZE);
  return job_pieces_run (&pieces, error) && job_flush (image, error);
}

/* A new file of the same kind. What the format says of itself beyond this is its own default. */
static bool
rewrite (const ImageSource *source, const ImageInfo *info, const ImageJob *job, GError **error)
{
  const ImageConvert how = {
    .create = {
      .format = info->format,
      .subformat = info->subformat,
      .size = info->size,
      .backing_path = info->backing_path,
      .backing_format = info->backing_format,
      .cluster_size = info->cluster_size,
      .secret = source->secret,
    },
    .replace = true,
  };

  return job_rewrite (source, &how, info->backing_resolved, job, error);
}

static bool
frees_in_place (const ImageLayer *layer)
{
  return layer->identity || g_str_equal (layer->format->name, "qcow2");
}

bool
image_compact (const ImageSource *source, const ImageJob *job, ImageCompacted *compacted, GError **error)
{
  g_autoptr (EventLoop) loop = loop_new ("image-compact", error);
  g_autoptr (ImageKeys) keys = image_keys_new ();
  Image *image = loop != NULL ? job_open (loop, source, (ImageOptions){ .keys = keys }, error) : NULL;
  g_autoptr (ImageInfo) before = NULL;
  bool done = true;

  if (image == NULL)
    return false;
  before = image_info (image, 0);
  *compacted =
    (ImageCompacted){ .before = before->allocated, .rewritten = !frees_in_place (image_top (image)) };
  if (!compacted->rewritten)
    done = compact_in_place (image, job, error);
  image_close (image);
  if (done && compacted->rewritten)
    done = rewrite (source, before, job, error);
  if (!done)
    return false;

  image =
    job_open (loop, source, (ImageOptions){ .read_only = true, .no_backing = true, .keys = keys }, error);
  if (image != NULL)
    {
      g_autoptr (ImageInfo) after = image_info (image, 0);

      compacted->after = after->allocated;
    }
  image_close (image);
  return image != NULL;
}
