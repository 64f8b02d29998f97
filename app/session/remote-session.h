/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"
#include "app/session/shared-dir.h"

G_BEGIN_DECLS

/* A machine that another process hosts, reached at its socket. If that process goes without a word, the state
 * becomes CRASHED with reason HOST_LOST. */
#define REMOTE_TYPE_SESSION (remote_session_get_type ())
G_DECLARE_FINAL_TYPE (RemoteSession, remote_session, REMOTE, SESSION, GObject)

/* Fails with BONSAI_ERROR_NOT_RUNNING if nobody listens at the socket of the machine with @uuid. */
void remote_session_connect_async (const char *uuid, GCancellable *cancellable, GAsyncReadyCallback callback,
                                   gpointer data);
/* The same of a machine that another user shares with this one, who does with it what his role allows: all
 * else fails with BONSAI_ERROR_REFUSED. */
void remote_session_connect_shared_async (const SharedSocket *shared, GCancellable *cancellable,
                                          GAsyncReadyCallback callback, gpointer data);
/* Of both. */
RemoteSession *remote_session_connect_finish (GAsyncResult *result, GError **error);

/* Waits until everything sent so far (input, too) has been taken. */
gboolean remote_session_sync (RemoteSession *session, GError **error);

G_END_DECLS
