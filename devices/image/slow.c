/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/image-private.h"

#include "vmm/base/iov.h"

#include <errno.h>
#include <string.h>

/*
 * The slow path: whatever can't be handed to the stores at once is carried out here, on a worker, step by
 * step.
 */
#define BUFFER_SIZE (UINT64_C (1) << 20)

/* What is to be written to [offset, offset + length): bytes of @iov from @skip on; NULL: zeroes. */
typedef struct {
  uint64_t offset, length;
  const struct iovec *iov;
  unsigned n_iov;
  uint64_t skip;
} Source;

static Source
source_part (const Source *source, uint64_t offset, uint64_t length)
{
  Source part = *source;

  part.offset = offset;
  part.length = length;
  part.skip += offset - source->offset;
  return part;
}

/* --- data to where it belongs --- */

static int
write_plain (ImageStore *store, uint64_t at, const Source *source)
{
  g_autofree struct iovec *slice = NULL;
  unsigned n;

  if (source->iov == NULL)
    return store_zero (store, at, source->length);
  slice = g_new (struct iovec, source->n_iov);
  n = iov_slice (slice, source->n_iov, source->iov, source->n_iov, source->skip, source->length);
  return store_writev (store, at, slice, n);
}

static void
source_copy (const Source *source, uint8_t *buffer)
{
  if (source->iov == NULL)
    memset (buffer, 0, source->length);
  else
    iov_gather (source->iov, source->n_iov, source->skip, buffer, source->length);
}

/* [start, end) of the disk, whose data lies, or is to lie, at @at of @store: what the chain shows now with
 * @source over it, by way of a buffer; encrypted if the layer is. */
static int
write_merged (Image *image, ImageStore *store, uint64_t at, uint64_t start, uint64_t end,
              const Source *source)
{
  ImageLayer *layer = image_top (image);
  g_autofree uint8_t *buffer = g_try_malloc (MIN (end - start, BUFFER_SIZE));
  uint64_t source_end = source->offset + source->length;
  int result = buffer != NULL ? 0 : -ENOMEM;

  while (start < end && result == 0)
    {
      uint64_t n = MIN (end - start, BUFFER_SIZE), from = MAX (start, source->offset),
               to = MIN (start + n, source_end),
               seen = start < image_size (image) ? image_size (image) - start : 0;
      const struct iovec iov = { buffer, n };

      seen = MIN (seen, n);
      memset (buffer + seen, 0, n - seen);
      if (from > start || to < start + seen)
        result = image_chain_read (image, 0, start, &iov, 1, 0, seen);
      if (from < to)
        {
          Source part = source_part (source, from, to - from);

          source_copy (&part, buffer + (from - start));
        }
      if (result == 0 && layer->encrypted)
        result = layer->format->crypt (layer, at, buffer, n, true);
      if (result == 0)
        result = store_write (store, at, buffer, n);
      start += n;
      at += n;
    }
  return result;
}

/* --- writing where there is room already --- */

static int
overwrite (Image *image, const LayerExtent *extent, const Source *source)
{
  const uint64_t mask = IMAGE_SECTOR_SIZE - 1;
  uint64_t head = source->offset & mask;

  if (!image_top (image)->encrypted)
    return write_plain (extent->store, extent->offset, source);
  return write_merged (image, extent->store, extent->offset - head, source->offset - head,
                       (source->offset + source->length + mask) & ~mask, source);
}

/* --- writing where there is none yet --- */

/* Whether everything that the chain shows of [start, end) is zero. */
static int
is_zero (Image *image, uint64_t start, uint64_t end, bool *zero)
{
  *zero = true;
  end = MIN (end, image_size (image));
  while (start < end && *zero)
    {
      LayerExtent extent;
      unsigned holder;
      int result = image_chain_map (image, 0, start, end - start, true, &extent, &holder);

      if (result < 0)
        return result;
      *zero = extent.kind == EXTENT_ZERO;
      start += extent.length;
    }
  return 0;
}

/* One stretch around @source: what the chain shows, unless the room reads as zeroes and so does the chain. */
static int
fill_around (Image *image, const ImagePlace *place, const Source *source, uint64_t start, uint64_t end)
{
  bool zero = false;
  int result = 0;

  if (start == end)
    return 0;
  if (place->zeroed)
    result = is_zero (image, start, end, &zero);
  if (result < 0 || zero)
    return result;
  return write_merged (image, place->store, place->store_offset + (start - place->offset), start, end,
                       source);
}

static int
write_into_place (Image *image, const ImagePlace *place, const Source *source, uint64_t start, uint64_t end)
{
  uint64_t source_end = source->offset + source->length;
  int result;

  if (image_top (image)->encrypted)
    return write_merged (image, place->store, place->store_offset + (start - place->offset), start, end,
                         source);
  result = fill_around (image, place, source, start, source->offset);
  if (result == 0)
    result = fill_around (image, place, source, source_end, end);
  if (result < 0 || (source->iov == NULL && place->zeroed))
    return result;
  return write_plain (place->store, place->store_offset + (source->offset - place->offset), source);
}

/* As much of @source as one place takes; *@done bytes. */
static int
write_new (Image *image, const Source *source, uint64_t *done)
{
  ImageLayer *layer = image_top (image);
  ImagePlace place = { 0 };
  Source part;
  uint64_t start, end;
  int result;

  if (layer->format->place == NULL)
    return -EROFS;
  g_mutex_lock (&layer->lock);
  result = layer->format->place (layer, source->offset, source->length, true, &place);
  g_mutex_unlock (&layer->lock);
  if (result < 0)
    return result;
  g_assert (place.offset <= source->offset && place.offset + place.length > source->offset);

  part =
    source_part (source, source->offset, MIN (source->length, place.offset + place.length - source->offset));
  result = image_find_hull (image, &place, part.offset, part.length, true, &start, &end);
  if (result == 0)
    result = write_into_place (image, &place, &part, start, end);
  g_mutex_lock (&layer->lock);
  if (result == 0)
    layer->format->link (layer, &place, start, end - start);
  layer->format->unplace (layer, &place);
  g_mutex_unlock (&layer->lock);
  *done = part.length;
  return result;
}

/* --- requests --- */

static int
run_write (Image *image, Source source)
{
  ImageLayer *layer = image_top (image);

  while (source.length > 0)
    {
      LayerExtent extent;
      unsigned holder = 0;
      uint64_t n;
      int result = source.iov == NULL
                     ? image_chain_map (image, 0, source.offset, source.length, true, &extent, &holder)
                     : image_layer_map (layer, source.offset, source.length, true, &extent);

      if (result < 0)
        return result;
      n = extent.length;
      if (holder == 0 && extent.kind == EXTENT_DATA && extent.writable)
        {
          Source part = source_part (&source, source.offset, n);

          result = overwrite (image, &extent, &part);
        }
      else if (source.iov == NULL && extent.kind == EXTENT_ZERO)
        result = 0;
      else
        {
          Source part = source_part (&source, source.offset, n);

          result = write_new (image, &part, &n);
        }
      if (result < 0)
        return result;
      source = source_part (&source, source.offset + n, source.length - n);
    }
  return 0;
}

static int
unmap (Image *image, uint64_t offset, uint64_t length, UnmapKind kind)
{
  ImageLayer *layer = image_top (image);
  int result = -EOPNOTSUPP;

  if (layer->format->unmap == NULL)
    return result;
  g_mutex_lock (&layer->lock);
  result = layer->format->unmap (layer, offset, length, kind, true);
  g_mutex_unlock (&layer->lock);
  return result;
}

/* Whole clusters leave the layer, their edges are zeroed. */
static int
run_clear (Image *image, const ImageRequest *request)
{
  bool zeroes = request->kind == IMAGE_WRITE_ZEROES;
  uint64_t mask = image_top (image)->cluster - 1, start = (request->offset + mask) & ~mask,
           request_end = request->offset + request->length, end = request_end;
  const Source head = { .offset = request->offset, .length = MIN (start, request_end) - request->offset };
  int result = 0;

  if (request_end < image_size (image))
    end &= ~mask;
  if (zeroes)
    result = run_write (image, head);
  if (result == 0 && start < end)
    {
      result = unmap (image, start, end - start, zeroes ? UNMAP_ZERO : UNMAP_DISCARD);
      if (result == -EOPNOTSUPP)
        result = zeroes ? run_write (image, (Source){ .offset = start, .length = end - start }) : 0;
    }
  if (zeroes && result == 0 && request_end > MAX (start, end))
    result =
      run_write (image, (Source){ .offset = MAX (start, end), .length = request_end - MAX (start, end) });
  return result;
}

/* Raw layers give their space back themselves. */
static int
run_clear_identity (Image *image, const ImageRequest *request)
{
  ImageStore *store = image_top (image)->store;
  int result = -EOPNOTSUPP;

  if (request->kind == IMAGE_DISCARD || request->may_unmap)
    result = store_punch (store, request->offset, request->length);
  if (result != -EOPNOTSUPP)
    return result;
  return request->kind == IMAGE_DISCARD ? 0 : store_zero (store, request->offset, request->length);
}

int
image_run_slow (ImageRequest *request)
{
  Image *image = request->image;
  int result = 0;

  if (request->kind != IMAGE_READ && request->kind != IMAGE_FLUSH)
    result = image_layer_begin (image_top (image));
  if (result < 0)
    return result;
  switch (request->kind)
    {
    case IMAGE_READ:
      return image_chain_read (image, 0, request->offset, request->iov, request->n_iov, 0, request->length);
    case IMAGE_WRITE:
      result = run_write (image, (Source){ .offset = request->offset,
                                           .length = request->length,
                                           .iov = request->iov,
                                           .n_iov = request->n_iov });
      break;
    case IMAGE_FLUSH:
      return image_layer_flush (image_top (image));
    case IMAGE_DISCARD:
    case IMAGE_WRITE_ZEROES:
      result = image_top (image)->identity ? run_clear_identity (image, request) : run_clear (image, request);
      break;
    }
  image_forget (image, request->first, request->end - request->first);
  return result;
}
