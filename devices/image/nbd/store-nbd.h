/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "devices/image/store.h"

G_BEGIN_DECLS

/*
 * The class "nbd": an export of an NBD server, by way of libnbd. See store_open.
 *
 * When the server goes away, requests wait while the connection is made again: at once, then after longer and
 * longer pauses, for NBD_PATIENCE seconds; then they fail with -EIO, and the next request starts over.
 *
 * What a guest was told is written survives that, even if the server lost it: NBD promises nothing of a write
 * before a flush that follows it is confirmed, so writes are kept in memory until then, and written again, in
 * order, to the server that came back, before anything else goes to it. What is kept is bounded: a flush of
 * our own is sent when it is much. A server that offers no flush gets no such care: it says that there is
 * nothing to flush.
 *
 * NBD knows no locks: that only one machine writes to an export is for the server, or its owner, to see to.
 */
#define NBD_PATIENCE 60u

ImageStore *store_nbd_open (EventLoop *loop, const char *uri, const StoreOptions *options, GError **error);

/* For tests: gives up after @seconds. Before the first request. */
void store_nbd_set_patience (ImageStore *store, unsigned seconds);

G_END_DECLS
