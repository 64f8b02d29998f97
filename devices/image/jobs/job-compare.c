/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-private.h"

#include "vmm/base/error.h"

/*
 * Two disks are walked in pieces that are of one kind in both. What is a hole in both needs no look; a hole
 * beside data asks whether the data is zero.
 */

enum { READ_A = 1 << 0, READ_B = 1 << 1 };

typedef struct {
  Image *image[2];
  uint64_t size[2], total;
  bool strict;
  uint64_t position;
  JobLook look[2];

  GMutex lock;
  ImageDifference difference;
  uint64_t offset; /* of the first difference so far; UINT64_MAX: none */
} Compare;

static void
found (Compare *compare, ImageDifference difference, uint64_t offset)
{
  g_mutex_lock (&compare->lock);
  if (offset < compare->offset)
    {
      compare->difference = difference;
      compare->offset = offset;
    }
  g_mutex_unlock (&compare->lock);
}

static uint64_t
first_found (Compare *compare)
{
  uint64_t offset;

  g_mutex_lock (&compare->lock);
  offset = compare->offset;
  g_mutex_unlock (&compare->lock);
  return offset;
}

static JobNext
next_piece (void *data, JobPiece *piece, GError **error)
{
  Compare *compare = data;

  while (compare->position < compare->total && compare->position < first_found (compare))
    {
      ImageExtent a, b;
      uint64_t offset = compare->position, length = compare->total - offset;

      if (!job_look (&compare->look[0], offset, length, &a, error)
          || !job_look (&compare->look[1], offset, a.length, &b, error))
        return JOB_FAILED;
      length = b.length;
      if (compare->strict && a.data != b.data)
        {
          found (compare, IMAGE_ALLOCATION_DIFFERS, offset);
          break;
        }
      piece->kind = (a.data ? READ_A : 0) | (b.data ? READ_B : 0);
      if (piece->kind != 0)
        {
          piece->offset = offset;
          piece->length = MIN (length, JOB_PIECE_SIZE);
          compare->position += piece->length;
          return JOB_PIECE;
        }
      piece->skipped += length;
      compare->position += length;
    }
  return JOB_END;
}

static size_t
first_difference (const uint8_t *a, const uint8_t *b, size_t length)
{
  size_t at = 0;

  /* Blocks first: the C library compares faster than a loop. */
  while (at + 4096 <= length && memcmp (a + at, b + at, 4096) == 0)
    at += 4096;
  while (at < length && a[at] == b[at])
    at++;
  return at;
}

static bool
compare_piece (void *data, const JobPiece *piece, JobWorker *worker, GError **error)
{
  Compare *compare = data;
  uint8_t *a = worker->buffer[0], *b = worker->buffer[1];

  if (piece->offset >= first_found (compare))
    return true;
  if ((piece->kind & READ_A) && !job_read (compare->image[0], piece->offset, a, piece->length, error))
    return false;
  if ((piece->kind & READ_B) && !job_read (compare->image[1], piece->offset, b, piece->length, error))
    return false;
  if (piece->kind == (READ_A | READ_B))
    {
      if (memcmp (a, b, piece->length) == 0)
        return true;
    }
  else
    {
      if (job_is_zero (piece->kind == READ_A ? a : b, piece->length))
        return true;
      memset (piece->kind == READ_A ? b : a, 0, piece->length);
    }
  found (compare, IMAGE_CONTENT_DIFFERS, piece->offset + first_difference (a, b, piece->length));
  return true;
}

bool
job_compare (Image *a, Image *b, bool strict, const ImageJob *job, ImageCompared *compared, GError **error)
{
  Compare compare = { .image = { a, b },
                      .look = { { .image = a }, { .image = b } },
                      .size = { image_size (a), image_size (b) },
                      .strict = strict,
                      .offset = UINT64_MAX };
  const JobPieces pieces = {
    .job = job,
    .total = MAX (compare.size[0], compare.size[1]),
    .data = &compare,
    .next = next_piece,
    .work = compare_piece,
  };
  bool done = true;

  compare.total = pieces.total;
  *compared = (ImageCompared){ .size = { compare.size[0], compare.size[1] } };
  if (strict && compare.size[0] != compare.size[1])
    {
      compared->difference = IMAGE_SIZE_DIFFERS;
      compared->offset = MIN (compare.size[0], compare.size[1]);
      return true;
    }
  g_mutex_init (&compare.lock);
  done = job_pieces_run (&pieces, error);
  if (done && compare.offset != UINT64_MAX)
    {
      compared->difference = compare.difference;
      compared->offset = compare.offset;
    }
  g_mutex_clear (&compare.lock);
  return done;
}

bool
image_compare (const ImageSource *a, const ImageSource *b, bool strict, const ImageJob *job,
               ImageCompared *compared, GError **error)
{
  const ImageOptions options = { .read_only = true };
  g_autoptr (EventLoop) loop = loop_new ("image-compare", error);
  g_autoptr (Image) image_a = loop != NULL ? job_open (loop, a, options, error) : NULL;
  g_autoptr (Image) image_b = image_a != NULL ? job_open (loop, b, options, error) : NULL;

  return image_b != NULL && job_compare (image_a, image_b, strict, job, compared, error);
}

/* --- map --- */

static bool
same_kind (const ImageExtent *a, const ImageExtent *b)
{
  if (a->data != b->data || a->encoded != b->encoded || a->depth != b->depth
      || g_strcmp0 (a->path, b->path) != 0)
    return false;
  if (a->host_offset == UINT64_MAX || b->host_offset == UINT64_MAX)
    return a->host_offset == b->host_offset;
  return a->encoded || a->host_offset + a->length == b->host_offset;
}

bool
image_map_open (Image *image, void (*func) (const ImageExtent *, void *), void *data, const ImageJob *job,
                GError **error)
{
  ImageExtent run = { 0 }, extent;
  uint64_t size = image_size (image);

  for (uint64_t at = 0; at < size; at += extent.length)
    {
      if (job_is_cancelled (job, error) || !job_extent (image, at, size - at, &extent, error))
        return false;
      if (run.length > 0 && same_kind (&run, &extent))
        {
          run.length += extent.length;
          continue;
        }
      if (run.length > 0)
        func (&run, data);
      run = extent;
    }
  if (run.length > 0)
    func (&run, data);
  return true;
}

bool
image_map (const ImageSource *source, bool no_backing, void (*func) (const ImageExtent *, void *), void *data,
           const ImageJob *job, GError **error)
{
  const ImageOptions options = { .read_only = true, .no_backing = no_backing, .locked = true };
  g_autoptr (EventLoop) loop = loop_new ("image-map", error);
  g_autoptr (Image) image = loop != NULL ? job_open (loop, source, options, error) : NULL;

  return image != NULL && image_map_open (image, func, data, job, error);
}
