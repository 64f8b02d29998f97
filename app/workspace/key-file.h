/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

/*
 * Secret keys of the user's, each a file of its own that nobody else can read: 32 random bytes. What a key is
 * for (an issuer's signatures, the seal of the user's leases) its file's name says.
 *
 * Threading: any; no state but the file system's.
 */
#define KEY_FILE_SIZE 32u

typedef uint8_t KeyBytes[KEY_FILE_SIZE];

/* The file of the key @name, in the folder for keys below @data (as g_get_user_data_dir). (transfer full) */
char *key_file_path (const char *data, const char *name);

/* Makes the key if there is none: complete or not at all, never in the place of another. Its folder is 0700,
 * the file 0600. */
bool key_file_make (const char *path, GError **error);

/* BONSAI_ERROR_NOT_FOUND: there is none; BONSAI_ERROR_REFUSED: others may read it; BONSAI_ERROR_INVALID: it
 * is damaged. Whoever has read a key wipes it (explicit_bzero). */
bool key_file_read (const char *path, KeyBytes key, GError **error);

G_END_DECLS
