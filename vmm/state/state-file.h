/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * The file that a saved machine's state is in: a head with a version and a checksum, then the state. The
 * state's own tables have versions too; this one is raised when an older Bonsai could not tell that it
 * doesn't understand it.
 */

/* Writes a new file at @path, durably (but for the folder's entry). */
bool state_file_write (const char *path, GBytes *state, GError **error);

/* Returns: (transfer full): the state; NULL with @error set (VMM_ERROR_STATE: damaged; VMM_ERROR_UNSUPPORTED:
 * made by a newer version). Errors name the file. It is untrusted. */
GBytes *state_file_read (const char *path, GError **error);

/* As far as its head and size tell. */
bool state_file_check (const char *path, GError **error);

G_END_DECLS
