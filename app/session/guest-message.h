/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/session/session.h"

G_BEGIN_DECLS

/* AskGuest of org.bonsaivm.Session1.xml: both sides of it. */

/* The host's: asks @session, and answers. @invocation: (transfer full). Whoever froze the guest thaws it by
 * going. */
void guest_message_answer (BonsaiSession *session, GDBusMethodInvocation *invocation, const char *operation,
                           GVariant *arguments);

/* The other: @task (transfer full) gets the result. */
void guest_message_send (GDBusProxy *proxy, const char *operation, GVariant *arguments, GTask *task);

G_END_DECLS
