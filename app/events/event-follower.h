/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"

G_BEGIN_DECLS

/*
 * EventFollower: reads along in the log of events, whoever writes it.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct EventFollower EventFollower;

/* @event: (nullable): NULL: the log can't be read any more, for @error, and this was the last call. */
typedef void (*EventFollowFunc) (const Event *event, const GError *error, gpointer data);

/* Tells what is there already, before this returns, and then what comes. @path: of the log, which is made if
 * there is none. @query: copied; its strings outlive the follower. */
EventFollower *event_follower_new (const char *path, const EventQuery *query, EventFollowFunc told,
                                   gpointer data, GError **error);
void event_follower_free (EventFollower *follower);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EventFollower, event_follower_free)

G_END_DECLS
