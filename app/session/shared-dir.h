/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/*
 * Where machines are met that their owners share with other users of this computer: /run/bonsai/UID/UUID.sock
 * ($BONSAI_SHARED instead of /run/bonsai). In /run/bonsai everybody may make a folder, and remove only his
 * own. Who connects asks the kernel whose socket it is. Threading: any thread.
 */
typedef struct {
  uid_t owner;
  char *uuid;
  char *path; /* its socket */
} SharedSocket;

void shared_socket_free (SharedSocket *shared);

/* Makes this user's folder if it is missing; refuses one that isn't his, or that others may write to. */
gboolean shared_dir_ensure (GError **error);

/* The socket of this user's machine with @uuid. (transfer full) */
char *shared_dir_socket (const char *uuid);

/* Others' sockets, in folders that are really theirs; whether someone answers is another question. (transfer
 * full): of SharedSocket */
GPtrArray *shared_dir_list (void);

G_END_DECLS
