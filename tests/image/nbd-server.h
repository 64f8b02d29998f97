/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * An NBD server that a test starts, kills without warning, and starts again at the same socket.
 */
typedef struct {
  char *socket, *pid_file;
  char **argv; /* what to start; %S is the socket, %P the file for the process's number */
  int pid;     /* 0: none runs */
} NbdServer;

/* @command: words separated by blanks; %F is @file. Starts it. */
void nbd_server_init (NbdServer *server, const char *folder, const char *command, const char *file);
void nbd_server_start (NbdServer *server); /* returns when it listens */
void nbd_server_kill (NbdServer *server);  /* SIGKILL; returns when it is gone */
void nbd_server_clear (NbdServer *server);

/* nbd+unix:///@export?socket=… */
char *nbd_server_uri (const NbdServer *server, const char *export);

G_END_DECLS
