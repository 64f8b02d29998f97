/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/base/json-add.h"
#include "app/events/event-log.h"

G_BEGIN_DECLS

/* Events for programs; times are local, with their zone (RFC 3339). Any thread. */

/* An object with what is known of @event. */
void event_add_json (JsonBuilder *builder, const Event *event);
/* One by itself, on one line; and an array. @events: of Event. (transfer full) */
char *event_to_json (const Event *event);
char *events_to_json (const GPtrArray *events);

G_END_DECLS
