/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/lookup.h"

#define MAP_BUDGET     (UINT64_C (16) << 20)
#define MIN_GRANULE    4096u
#define CHUNK_GRANULES 64u /* what is filled at a time */

/* Finer granules than guests' blocks would only cost memory: those that aren't of one kind are SLOW. */
ExtentMap *
image_map_new (Image *image)
{
  unsigned granule = 0;

  for (unsigned i = 0; i < image->layers->len; i++)
    {
      const ImageLayer *layer = image_layer (image, i);

      if (!layer->identity)
        granule = granule == 0 ? layer->granule : MIN (granule, layer->granule);
    }
  return extent_map_new (MAX (granule, MIN_GRANULE), image_size (image), MAP_BUDGET);
}

static MapRun
as_run (Image *image, const LayerExtent *extent, unsigned holder, uint64_t offset)
{
  MapRun run = { .kind = MAP_SLOW, .offset = offset, .length = extent->length };

  if (extent->kind == EXTENT_ZERO)
    run.kind = MAP_ZERO;
  else if (extent->kind == EXTENT_DATA && !image_layer (image, holder)->encrypted)
    {
      run.kind = MAP_DATA;
      run.writable = extent->writable && holder <= (unsigned)image->draining;
      run.store = extent->store->number;
      run.store_offset = extent->offset;
    }
  return run;
}

static void
fill_chunk (Image *image, uint64_t offset)
{
  uint64_t chunk = (uint64_t)extent_map_granule (image->map) * CHUNK_GRANULES, size = image_size (image);
  uint64_t at = offset & ~(chunk - 1), end = MIN (at + chunk, size);

  while (at < end)
    {
      LayerExtent extent;
      unsigned holder;
      MapRun run;

      if (image_chain_map (image, 0, at, end - at, false, &extent, &holder) < 0)
        {
          at |= extent_map_granule (image->map) - 1; /* nobody knows about the rest of this one */
          extent_map_forget (image->map, at, 1);
          at++;
          if (at > offset)
            return;
          continue;
        }
      run = as_run (image, &extent, holder, at);
      extent_map_set (image->map, &run, MAP_SLOW, at + extent.length == size);
      at += extent.length;
    }
}

MapRun
image_lookup_locked (Image *image, uint64_t offset, uint64_t length)
{
  MapRun run = extent_map_find (image->map, offset, length);

  if (run.kind != MAP_UNKNOWN)
    return run;
  fill_chunk (image, offset);
  return extent_map_find (image->map, offset, length);
}

ImageStore *
image_run_store (const Image *image, const MapRun *run)
{
  return g_ptr_array_index (image->stores, run->store);
}

void
image_map_linked_locked (Image *image, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  uint64_t size = image_size (image);
  const MapRun run = {
    .kind = MAP_DATA,
    .writable = true,
    .store = place->store->number,
    .store_offset = place->store_offset + (offset - place->offset),
    .offset = offset,
    .length = MIN (length, size - offset),
  };

  extent_map_set (image->map, &run, MAP_UNKNOWN, offset + length >= size);
}
