/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/state.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* SessionWaiters: tasks that are done when a machine gets somewhere. Threading: the session's context. */
typedef struct SessionWaiters SessionWaiters;

typedef enum {
  SESSION_WAIT_RUNNING,
  SESSION_WAIT_PAUSED,
  SESSION_WAIT_RESET,
  SESSION_WAIT_ENDED,
} SessionWait;

/* @timed_out: runs when a task's time is up, before the task fails. */
SessionWaiters *session_waiters_new (void (*timed_out) (gpointer data), gpointer data);

/* Tasks left over fail. */
void session_waiters_free (SessionWaiters *waiters);

/* @task: (transfer full): gets TRUE; or an error if the machine ends first, when cancelled, or after
 * @timeout_ms (0: never). */
void session_waiters_add (SessionWaiters *waiters, GTask *task, SessionWait wait, unsigned timeout_ms);

/* The machine got into @state. @message: (nullable): why. */
void session_waiters_tell (SessionWaiters *waiters, BonsaiState state, const char *message);
void session_waiters_tell_reset (SessionWaiters *waiters);

G_END_DECLS
