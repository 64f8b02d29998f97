/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What keeps other work on disk images away from layers that snapshots and linked clones need.
 *
 * Threading: any; reads the bundle anew each time.
 */

/* Refuses (BONSAI_ERROR_BUSY, with the snapshot or clone named) if the image at @path is in a bundle and what
 * it holds is needed by a snapshot, or by a clone elsewhere. What lies in no bundle, and the layers that
 * machines write to, are fine. */
bool snapshot_guard_change (const char *path, GError **error);

/* The same for the image that the one at @path lies on: it is to be written to (commit). */
bool snapshot_guard_change_backing (const char *path, GError **error);

/* Refuses if linked clones elsewhere need layers of the bundle: it can't be deleted, nor moved to another
 * folder. */
bool snapshot_guard_bundle (const char *bundle, GError **error);

G_END_DECLS
