/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * LoginSession: says when the user's desktop session is about to end, and keeps it waiting until what there
 * is to be done is done (org.gnome.SessionManager, which GNOME, MATE, Cinnamon, Budgie and Phosh have). The
 * windowing system goes after that, and with it all processes that have windows.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct LoginSession LoginSession;

typedef struct {
  void (*ending) (void *data);  /* answered by login_session_answer */
  void (*staying) (void *data); /* it doesn't after all */
} LoginListener;

/* @bus: (nullable): NULL: the session's. Nothing ever happens if there is no bus, or nobody on it who manages
 * the session. */
LoginSession *login_session_new (GDBusConnection *bus, const LoginListener *listener, void *data);
void login_session_free (LoginSession *session);

/* Whether it is to be kept waiting. */
void login_session_take_part (LoginSession *session, bool take_part);
/* It may end now. */
void login_session_answer (LoginSession *session);

G_END_DECLS
