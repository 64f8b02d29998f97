/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/agent/guest-service.h"

G_BEGIN_DECLS

/*
 * A guest's agent that says what the test wants: it answers guest-sync-delimited as it should, and each other
 * request with the next of the replies that were given to it. On the test's own main context.
 */
typedef struct {
  GuestService *service;
  int fd; /* the guest's end; -1: no agent is there */
  guint source;
  GString *input;
  GQueue replies; /* of GBytes: what is sent; NULL data: nothing */
  GString *heard; /* the commands, each with a blank after it */
  bool deaf;      /* even to a sync */
} FakeAgent;

FakeAgent *fake_agent_new (void); /* it is there */
void fake_agent_free (FakeAgent *fake);

/* Goes, and comes back. */
void fake_agent_leave (FakeAgent *fake);
void fake_agent_come (FakeAgent *fake);

/* What the next request gets: a text, followed by a newline; NULL: no answer. */
void fake_agent_reply (FakeAgent *fake, const char *text);
void fake_agent_reply_bytes (FakeAgent *fake, gconstpointer bytes, gsize size);

/* Sends without being asked. */
void fake_agent_send (FakeAgent *fake, gconstpointer bytes, gsize size);

/* Until all @text was heard. */
void fake_agent_wait_heard (FakeAgent *fake, const char *text);

/* Asks, and waits. @arguments: floating, or NULL. (transfer full) */
GVariant *fake_agent_ask (FakeAgent *fake, const char *operation, GVariant *arguments, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeAgent, fake_agent_free)

G_END_DECLS
