/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/jobs/job-convert.h"

#include "devices/image/image-private.h"
#include "vmm/base/error.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#define CLONE_SIZE      (64ull << 20) /* one piece of shared blocks, or of zeroes: cancelling waits for it */
#define WRITE_BACK_STEP (32ull << 20)
#define MIN_GRANULE     4096u  /* zeroes are looked for in blocks of this size … */
#define MAX_GRANULE     65536u /* … or of the target's clusters up to this one */

enum { PIECE_COPY, PIECE_CLONE, PIECE_ZERO };

typedef struct {
  Image *source, *target;
  bool top_only;     /* what the source's top layer doesn't hold, the target needn't hold */
  bool zeroes_count; /* the target may not read as zeroes where nothing is written */
  uint64_t size;
  uint64_t align; /* pieces begin and end at multiples: no cluster is written by two */
  size_t granule;
  JobCloner *cloner;         /* (nullable) */
  JobCompressor *compressor; /* (nullable) */

  uint64_t position;
  JobLook look;
  ImageExtent extent; /* from @position on */

  int fd; /* the target's file, or -1 */
  _Atomic uint64_t copied, cloned, zeroes, waiting;
} Convert;

/* --- what to do, in order --- */

static uint64_t
round_up (uint64_t value, uint64_t multiple)
{
  return (value + multiple - 1) / multiple * multiple;
}

static void
set_piece (Convert *convert, JobPiece *piece, int kind, uint64_t length)
{
  piece->kind = kind;
  piece->offset = convert->position;
  piece->length = MIN (length, convert->size - convert->position);
  piece->extent = convert->extent;
  convert->position += piece->length;
}

/* How much of a hole at the position is whole clusters. */
static uint64_t
whole_hole (const Convert *convert)
{
  uint64_t end = convert->extent.offset + convert->extent.length;

  if (end < convert->size)
    end -= end % convert->align;
  return end > convert->position ? end - convert->position : 0;
}

static bool
is_hole (const Convert *convert)
{
  return !convert->extent.data || (convert->top_only && convert->extent.depth > 0);
}

static bool
may_skip (const Convert *convert)
{
  return !convert->zeroes_count || (convert->top_only && convert->extent.depth > 0);
}

static JobNext
next_piece (void *data, JobPiece *piece, GError **error)
{
  Convert *convert = data;

  while (convert->position < convert->size)
    {
      uint64_t hole, shared, end;

      if (!job_look (&convert->look, convert->position, convert->size - convert->position, &convert->extent,
                     error))
        return JOB_FAILED;
      hole = is_hole (convert) ? whole_hole (convert) : 0;
      shared = job_cloner_offer (convert->cloner, &convert->extent, MIN (convert->extent.length, CLONE_SIZE),
                                 &piece->source);
      end = round_up (convert->extent.offset + convert->extent.length, convert->align);
      if (hole > 0 && may_skip (convert))
        {
          convert->position += hole;
          convert->zeroes += hole;
          piece->skipped += hole;
          continue;
        }
      if (hole > 0)
        set_piece (convert, piece, PIECE_ZERO, MIN (hole, CLONE_SIZE));
      else if (shared > 0 && shared % convert->align == 0)
        set_piece (convert, piece, PIECE_CLONE, shared);
      else
        set_piece (convert, piece, PIECE_COPY,
                   MIN (end - convert->position, MAX (JOB_PIECE_SIZE, convert->align)));
      return JOB_PIECE;
    }
  return JOB_END;
}

/* --- doing it, several at a time --- */

/* The disk writes while the copy goes on: the flush at the end finds little left to do. */
static void
write_back (Convert *convert, uint64_t written)
{
  if (convert->fd < 0 || atomic_fetch_add (&convert->waiting, written) + written < WRITE_BACK_STEP)
    return;
  convert->waiting = 0;
  sync_file_range (convert->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static bool
write_runs (Convert *convert, uint64_t offset, const uint8_t *data, uint64_t length, GError **error)
{
  while (length > 0)
    {
      bool zero, done = true;
      size_t run = job_zero_run (data, length, convert->granule, &zero);

      if (!zero)
        done = job_write (convert->target, offset, data, run, error);
      else if (convert->zeroes_count)
        done = job_write_zeroes (convert->target, offset, run, error);
      if (!done)
        return false;
      if (zero)
        convert->zeroes += run;
      else
        convert->copied += run;
      offset += run;
      data += run;
      length -= run;
    }
  return true;
}

static bool
copy (Convert *convert, uint64_t offset, uint64_t length, uint8_t *buffer, GError **error)
{
  if (!job_read (convert->source, offset, buffer, length, error)
      || !write_runs (convert, offset, buffer, length, error))
    return false;
  write_back (convert, length);
  return true;
}

static bool
share (Convert *convert, const JobPiece *piece, uint8_t *buffer, GError **error)
{
  if (job_cloner_clone (convert->cloner, piece->source, &piece->extent, piece->length))
    {
      convert->cloned += piece->length;
      return true;
    }
  for (uint64_t at = 0; at < piece->length; at += JOB_PIECE_SIZE)
    if (!copy (convert, piece->offset + at, MIN (JOB_PIECE_SIZE, piece->length - at), buffer, error))
      return false;
  return true;
}

static bool
compress (Convert *convert, const JobPiece *piece, uint8_t *buffer, GError **error)
{
  uint64_t whole = round_up (piece->length, convert->align), zeroes = 0;
  bool done = job_read (convert->source, piece->offset, buffer, piece->length, error);

  if (!done)
    {
      job_compressor_stop (convert->compressor);
      return false;
    }
  memset (buffer + piece->length, 0, whole - piece->length);
  done =
    job_compressor_write (convert->compressor, piece->number, piece->offset, buffer, whole, &zeroes, error);
  convert->zeroes += zeroes;
  convert->copied += whole - zeroes;
  return done;
}

static bool
deal_with (void *data, const JobPiece *piece, JobWorker *worker, GError **error)
{
  Convert *convert = data;

  if (convert->compressor != NULL)
    return compress (convert, piece, worker->buffer[0], error);
  switch (piece->kind)
    {
    case PIECE_CLONE:
      return share (convert, piece, worker->buffer[0], error);
    case PIECE_ZERO:
      convert->zeroes += piece->length;
      return job_write_zeroes (convert->target, piece->offset, piece->length, error);
    default:
      return copy (convert, piece->offset, piece->length, worker->buffer[0], error);
    }
}

static bool
fill (Convert *convert, const ImageJob *job, GError **error)
{
  const JobPieces pieces = {
    .job = job, .total = convert->size, .data = convert, .next = next_piece, .work = deal_with
  };
  g_autoptr (ImageInfo) info = image_info (convert->target, 0);
  unsigned cluster = info->cluster_size;

  if (convert->compressor != NULL)
    cluster = job_compressor_cluster (convert->compressor);
  convert->align = CLAMP (cluster, MIN_GRANULE, JOB_BUFFER_SIZE);
  convert->granule = CLAMP (cluster, MIN_GRANULE, MAX_GRANULE);
  /* What one layer holds ends where it ends, not with the cluster. */
  if (convert->top_only)
    convert->align = IMAGE_SECTOR_SIZE;
  return job_pieces_run (&pieces, error) && job_flush (convert->target, error);
}

/* --- the whole --- */

static bool
fill_target (EventLoop *loop, Image *source, const char *path, const ImageConvert *how, bool top_only,
             const ImageJob *job, ImageConverted *converted, GError **error)
{
  const ImageSource where = { path, how->create.format, how->create.secret };
  g_autoptr (Image) target = job_open (loop, &where, (ImageOptions){ .keys = how->create.keys }, error);
  g_autoptr (JobCloner) cloner = NULL;
  g_autoptr (JobCompressor) compressor = NULL;
  Convert convert = {
    .source = source,
    .target = target,
    .look = { .image = source },
    .top_only = top_only,
    .zeroes_count = how->existing || (top_only && how->create.backing_path != NULL),
    .size = image_size (source),
  };
  bool done;

  if (target == NULL)
    return false;
  if (image_size (target) < convert.size)
    {
      g_set_error (error, VMM_ERROR, VMM_ERROR_INVALID,
                   "“%s” has %" G_GUINT64_FORMAT " bytes, which is less than the %" G_GUINT64_FORMAT
                   " bytes of “%s”; choose a larger one",
                   path, image_size (target), convert.size, image_path (source));
      return false;
    }
  if (how->compress && (compressor = job_compressor_new (target, error)) == NULL)
    return false;
  if (!how->compress && !how->existing && g_str_equal (image_format_name (target), "raw"))
    cloner = job_cloner_new (path);
  convert.cloner = cloner;
  convert.compressor = compressor;
  convert.fd = how->existing ? -1 : open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  done = fill (&convert, job, error);
  if (convert.fd >= 0)
    close (convert.fd);
  if (converted != NULL)
    *converted = (ImageConverted){ convert.copied, convert.cloned, convert.zeroes };
  return done;
}

static bool
verify (EventLoop *loop, Image *source, const char *path, const ImageConvert *how, const ImageJob *job,
        GError **error)
{
  const ImageSource where = { path, how->create.format, how->create.secret };
  const ImageOptions options = { .read_only = true, .keys = how->create.keys };
  g_autoptr (Image) target = job_open (loop, &where, options, error);
  ImageCompared compared;

  if (target == NULL || !job_compare (source, target, false, job, &compared, error))
    return false;
  /* What an existing target has beyond the source is nobody's business here. */
  if (compared.difference == IMAGE_SAME || compared.offset >= image_size (source))
    return true;
  g_set_error (error, VMM_ERROR, VMM_ERROR_FAILED,
               "“%s” does not hold what was written, from byte %" G_GUINT64_FORMAT
               " on: the disk under it, or memory, may be faulty; nothing was replaced",
               path, compared.offset);
  return false;
}

static bool
write_and_verify (EventLoop *loop, Image *source, const char *path, const ImageConvert *how,
                  const ImageJob *job, ImageConverted *converted, GError **error)
{
  uint64_t size = image_size (source), total = how->verify ? 2 * size : size;
  const JobPass writing = { job, 0, size, total }, verifying = { job, size, size, total };
  const ImageJob write_job = job_pass (&writing), verify_job = job_pass (&verifying);

  return fill_target (loop, source, path, how, false, &write_job, converted, error)
         && (!how->verify || verify (loop, source, path, how, &verify_job, error));
}

bool
image_convert (const ImageSource *from, const char *target, const ImageConvert *how, const ImageJob *job,
               ImageConverted *converted, GError **error)
{
  g_auto (JobOutput) output = { .fd = -1 };
  g_autoptr (EventLoop) loop = loop_new ("image-convert", error);
  g_autoptr (ImageKeys) keys = image_keys_new ();
  const ImageOptions options = { .read_only = true, .keys = keys };
  g_autoptr (Image) source = loop != NULL ? job_open (loop, from, options, error) : NULL;
  ImageConvert new = *how;

  if (source == NULL)
    return false;
  new.create.keys = keys;
  if (how->existing)
    return write_and_verify (loop, source, target, &new, job, converted, error);

  if (new.create.size == 0)
    new.create.size = image_size (source);
  /* A stream has nothing but compressed clusters. */
  if (g_strcmp0 (new.create.subformat, "streamOptimized") == 0)
    new.compress = true;
  if (!job_output_begin (&output, target, how->replace, error))
    return false;
  new.create.stem = output.stem;
  return image_create (output.path, &new.create, error)
         && write_and_verify (loop, source, output.path, &new, job, converted, error)
         && !job_is_cancelled (job, error) && job_output_finish (&output, how->replace, error);
}

/* The image says of its backing file what the old one said, now that it is in its place: formats look into
 * the file that they are to name. */
static bool
name_backing (EventLoop *loop, const char *path, const ImageConvert *how, ImageKeys *keys, GError **error)
{
  const ImageSource where = { path, how->create.format, how->create.secret };
  g_autoptr (Image) image = NULL;
  ImageLayer *layer;
  bool done;

  if (how->create.backing_path == NULL)
    return true;
  image = job_open (loop, &where, (ImageOptions){ .no_backing = true, .keys = keys }, error);
  if (image == NULL)
    return false;
  layer = image_top (image);
  g_mutex_lock (&layer->lock);
  done = layer->format->set_backing (layer, how->create.backing_path, how->create.backing_format, error);
  g_mutex_unlock (&layer->lock);
  return done;
}

bool
job_rewrite (const ImageSource *from, const ImageConvert *how, const char *backing, const ImageJob *job,
             GError **error)
{
  g_auto (JobOutput) output = { .fd = -1 };
  g_autoptr (EventLoop) loop = loop_new ("image-rewrite", error);
  g_autoptr (ImageKeys) keys = image_keys_new ();
  const ImageOptions options = { .read_only = true, .no_backing = true, .keys = keys };
  g_autoptr (Image) source = loop != NULL ? job_open (loop, from, options, error) : NULL;
  ImageConvert new = *how;

  if (source == NULL)
    return false;
  new.create.keys = keys;
  /* The folder in which it takes shape is another one. */
  if (backing != NULL)
    new.create.backing_path = backing;
  if (!job_output_begin (&output, from->path, how->replace, error))
    return false;
  new.create.stem = output.stem;
  return image_create (output.path, &new.create, error)
         && fill_target (loop, source, output.path, &new, true, job, NULL, error)
         && !job_is_cancelled (job, error) && job_output_finish (&output, how->replace, error)
         && name_backing (loop, output.target, how, keys, error);
}
