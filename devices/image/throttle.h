/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/image.h"

G_BEGIN_DECLS

/*
 * Throttle: keeps one image within ImageLimits. Requests and bytes have a bucket of tokens each, which fills
 * at the limit's rate up to the burst. A request may go while neither is empty, and takes out what it costs,
 * even more than there is: the next one waits the longer. What can't go waits in line; a timer lets the first
 * go when its tokens are there.
 *
 * Threading: any thread; @release is called on the loop's.
 */
typedef struct Throttle Throttle;
typedef void (*ThrottleReleaseFunc) (ImageRequest *request);

/* @clock: (nullable): for tests; NULL: CLOCK_MONOTONIC. (transfer full) */
Throttle *throttle_new (EventLoop *loop, VmClock *clock, ThrottleReleaseFunc release);
void throttle_free (Throttle *throttle); /* nothing waits */

/* All zero: no limit. What waits goes by the new ones. */
void throttle_set_limits (Throttle *throttle, const ImageLimits *limits);

/* True: go on at once. False: @request (request->next is the throttle's meanwhile) is released later. */
bool throttle_pass (Throttle *throttle, ImageRequest *request);

/* Releases all that waits now; its cost is paid by what comes. */
void throttle_let_through (Throttle *throttle);

/* The same, and while it is @open nothing waits. */
void throttle_set_open (Throttle *throttle, bool open);

G_END_DECLS
