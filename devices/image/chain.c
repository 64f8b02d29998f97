/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/decoded.h"
#include "devices/image/extent-map.h"
#include "devices/image/image-private.h"

#include "vmm/base/iov.h"

#include <errno.h>
#include <string.h>

int
image_chain_map (Image *image, unsigned depth, uint64_t offset, uint64_t length, bool may_block,
                 LayerExtent *extent, unsigned *holder)
{
  for (; depth < image->layers->len; depth++)
    {
      ImageLayer *layer = image_layer (image, depth);
      int result;

      if (offset >= layer->size)
        break; /* what lies below a shorter layer can't be seen */
      result = image_layer_map (layer, offset, length, may_block, extent);
      if (result < 0)
        return result;
      length = extent->length;
      if (extent->kind != EXTENT_ABSENT)
        {
          *holder = depth;
          return 0;
        }
    }
  *extent = (LayerExtent){ .kind = EXTENT_ZERO, .length = length };
  *holder = image->layers->len;
  return 0;
}

/* --- reading --- */

/* Encrypted sectors can't be read by parts: whole ones, by way of a buffer. */
static int
read_encrypted (ImageLayer *layer, const LayerExtent *extent, const struct iovec *iov, unsigned n_iov,
                uint64_t skip, uint64_t length)
{
  const uint64_t mask = IMAGE_SECTOR_SIZE - 1;
  uint64_t start = extent->offset & ~mask, end = (extent->offset + length + mask) & ~mask;
  g_autofree uint8_t *buffer = g_try_malloc (end - start);
  int result;

  if (buffer == NULL)
    return -ENOMEM;
  result = store_read (extent->store, start, buffer, end - start);
  if (result == 0)
    result = layer->format->crypt (layer, start, buffer, end - start, false);
  if (result == 0)
    iov_scatter (iov, n_iov, skip, buffer + (extent->offset - start), length);
  return result;
}

static int
read_encoded (ImageLayer *layer, const LayerExtent *extent, uint64_t offset, const struct iovec *iov,
              unsigned n_iov, uint64_t skip, uint64_t length)
{
  uint64_t within = offset & (layer->cluster - 1);
  g_autoptr (DecodedCluster) cluster = NULL;
  int result = decoded_cluster_get (layer, extent, offset - within, length < layer->cluster, &cluster);

  if (result == 0)
    iov_scatter (iov, n_iov, skip, decoded_cluster_data (cluster) + within, length);
  return result;
}

static int
read_plain (const LayerExtent *extent, const struct iovec *iov, unsigned n_iov, uint64_t skip,
            uint64_t length)
{
  g_autofree struct iovec *slice = g_new (struct iovec, n_iov);
  unsigned n = iov_slice (slice, n_iov, iov, n_iov, skip, length);

  return store_readv (extent->store, extent->offset, slice, n);
}

#define MAX_BOUNCE (UINT64_C (1) << 20)

int
image_chain_read (Image *image, unsigned depth, uint64_t offset, const struct iovec *iov, unsigned n_iov,
                  uint64_t skip, uint64_t length)
{
  while (length > 0)
    {
      LayerExtent extent;
      unsigned holder;
      uint64_t n;
      int result = image_chain_map (image, depth, offset, length, true, &extent, &holder);
      ImageLayer *layer = result == 0 && holder < image->layers->len ? image_layer (image, holder) : NULL;

      if (result < 0)
        return result;
      n = extent.length;
      if (extent.kind == EXTENT_ZERO)
        iov_scatter (iov, n_iov, skip, NULL, n);
      else if (extent.kind == EXTENT_ENCODED)
        {
          n = MIN (n, layer->cluster - (offset & (layer->cluster - 1)));
          result = read_encoded (layer, &extent, offset, iov, n_iov, skip, n);
        }
      else if (layer->encrypted)
        {
          n = MIN (n, MAX_BOUNCE);
          result = read_encrypted (layer, &extent, iov, n_iov, skip, n);
        }
      else
        result = read_plain (&extent, iov, n_iov, skip, n);
      if (result < 0)
        return result;
      offset += n;
      skip += n;
      length -= n;
    }
  return 0;
}

/* --- room for new data --- */

int
image_find_hull (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length, bool may_block,
                 uint64_t *start, uint64_t *end)
{
  uint64_t mask = layer->granule - 1;
  uint64_t stop = MIN (place->offset + place->length, layer->size), at = place->offset;

  *start = offset & ~mask;
  *end = (offset + length + mask) & ~mask;
  while (layer->granule < layer->cluster && at < stop)
    {
      LayerExtent extent;
      int result = image_layer_map (layer, at, stop - at, may_block, &extent);

      if (result < 0)
        return result;
      if ((extent.kind == EXTENT_DATA && !extent.writable) || extent.kind == EXTENT_ENCODED)
        {
          *start = MIN (*start, at & ~mask);
          *end = MAX (*end, (at + extent.length + mask) & ~mask);
        }
      at += extent.length;
    }
  return 0;
}

void
image_forget (Image *image, uint64_t offset, uint64_t length)
{
  g_mutex_lock (&image->lock);
  if (image->map != NULL)
    extent_map_forget (image->map, offset, length);
  g_mutex_unlock (&image->lock);
}

int
image_write_code (Image *image, uint64_t offset, const uint8_t *code, size_t size)
{
  ImageLayer *layer = image_top (image);
  int result = image_layer_begin (layer);

  if (result < 0)
    return result;
  g_mutex_lock (&layer->lock);
  result = layer->format->write_code (layer, offset, code, size);
  g_mutex_unlock (&layer->lock);
  decoded_forget (layer, offset, layer->cluster);
  image_forget (image, offset, MIN (layer->cluster, image_size (image) - offset));
  return result;
}
