/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/extent-map.h"
#include "devices/image/image-private.h"

G_BEGIN_DECLS

/*
 * The merged map of an image's layers: filled on demand by asking the formats, corrected by whoever changes
 * where something lies. image->lock held. A layer is only asked if its lock is free, and never to wait for a
 * store, so that this is short.
 *
 * Order: a change is made in the format first, in the map after. Then whatever a lookup notes in between is
 * either the new state, or is corrected.
 */

/* A map for the layers as they are now. */
ExtentMap *image_map_new (Image *image);

/* The run at @offset. UNKNOWN: a layer would have to be waited for. */
MapRun image_lookup_locked (Image *image, uint64_t offset, uint64_t length);

ImageStore *image_run_store (const Image *image, const MapRun *run);

/* What the top layer now holds at [offset, offset + length). */
void image_map_linked_locked (Image *image, const ImagePlace *place, uint64_t offset, uint64_t length);

G_END_DECLS
