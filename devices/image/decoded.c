/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/image/decoded.h"

#include <errno.h>

#define MAX_CLUSTERS 32u

struct DecodedCluster {
  gatomicrefcount references;
  uint64_t offset; /* of the disk */
  ImageStore *store;
  uint64_t code_offset;
  uint64_t turn; /* of its last use */
  bool ready;
  int result;
  uint8_t data[];
};

struct DecodedClusters {
  GMutex lock;
  GCond ready;
  uint64_t turn;
  int used;                               /* atomic: anything was ever kept */
  DecodedCluster *clusters[MAX_CLUSTERS]; /* NULL: free */
};

DecodedClusters *
decoded_clusters_new (void)
{
  DecodedClusters *self = g_new0 (DecodedClusters, 1);

  g_mutex_init (&self->lock);
  g_cond_init (&self->ready);
  return self;
}

void
decoded_clusters_free (DecodedClusters *self)
{
  if (self == NULL)
    return;
  for (unsigned i = 0; i < MAX_CLUSTERS; i++)
    decoded_cluster_unref (self->clusters[i]);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->ready);
  g_free (self);
}

void
decoded_cluster_unref (DecodedCluster *cluster)
{
  if (cluster != NULL && g_atomic_ref_count_dec (&cluster->references))
    g_free (cluster);
}

const uint8_t *
decoded_cluster_data (const DecodedCluster *cluster)
{
  return cluster->data;
}

/* --- one cluster --- */

static DecodedCluster *
new_cluster (const ImageLayer *layer, const LayerExtent *extent, uint64_t offset)
{
  DecodedCluster *cluster = g_try_malloc (sizeof (DecodedCluster) + layer->cluster);

  if (cluster == NULL)
    return NULL;
  *cluster = (DecodedCluster){ .offset = offset, .store = extent->store, .code_offset = extent->offset };
  g_atomic_ref_count_init (&cluster->references);
  return cluster;
}

static DecodedCluster *
ref (DecodedCluster *cluster)
{
  g_atomic_ref_count_inc (&cluster->references);
  return cluster;
}

static DecodedCluster **
find_locked (DecodedClusters *self, const LayerExtent *extent, uint64_t offset)
{
  for (unsigned i = 0; i < MAX_CLUSTERS; i++)
    {
      const DecodedCluster *cluster = self->clusters[i];

      if (cluster != NULL && cluster->offset == offset && cluster->store == extent->store
          && cluster->code_offset == extent->offset)
        return &self->clusters[i];
    }
  return NULL;
}

/* A free place, or that of the one used longest ago; NULL: all are being decoded. */
static DecodedCluster **
find_place_locked (DecodedClusters *self, const ImageLayer *layer)
{
  unsigned room = CLAMP (DECODED_ROOM / layer->cluster, 2, MAX_CLUSTERS);
  DecodedCluster **oldest = NULL;

  for (unsigned i = 0; i < room; i++)
    {
      DecodedCluster **place = &self->clusters[i];

      if (*place == NULL)
        return place;
      if ((*place)->ready && (oldest == NULL || (*place)->turn < (*oldest)->turn))
        oldest = place;
    }
  return oldest;
}

static void
drop_locked (DecodedCluster **place)
{
  g_clear_pointer (place, decoded_cluster_unref);
}

/* One that is there, or becomes ready; else a new one, which the caller decodes: *@mine. */
static DecodedCluster *
find_or_add (DecodedClusters *self, const ImageLayer *layer, const LayerExtent *extent, uint64_t offset,
             bool keep, bool *mine)
{
  DecodedCluster **place, *cluster = NULL;

  g_mutex_lock (&self->lock);
  place = find_locked (self, extent, offset);
  *mine = place == NULL;
  if (place != NULL)
    {
      cluster = ref (*place);
      cluster->turn = ++self->turn;
      while (!cluster->ready)
        g_cond_wait (&self->ready, &self->lock);
    }
  else
    {
      cluster = new_cluster (layer, extent, offset);
      place = cluster != NULL && keep ? find_place_locked (self, layer) : NULL;
      if (place != NULL)
        {
          drop_locked (place);
          *place = ref (cluster);
          g_atomic_int_set (&self->used, true);
          cluster->turn = ++self->turn;
        }
    }
  g_mutex_unlock (&self->lock);
  return cluster;
}

static void
set_result (DecodedClusters *self, DecodedCluster *cluster, int result)
{
  g_mutex_lock (&self->lock);
  cluster->result = result;
  cluster->ready = true;
  for (unsigned i = 0; result < 0 && i < MAX_CLUSTERS; i++)
    if (self->clusters[i] == cluster)
      drop_locked (&self->clusters[i]);
  g_cond_broadcast (&self->ready);
  g_mutex_unlock (&self->lock);
}

int
decoded_cluster_get (ImageLayer *layer, const LayerExtent *extent, uint64_t offset, bool keep,
                     DecodedCluster **result)
{
  bool mine;
  g_autoptr (DecodedCluster) cluster = find_or_add (layer->decoded, layer, extent, offset, keep, &mine);

  if (cluster == NULL)
    return -ENOMEM;
  if (mine)
    set_result (layer->decoded, cluster, layer->format->decode (layer, extent, cluster->data));
  if (cluster->result < 0)
    return cluster->result;
  *result = g_steal_pointer (&cluster);
  return 0;
}

void
decoded_forget (ImageLayer *layer, uint64_t offset, uint64_t length)
{
  DecodedClusters *self = layer->decoded;

  if (self == NULL || !g_atomic_int_get (&self->used))
    return;
  g_mutex_lock (&self->lock);
  for (unsigned i = 0; i < MAX_CLUSTERS; i++)
    {
      const DecodedCluster *cluster = self->clusters[i];

      if (cluster != NULL && cluster->offset + layer->cluster > offset
          && (length > UINT64_MAX - offset || cluster->offset < offset + length))
        drop_locked (&self->clusters[i]);
    }
  g_mutex_unlock (&self->lock);
}
