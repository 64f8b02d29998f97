/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/*
 * Connects to the socket at @path, behind which a process of @owner must listen. While that has
 * not come to accept others it is waited for, some seconds, in a thread.
 *
 * Errors: BONSAI_ERROR_NOT_RUNNING (nobody is there), BONSAI_ERROR_REFUSED (it is another user), G_IO_ERROR.
 */
void peer_socket_connect_async (const char *path, uid_t owner, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data);
/* (transfer full) */
GSocketConnection *peer_socket_connect_finish (GAsyncResult *result, GError **error);

G_END_DECLS
