/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/layer.h"

G_BEGIN_DECLS

/*
 * The last few compressed clusters of a layer, as they are once they are decoded: guests read less than a
 * cluster at a time, and in order. At most DECODED_ROOM bytes, or two clusters if they are larger than that.
 * Two who want the same one at the same time decode it once.
 *
 * Threading: any thread; inside, no other lock is taken.
 */
#define DECODED_ROOM (2u << 20)

typedef struct DecodedClusters DecodedClusters;
typedef struct DecodedCluster DecodedCluster;

DecodedClusters *decoded_clusters_new (void);
void decoded_clusters_free (DecodedClusters *clusters); /* nobody decodes. NULL is ignored */

/**
 * decoded_cluster_get:
 * @extent: ENCODED, of @layer
 * @offset: of the cluster, of the disk
 * @keep: it will be wanted again
 * @cluster: (out) (transfer full)
 *
 * Blocking. 0 or -errno.
 */
int decoded_cluster_get (ImageLayer *layer, const LayerExtent *extent, uint64_t offset, bool keep,
                         DecodedCluster **cluster);
const uint8_t *decoded_cluster_data (const DecodedCluster *cluster); /* layer->cluster bytes */
void decoded_cluster_unref (DecodedCluster *cluster);                /* NULL is ignored */

/* What lies in [offset, offset + length) of the layer's disk has changed. */
void decoded_forget (ImageLayer *layer, uint64_t offset, uint64_t length);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DecodedCluster, decoded_cluster_unref)

G_END_DECLS
