/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where machines that run can be met: $XDG_RUNTIME_DIR/bonsai/UUID.sock. The folder is this user's alone.
 * Threading: any thread.
 */

/* (transfer full) */
char *runtime_dir_path (void);

/* Makes the folder if it is missing, and refuses one that others own or may enter. */
gboolean runtime_dir_ensure (GError **error);

/* The socket of the machine with @uuid. (transfer full) */
char *runtime_dir_socket (const char *uuid);

/* The socket of a process that lends the memory of a machine, to clones that lie on the snapshot @id.
 * (transfer full) */
char *runtime_dir_loan (const char *id);

/* UUIDs of all sockets there; whether someone answers is another question. (transfer full) */
char **runtime_dir_list (void);

/* "….sock" → UUID, or NULL. (transfer full) */
char *runtime_dir_uuid_of (const char *socket_path);

G_END_DECLS
