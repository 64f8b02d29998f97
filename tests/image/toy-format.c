/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/image/toy-format.h"

#include <errno.h>

enum { GRANULE_ABSENT, GRANULE_ZERO, GRANULE_DATA };

#define MAX_GRANULES 64u

typedef struct {
  uint64_t store_offset; /* 0: none */
  uint64_t pending;      /* room of a place that isn't linked yet */
  bool frozen, encoded;
  uint8_t granules[MAX_GRANULES];
} Cluster;

typedef struct {
  ToyConfig config;
  GRand *rand;
  Cluster *clusters;
  uint64_t n_clusters, end;
  GArray *free;  /* of uint64_t: room that may be used again */
  GArray *freed; /* after the next flush */
  int decodes;   /* atomic */
} Toy;

static void
assert_locked (ImageLayer *layer)
{
  g_assert_false (g_mutex_trylock (&layer->lock));
}

static bool
would_block (Toy *toy, bool may_block)
{
  return !may_block && g_rand_int_range (toy->rand, 0, 4) == 0;
}

static unsigned
n_granules (const Toy *toy)
{
  return toy->config.cluster / toy->config.granule;
}

static void
give_room_back (Toy *toy, uint64_t room)
{
  if (room != 0)
    g_array_append_val (toy->freed, room);
}

static bool
toy_open (ImageLayer *layer, const ImageOptions *options, GError **error)
{
  layer->size = layer->cluster = layer->granule = 512;
  return true;
}

static void
toy_close (ImageLayer *layer)
{
  Toy *toy = layer->state;

  if (toy == NULL)
    return;
  for (uint64_t i = 0; i < toy->n_clusters; i++)
    g_assert_cmpuint (toy->clusters[i].pending, ==, 0);
  g_rand_free (toy->rand);
  g_array_unref (toy->free);
  g_array_unref (toy->freed);
  g_free (toy->clusters);
  g_free (toy);
}

static int
toy_map (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, LayerExtent *extent)
{
  Toy *toy = layer->state;
  uint64_t in_cluster = offset % toy->config.cluster, granule = in_cluster / toy->config.granule;
  const Cluster *cluster = &toy->clusters[offset / toy->config.cluster];
  uint64_t first = granule;

  assert_locked (layer);
  g_assert_cmpuint (length, >, 0);
  g_assert_cmpuint (offset + length, <=, layer->size);
  if (would_block (toy, may_block))
    return -EAGAIN;
  *extent = (LayerExtent){ .kind = (ExtentKind)cluster->granules[granule] };
  while (granule < n_granules (toy) && cluster->granules[granule] == cluster->granules[first])
    granule++;
  if (cluster->granules[first] == GRANULE_DATA)
    *extent = (LayerExtent){ .kind = cluster->encoded ? EXTENT_ENCODED : EXTENT_DATA,
                             .writable = !cluster->frozen && !cluster->encoded,
                             .store = layer->store,
                             .offset = cluster->store_offset + (cluster->encoded ? 0 : in_cluster),
                             .code_size = toy->config.cluster };
  extent->length = MIN (length, granule * toy->config.granule - in_cluster);
  return 0;
}

static uint64_t
find_room (Toy *toy, bool *zeroed)
{
  uint64_t room;

  *zeroed = toy->free->len == 0 || g_rand_boolean (toy->rand);
  if (*zeroed)
    {
      room = toy->end;
      toy->end += toy->config.cluster;
    }
  else
    {
      room = g_array_index (toy->free, uint64_t, toy->free->len - 1);
      g_array_set_size (toy->free, toy->free->len - 1);
    }
  return room;
}

static int
toy_place (ImageLayer *layer, uint64_t offset, uint64_t length, bool may_block, ImagePlace *place)
{
  Toy *toy = layer->state;
  uint64_t size = toy->config.cluster, number = offset / size;
  Cluster *cluster = &toy->clusters[number];
  uint64_t end = (offset + length + size - 1) / size;

  assert_locked (layer);
  g_assert_cmpuint (offset + length, <=, layer->size);
  if (would_block (toy, may_block))
    return -EAGAIN;
  g_assert_cmpuint (cluster->pending, ==, 0);
  *place = (ImagePlace){ .offset = number * size, .length = size, .store = layer->store };
  if (cluster->store_offset != 0 && !cluster->frozen && !cluster->encoded)
    {
      /* Some of its granules are there already: not those that were asked for. */
      g_assert_cmpint (cluster->granules[offset % size / toy->config.granule], !=, GRANULE_DATA);
      place->store_offset = cluster->store_offset;
      cluster->pending = cluster->store_offset;
      return 0;
    }
  place->store_offset = cluster->pending = find_room (toy, &place->zeroed);
  while (place->zeroed && ++number < end && g_rand_boolean (toy->rand)
         && toy->clusters[number].store_offset == 0)
    {
      toy->clusters[number].pending = toy->end;
      toy->end += size;
      place->length += size;
    }
  return 0;
}

static void
toy_link (ImageLayer *layer, const ImagePlace *place, uint64_t offset, uint64_t length)
{
  Toy *toy = layer->state;
  uint64_t size = toy->config.cluster, granule = toy->config.granule;

  assert_locked (layer);
  g_assert_cmpuint (offset % granule, ==, 0);
  g_assert_cmpuint (length % granule, ==, 0);
  g_assert_cmpuint (offset, >=, place->offset);
  g_assert_cmpuint (offset + length, <=, place->offset + place->length);
  for (uint64_t at = offset; at < offset + length; at += granule)
    {
      Cluster *cluster = &toy->clusters[at / size];

      if (cluster->store_offset != cluster->pending)
        {
          g_assert_cmpuint (cluster->pending, ==, place->store_offset + (at / size * size - place->offset));
          for (unsigned i = 0; i < n_granules (toy); i++) /* what isn't taken along would be lost */
            if (cluster->granules[i] == GRANULE_DATA)
              {
                uint64_t lost = at / size * size + i * granule;

                g_assert_cmpuint (lost, >=, offset);
                g_assert_cmpuint (lost, <, offset + length);
              }
          give_room_back (toy, cluster->store_offset);
          cluster->store_offset = cluster->pending;
          cluster->frozen = cluster->encoded = false;
        }
      cluster->granules[at % size / granule] = GRANULE_DATA;
    }
  layer->dirty = true;
}

static void
toy_unplace (ImageLayer *layer, const ImagePlace *place)
{
  Toy *toy = layer->state;

  assert_locked (layer);
  for (uint64_t at = place->offset; at < place->offset + place->length; at += toy->config.cluster)
    {
      Cluster *cluster = &toy->clusters[at / toy->config.cluster];

      g_assert_cmpuint (cluster->pending, !=, 0);
      if (cluster->pending != cluster->store_offset)
        g_array_append_val (toy->free, cluster->pending);
      cluster->pending = 0;
    }
}

static int
toy_unmap (ImageLayer *layer, uint64_t offset, uint64_t length, UnmapKind kind, bool may_block)
{
  Toy *toy = layer->state;
  uint64_t size = toy->config.cluster;

  assert_locked (layer);
  g_assert_cmpuint (offset % size, ==, 0);
  g_assert_true (length % size == 0 || offset + length == layer->size);
  for (uint64_t at = offset; at < offset + length; at += size)
    {
      Cluster *cluster = &toy->clusters[at / size];

      g_assert_cmpuint (cluster->pending, ==, 0);
      give_room_back (toy, cluster->store_offset);
      memset (cluster, 0, sizeof *cluster);
      memset (cluster->granules, kind == UNMAP_ABSENT ? GRANULE_ABSENT : GRANULE_ZERO,
              sizeof cluster->granules);
    }
  layer->dirty = true;
  return 0;
}

static int
toy_flush (ImageLayer *layer)
{
  Toy *toy = layer->state;
  int result = store_sync (layer->store);

  assert_locked (layer);
  g_array_append_vals (toy->free, toy->freed->data, toy->freed->len);
  g_array_set_size (toy->freed, 0);
  layer->dirty = false;
  return result;
}

static int
toy_crypt (ImageLayer *layer, uint64_t store_offset, uint8_t *data, size_t length, bool encrypt)
{
  g_assert_cmpuint (store_offset % 512, ==, 0);
  g_assert_cmpuint (length % 512, ==, 0);
  for (size_t i = 0; i < length; i++)
    data[i] ^= (uint8_t)((store_offset + i) * 37 + ((store_offset + i) >> 9));
  return 0;
}

static int
toy_decode (ImageLayer *layer, const LayerExtent *extent, uint8_t *out)
{
  Toy *toy = layer->state;
  int result = store_read (extent->store, extent->offset, out, toy->config.cluster);

  g_atomic_int_inc (&toy->decodes);
  g_assert_cmpuint (extent->offset % toy->config.cluster, ==, 0);
  if (result == 0 && layer->encrypted)
    result = toy_crypt (layer, extent->offset, out, toy->config.cluster, false);
  for (unsigned i = 0; i < toy->config.cluster; i++)
    out[i] = (uint8_t)~out[i];
  return result;
}

const ImageFormat toy_format = {
  .name = "toy",
  .open = toy_open,
  .close = toy_close,
  .map = toy_map,
  .place = toy_place,
  .link = toy_link,
  .unplace = toy_unplace,
  .unmap = toy_unmap,
  .flush = toy_flush,
  .decode = toy_decode,
  .crypt = toy_crypt,
};

ImageLayer *
toy_layer_new (EventLoop *loop, const char *path, const ToyConfig *config)
{
  static const ImageOptions writable = { .exclusive_lock = true };
  GError *error = NULL;
  Toy *toy = g_new0 (Toy, 1);
  ImageLayer *layer;

  store_close (store_create (path, &error));
  g_assert_no_error (error);
  layer = image_layer_open (store_open (loop, path, &(StoreOptions){ .lock = true }, &error), &toy_format,
                            &writable, &error);
  g_assert_no_error (error);
  toy->config = *config;
  toy->rand = g_rand_new_with_seed (config->seed);
  toy->n_clusters = (config->size + config->cluster - 1) / config->cluster;
  toy->clusters = g_new0 (Cluster, toy->n_clusters);
  toy->end = config->cluster;
  toy->free = g_array_new (FALSE, FALSE, sizeof (uint64_t));
  toy->freed = g_array_new (FALSE, FALSE, sizeof (uint64_t));
  layer->size = config->size;
  layer->cluster = config->cluster;
  layer->granule = config->granule;
  layer->encrypted = config->encrypted;
  layer->state = toy;
  return layer;
}

static bool
is_all_data (const Toy *toy, const Cluster *cluster)
{
  for (unsigned i = 0; i < n_granules (toy); i++)
    if (cluster->granules[i] != GRANULE_DATA)
      return false;
  return true;
}

void
toy_layer_freeze (ImageLayer *layer)
{
  Toy *toy = layer->state;
  size_t size = toy->config.cluster;
  g_autofree uint8_t *data = g_malloc (size);

  for (uint64_t n = 0; n < toy->n_clusters; n++)
    {
      Cluster *cluster = &toy->clusters[n];

      cluster->frozen = cluster->store_offset != 0;
      if (!is_all_data (toy, cluster) || cluster->encoded || g_rand_int_range (toy->rand, 0, 3) > 0)
        continue;
      g_assert_cmpint (store_read (layer->store, cluster->store_offset, data, size), ==, 0);
      for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)~data[i];
      g_assert_cmpint (store_write (layer->store, cluster->store_offset, data, size), ==, 0);
      cluster->encoded = true;
    }
}

unsigned
toy_layer_encoded (const ImageLayer *layer)
{
  const Toy *toy = layer->state;
  unsigned n = 0;

  for (uint64_t i = 0; i < toy->n_clusters; i++)
    n += toy->clusters[i].encoded;
  return n;
}

unsigned
toy_layer_decodes (const ImageLayer *layer)
{
  const Toy *toy = layer->state;

  return (unsigned)g_atomic_int_get (&toy->decodes);
}
