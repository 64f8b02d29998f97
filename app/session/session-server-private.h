/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the files of the session's server share: session-server.c listens and keeps connections; each
 * session-server-SUBJECT.c has the methods of one subject and a table that connects them.
 */
#include "app/session/session-bus.h"
#include "app/session/session-door.h"
#include "app/session/session-server.h"

struct SessionServer {
  BonsaiSession *session;
  BonsaiBusSession1 *skeleton;
  GDBusServer *server;
  char *socket;
  SessionDoor *door; /* (nullable): for other users */
  GHashTable *connections; /* GDBusConnection → how often it watches (unsigned) */
  GHashTable *caps;        /* GDBusConnection → share that it lets the machine have (thousandths) */
};

/* What the answer to a method needs that answers later; the server may be gone by then. */
typedef struct {
  BonsaiBusSession1 *skeleton;
  GDBusMethodInvocation *invocation; /* (transfer full): the answer takes it */
} SessionAnswer;

SessionAnswer *session_answer_new (SessionServer *server, GDBusMethodInvocation *invocation);
void session_answer_free (SessionAnswer *answer);

/* Answers a method that returns nothing: with @error (transfer full) unless it was @done. Frees @answer. */
void session_answer_empty (SessionAnswer *answer, gboolean done, GError *error);

/* A method's signal on the skeleton, as "handle-pause", and its handler, whose data is the SessionServer. */
typedef struct {
  const char *signal;
  GCallback handler;
} SessionMethod;

void session_server_connect (SessionServer *server, const SessionMethod *methods, unsigned n_methods);

/* Connect a subject's methods, and forward the session's signals about it. Each is called once. */
void session_server_connect_cap (SessionServer *server);
void session_server_connect_disks (SessionServer *server);
void session_server_connect_machine (SessionServer *server);
void session_server_connect_screen (SessionServer *server);
void session_server_connect_snapshots (SessionServer *server);
void session_server_connect_usb (SessionServer *server);

/* session-server-cap.c: whoever said what the machine gets has gone. */
void session_server_drop_cap (SessionServer *server, GDBusConnection *connection);
