/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * What keeps other work on disk images away from layers that snapshots and linked clones need.
 *
 * Threading: any; reads the bundle anew each time.
 */

/**
 * snapshot_guard_change:
 * @path: of an image
 * @first, @last: which layers of its chain are to be changed or removed; 0: the image itself, 1: what it lies
 * on
 *
 * Refuses (BONSAI_ERROR_BUSY, with the snapshot named) if one of them lies in a machine's folder and a
 * snapshot needs what it holds. Images outside, and layers that machines write to, are fine.
 */
bool snapshot_guard_change (const char *path, unsigned first, unsigned last, GError **error);

/* Refuses a description of the machine in @bundle by which it would write to what a snapshot needs: an old
 * one that somebody kept in memory or in an editor. */
bool snapshot_guard_config (const char *bundle, const VmConfig *config, GError **error);

/**
 * snapshot_guard_copy:
 * @path: of an image, or another file
 * @to: (nullable): where its content would go: a file that may not be there yet; NULL: elsewhere than into a
 * file
 *
 * Refuses (BONSAI_ERROR_REFUSED) if the file, or one that it lies on, belongs to a workspace whose terms
 * allow no copies, and @to isn't in the same machine's folder.
 */
bool snapshot_guard_copy (const char *path, const char *to, GError **error);
/* The same for a layer of @path (0: the image itself) that would go down into the one below it. */
bool snapshot_guard_commit (const char *path, unsigned layer, GError **error);
/* The same for the disks and discs that the machine in @bundle would read. */
bool snapshot_guard_terms (const char *bundle, const VmConfig *config, GError **error);

/* Refuses if linked clones elsewhere need layers of the bundle: it can't be deleted, nor moved to another
 * folder. */
bool snapshot_guard_bundle (const char *bundle, GError **error);

G_END_DECLS
