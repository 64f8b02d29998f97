/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Makes the lock file, with room for its holder's number: a full disk must not hide who runs a machine. */
gboolean bundle_make_lock (const char *path, GError **error);

/* Makes what was made, renamed and removed in the folder durable. */
gboolean bundle_sync_folder (const char *path, GError **error);

/* The folder in @parent in which a bundle is made. *@fd: a lock on it, closed when it is in its place: without
 * that it is a leftover. (transfer full) */
char *bundle_make_temporary (const char *parent, int *fd, GError **error);

/* Calls @func for each folder in @parent in which a bundle was made when its maker ended, locked. */
void bundle_for_leftovers (const char *parent, void (*func) (const char *path, void *data), void *data);

/* Removes a folder and what is in it; symbolic links are removed, not followed. */
void bundle_remove_tree (const char *path);

/* Moves the folder @from to @parent/@slug.bonsai, or -2, -3, … if that is taken. Never replaces anything.
 * Returns: (transfer full): where it went, or NULL with @error set. */
char *bundle_move_in (const char *from, const char *parent, const char *slug, GError **error);

G_END_DECLS
