/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-sharing.h"

#include <gio/gio.h>
#include <sys/types.h>

G_BEGIN_DECLS

/*
 * SessionDoor: where other users of this computer come in, to a machine that is shared with them. Who they
 * are the kernel says; whom the machine isn't shared with is turned away before a byte is read. What they may
 * not do is answered with an error before it reaches anybody.
 *
 * Threading: the session's context.
 */
typedef struct SessionDoor SessionDoor;

/* Somebody came in. @connection: the callee keeps a reference if it wants one. */
typedef void (*SessionDoorFunc) (GDBusConnection *connection, gpointer data);

/* @path: of the socket. @sharing: kept. */
SessionDoor *session_door_new (const char *path, VmSharing *sharing, SessionDoorFunc entered, gpointer data,
                               GError **error);
/* Those who came in are sent away. */
void session_door_free (SessionDoor *door);

/* Whether @role may call @method of @interface (nullable: none was named). Any thread. */
bool session_door_allows (VmRole role, const char *interface, const char *method);
/* What the user @uid may. Blocks shortly: asks the databases of users. */
VmRole session_door_find_role (const VmSharing *sharing, uid_t uid);

G_END_DECLS
