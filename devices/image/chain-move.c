/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/chain-private.h"
#include "devices/image/decoded.h"
#include "devices/image/write.h"

#include <errno.h>

#define BUFFER_SIZE (UINT64_C (1) << 20)

/* What shows through layer @from is written to layer @to. */
static int
copy (Image *image, unsigned from, unsigned to, uint64_t offset, uint64_t length)
{
  uint64_t size = MIN (length, BUFFER_SIZE);
  g_autofree uint8_t *buffer = g_try_malloc (size);
  int result = buffer != NULL ? 0 : -ENOMEM;

  while (length > 0 && result == 0)
    {
      const struct iovec iov = { buffer, MIN (length, size) };

      result = image_chain_read (image, from, offset, &iov, 1, 0, iov.iov_len);
      if (result == 0)
        result = image_write_layer (
          image, to, (WriteSource){ .offset = offset, .length = iov.iov_len, .iov = &iov, .n_iov = 1 });
      offset += iov.iov_len;
      length -= iov.iov_len;
    }
  return result;
}

/* --- up --- */

/* Zeroes that the top holds itself, whatever will lie below it. Where its format sees no need for them yet,
 * or has no word for them, they are written like any data. */
static int
hold_zeroes (Image *image, uint64_t offset, uint64_t *length)
{
  g_autofree uint8_t *zeroes = NULL;
  struct iovec iov;
  LayerExtent extent;
  unsigned holder;
  int result = image_clear_layer (image, 0, offset, *length, UNMAP_ZERO);

  if (result == 0)
    result = image_chain_map (image, 0, offset, *length, true, &extent, &holder);
  if (result < 0)
    return result;
  *length = extent.length;
  if (holder == 0)
    return 0;
  *length = MIN (*length, BUFFER_SIZE);
  zeroes = g_try_malloc0 (*length);
  iov = (struct iovec){ zeroes, *length };
  return zeroes == NULL
           ? -ENOMEM
           : image_write_layer (
             image, 0, (WriteSource){ .offset = offset, .length = *length, .iov = &iov, .n_iov = 1 });
}

/* Zeroes that the layers in between make, and that would be gone with them. */
static int
pull_zeroes (Image *image, unsigned layer, uint64_t offset, uint64_t *length)
{
  LayerExtent below;
  unsigned holder;
  int result = image_chain_map (image, layer, offset, *length, true, &below, &holder);

  if (result < 0)
    return result;
  *length = below.length;
  return below.kind == EXTENT_ZERO ? 0 : hold_zeroes (image, offset, length);
}

int
image_chain_pull (Image *image, unsigned layer, bool zeroes, uint64_t start, uint64_t end)
{
  int result = image_layer_begin (image_top (image));

  end = MIN (end, image_size (image));
  layer = MIN (layer, image->layers->len);
  while (start < end && result == 0)
    {
      LayerExtent extent;
      unsigned holder;
      uint64_t n;

      result = image_chain_map (image, 0, start, end - start, true, &extent, &holder);
      if (result < 0)
        break;
      n = extent.length;
      if (extent.kind == EXTENT_ZERO && holder != 0 && zeroes)
        result = hold_zeroes (image, start, &n);
      else if (extent.kind == EXTENT_ZERO && holder != 0)
        result = pull_zeroes (image, layer, start, &n);
      else if (holder > 0 && holder < layer)
        result = copy (image, 1, 0, start, n);
      start += n;
    }
  return result;
}

/* --- down --- */

/* Everything is below, and durable there. Formats that can't let go keep it: the same content twice. */
static int
leave_top (Image *image, uint64_t start, uint64_t end)
{
  ImageLayer *top = image_top (image);
  uint64_t mask = top->cluster - 1;
  int result = image_layer_flush (image_layer (image, 1));

  start = (start + mask) & ~mask;
  if (end < top->size)
    end &= ~mask;
  if (result < 0 || start >= end || top->format->unmap == NULL)
    return result;
  result = image_layer_begin (top);
  if (result < 0)
    return result;
  g_mutex_lock (&top->lock);
  result = top->format->unmap (top, start, end - start, UNMAP_ABSENT, true);
  g_mutex_unlock (&top->lock);
  decoded_forget (top, start, end - start);
  return result == -EOPNOTSUPP ? 0 : result;
}

int
image_chain_drain (Image *image, unsigned layer, uint64_t start, uint64_t end)
{
  uint64_t at = start;
  bool moved = false;
  int result;

  if (layer + 1 >= image->layers->len || image_layer (image, layer + 1)->read_only)
    return -EROFS;
  result = image_layer_begin (image_layer (image, layer + 1));
  end = MIN (end, image_layer (image, layer)->size);
  while (at < end && result == 0)
    {
      LayerExtent extent;

      result = image_layer_map (image_layer (image, layer), at, end - at, true, &extent);
      if (result < 0)
        break;
      if (extent.kind == EXTENT_ZERO)
        result = image_clear_layer (image, layer + 1, at, extent.length, UNMAP_ZERO);
      else if (extent.kind != EXTENT_ABSENT)
        result = copy (image, layer, layer + 1, at, extent.length);
      moved = moved || extent.kind != EXTENT_ABSENT;
      at += extent.length;
    }
  return result == 0 && layer == 0 && moved ? leave_top (image, start, end) : result;
}
