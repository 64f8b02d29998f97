/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-sharing.h"
#include "app/session/session.h"

G_BEGIN_DECLS

/*
 * SessionServer: lets other processes of this user reach a session at the machine's socket
 * (org.bonsaivm.Session1.xml). Whoever hosts a machine has one.
 *
 * Threading: the session's context.
 */
typedef struct SessionServer SessionServer;

/* Returns: (transfer full), or NULL with @error set. A reference to @session is kept. */
SessionServer *session_server_new (BonsaiSession *session, GError **error);

/* From now on others than this user reach it as @sharing says, and nobody who did before. False with @error
 * set: nobody does. */
bool session_server_share (SessionServer *server, VmSharing *sharing, GError **error);

/* Sends what is still to be sent, closes all connections, removes the socket. */
void session_server_free (SessionServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SessionServer, session_server_free)

G_END_DECLS
