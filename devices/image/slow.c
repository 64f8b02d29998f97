/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/write.h"

#include <errno.h>

/*
 * The slow path: whatever can't be handed to the stores at once is carried out here, on a worker, step by
 * step.
 */

/* The layer that a change at @offset goes to, and for how long it is the same one. */
static int
find_target (Image *image, uint64_t offset, uint64_t *length, unsigned *depth)
{
  LayerExtent extent;
  int result;

  *depth = 0;
  if (!image->draining)
    return 0;
  result = image_layer_map (image_top (image), offset, *length, true, &extent);
  if (result == 0)
    *length = extent.length;
  *depth = result == 0 && extent.kind == EXTENT_ABSENT ? 1 : 0;
  return result;
}

static int
change (Image *image, unsigned depth, const ImageRequest *request, uint64_t offset, uint64_t length)
{
  switch (request->kind)
    {
    case IMAGE_WRITE:
      return image_write_layer (image, depth,
                                (WriteSource){ .offset = offset,
                                               .length = length,
                                               .iov = request->iov,
                                               .n_iov = request->n_iov,
                                               .skip = offset - request->offset });
    case IMAGE_DISCARD:
      return image_clear_layer (image, depth, offset, length, UNMAP_DISCARD);
    case IMAGE_WRITE_ZEROES:
      return image_clear_layer (image, depth, offset, length, UNMAP_ZERO);
    default:
      return -EINVAL;
    }
}

static int
run_change (Image *image, const ImageRequest *request)
{
  uint64_t at = request->offset, end = request->offset + request->length;
  int result = image_layer_begin (image_top (image));

  while (at < end && result == 0)
    {
      uint64_t n = end - at;
      unsigned depth;

      result = find_target (image, at, &n, &depth);
      if (result == 0)
        result = change (image, depth, request, at, n);
      at += n;
    }
  return result;
}

/* Lower ones first: what a layer gave away must be durable below. */
int
image_flush_layers (Image *image)
{
  int result = 0;

  for (unsigned depth = image->layers->len; depth-- > 0 && result == 0;)
    if (!image_layer (image, depth)->read_only)
      result = image_layer_flush (image_layer (image, depth));
  return result;
}

int
image_run_slow (ImageRequest *request)
{
  Image *image = request->image;
  int result = -EINVAL;

  switch (request->kind)
    {
    case IMAGE_READ:
      return image_chain_read (image, 0, request->offset, request->iov, request->n_iov, 0, request->length);
    case IMAGE_FLUSH:
      break;
    case IMAGE_WRITE:
    case IMAGE_DISCARD:
    case IMAGE_WRITE_ZEROES:
      result = run_change (image, request);
      break;
    case IMAGE_PULL:
      result = image_chain_pull (image, request->layer, request->may_unmap, request->first, request->end);
      break;
    case IMAGE_DRAIN:
      result = image_chain_drain (image, request->layer, request->first, request->end);
      break;
    }
  image_forget (image, request->first, request->end - request->first);
  return result;
}
