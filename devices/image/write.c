/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/write.h"

#include "devices/image/decoded.h"
#include "vmm/base/iov.h"

#include <errno.h>
#include <string.h>

#define BUFFER_SIZE (UINT64_C (1) << 20)

WriteSource
write_source_part (const WriteSource *source, uint64_t offset, uint64_t length)
{
  WriteSource part = *source;

  part.offset = offset;
  part.length = length;
  part.skip += offset - source->offset;
  return part;
}

/* --- data to where it belongs --- */

static int
write_plain (ImageStore *store, uint64_t at, const WriteSource *source)
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
source_copy (const WriteSource *source, uint8_t *buffer)
{
  if (source->iov == NULL)
    memset (buffer, 0, source->length);
  else
    iov_gather (source->iov, source->n_iov, source->skip, buffer, source->length);
}

/* [start, end) of the disk, whose data lies, or is to lie, at @at of @store: what the chain shows now with
 * @source over it, by way of a buffer; encrypted if the layer is. */
static int
write_merged (Image *image, unsigned depth, ImageStore *store, uint64_t at, uint64_t start, uint64_t end,
              const WriteSource *source)
{
  ImageLayer *layer = image_layer (image, depth);
  g_autofree uint8_t *buffer = g_try_malloc (MIN (end - start, BUFFER_SIZE));
  uint64_t source_end = source->offset + source->length;
  int result = buffer != NULL ? 0 : -ENOMEM;

  while (start < end && result == 0)
    {
      uint64_t n = MIN (end - start, BUFFER_SIZE), from = MAX (start, source->offset),
               to = MIN (start + n, source_end);
      const struct iovec iov = { buffer, n };

      if (from > start || to < start + n)
        result = image_chain_read (image, depth, start, &iov, 1, 0, n);
      if (from < to)
        {
          WriteSource part = write_source_part (source, from, to - from);

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
overwrite (Image *image, unsigned depth, const LayerExtent *extent, const WriteSource *source)
{
  const uint64_t mask = IMAGE_SECTOR_SIZE - 1;
  uint64_t head = source->offset & mask;

  if (!image_layer (image, depth)->encrypted)
    return write_plain (extent->store, extent->offset, source);
  return write_merged (image, depth, extent->store, extent->offset - head, source->offset - head,
                       (source->offset + source->length + mask) & ~mask, source);
}

/* --- writing where there is none yet --- */

/* Whether everything that the chain shows of [start, end) is zero. */
static int
is_zero (Image *image, unsigned depth, uint64_t start, uint64_t end, bool *zero)
{
  *zero = true;
  while (start < end && *zero)
    {
      LayerExtent extent;
      unsigned holder;
      int result = image_chain_map (image, depth, start, end - start, true, &extent, &holder);

      if (result < 0)
        return result;
      *zero = extent.kind == EXTENT_ZERO;
      start += extent.length;
    }
  return 0;
}

/* One stretch around @source: what the chain shows, unless the room reads as zeroes and so does the chain. */
static int
fill_around (Image *image, unsigned depth, const ImagePlace *place, const WriteSource *source, uint64_t start,
             uint64_t end)
{
  bool zero = false;
  int result = 0;

  if (start == end)
    return 0;
  if (place->zeroed)
    result = is_zero (image, depth, start, end, &zero);
  if (result < 0 || zero)
    return result;
  return write_merged (image, depth, place->store, place->store_offset + (start - place->offset), start, end,
                       source);
}

static int
write_into_place (Image *image, unsigned depth, const ImagePlace *place, const WriteSource *source,
                  uint64_t start, uint64_t end)
{
  uint64_t source_end = source->offset + source->length;
  int result;

  if (image_layer (image, depth)->encrypted)
    return write_merged (image, depth, place->store, place->store_offset + (start - place->offset), start,
                         end, source);
  result = fill_around (image, depth, place, source, start, source->offset);
  if (result == 0)
    result = fill_around (image, depth, place, source, source_end, end);
  if (result < 0 || (source->iov == NULL && place->zeroed))
    return result;
  return write_plain (place->store, place->store_offset + (source->offset - place->offset), source);
}

/* As much of @source as one place takes; *@done bytes. */
static int
write_new (Image *image, unsigned depth, const WriteSource *source, uint64_t *done)
{
  ImageLayer *layer = image_layer (image, depth);
  ImagePlace place = { 0 };
  WriteSource part;
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

  part = write_source_part (source, source->offset,
                            MIN (source->length, place.offset + place.length - source->offset));
  result = image_find_hull (layer, &place, part.offset, part.length, true, &start, &end);
  if (result == 0)
    result = write_into_place (image, depth, &place, &part, start, end);
  g_mutex_lock (&layer->lock);
  if (result == 0)
    layer->format->link (layer, &place, start, end - start);
  layer->format->unplace (layer, &place);
  g_mutex_unlock (&layer->lock);
  decoded_forget (layer, place.offset, place.length);
  *done = part.length;
  return result;
}

int
image_write_layer (Image *image, unsigned depth, WriteSource source)
{
  ImageLayer *layer = image_layer (image, depth);

  while (source.length > 0)
    {
      LayerExtent extent;
      unsigned holder = depth;
      uint64_t n = 0;
      int result = source.iov == NULL
                     ? image_chain_map (image, depth, source.offset, source.length, true, &extent, &holder)
                     : image_layer_map (layer, source.offset, source.length, true, &extent);

      if (result == 0)
        {
          WriteSource part = write_source_part (&source, source.offset, extent.length);

          n = extent.length;
          if (holder == depth && extent.kind == EXTENT_DATA && extent.writable)
            result = overwrite (image, depth, &extent, &part);
          else if (source.iov != NULL || extent.kind != EXTENT_ZERO)
            result = write_new (image, depth, &part, &n);
        }
      if (result < 0)
        return result;
      source = write_source_part (&source, source.offset + n, source.length - n);
    }
  return 0;
}

/* --- clearing --- */

/* Raw layers give their space back themselves. */
static int
clear_identity (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind)
{
  int result = store_punch (layer->store, offset, length);

  if (result != -EOPNOTSUPP)
    return result;
  return kind == UNMAP_DISCARD ? 0 : store_zero (layer->store, offset, length);
}

static int
unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind)
{
  int result;

  if (layer->format->unmap == NULL)
    return -EOPNOTSUPP;
  g_mutex_lock (&layer->lock);
  result = layer->format->unmap (layer, offset, length, kind, true);
  g_mutex_unlock (&layer->lock);
  decoded_forget (layer, offset, length);
  return result;
}

/* Whole clusters leave the layer, their edges are zeroed. */
int
image_clear_layer (Image *image, unsigned depth, uint64_t offset, uint64_t length, UnmapKind kind)
{
  ImageLayer *layer = image_layer (image, depth);
  uint64_t mask = layer->cluster - 1, stop = offset + length, start = MIN ((offset + mask) & ~mask, stop),
           end = stop >= layer->size ? stop : MAX (stop & ~mask, start);
  bool zero = kind == UNMAP_ZERO;
  int result = 0;

  if (layer->identity)
    return clear_identity (layer, offset, length, kind);
  if (zero)
    result = image_write_layer (image, depth, (WriteSource){ .offset = offset, .length = start - offset });
  if (result == 0 && start < end)
    {
      result = unmap (layer, start, end - start, kind);
      if (result == -EOPNOTSUPP)
        result = zero
                   ? image_write_layer (image, depth, (WriteSource){ .offset = start, .length = end - start })
                   : 0;
    }
  if (zero && result == 0)
    result = image_write_layer (image, depth, (WriteSource){ .offset = end, .length = stop - end });
  return result;
}
