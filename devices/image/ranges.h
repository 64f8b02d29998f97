/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image-private.h"

G_BEGIN_DECLS

/*
 * Which requests may be under way together. A request holds the range [first, end) that it touches: shared
 * while it leaves the map alone (reads, writes to where data lies already), exclusive, in whole clusters,
 * while it may change it. Overlapping ones of which one is exclusive follow each other in the order they
 * came. So no request meets a cluster that was freed, and perhaps reused, under its hands.
 */

/* Asks for the range of @request->offset and length. True: it is held. False: image_route_ready is
 * called, on any thread, when it is. */
bool ranges_hold (ImageRequest *request, bool exclusive);

void ranges_release (ImageRequest *request);

G_END_DECLS
