/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

G_BEGIN_DECLS

/*
 * GuestAgent: the host's side of qemu-guest-agent (QEMU Guest Agent Protocol Reference 7.2): one JSON text
 * per line, one request at a time, the others wait in order. Before the first request, and whenever the two
 * sides may have lost each other (an answer that came too late, or made no sense), they find together again
 * by guest-sync-delimited.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct GuestAgent GuestAgent;

GuestAgent *guest_agent_new (void);
/* Requests fail. */
void guest_agent_free (GuestAgent *agent);

/* A program in the guest opened its end: @fd (transfer full) is a non-blocking socket, at its end when the
 * program goes. @came: (nullable): called now and each time. */
void guest_agent_attach (GuestAgent *agent, int fd);
void guest_agent_set_came (GuestAgent *agent, void (*came) (gpointer data), gpointer data);
bool guest_agent_is_there (const GuestAgent *agent); /* and may answer */

/* A guest that stopped for good, as one that panicked, answers no more: who waits for it gets @error
 * (transfer none), and so does who asks, until an agent comes anew. Nothing if no agent is there. */
void guest_agent_lose (GuestAgent *agent, const GError *error);

/* While the machine stands still no time limit runs out: it may go on, and then the answer comes. At first it
 * runs. */
void guest_agent_set_running (GuestAgent *agent, bool running);

typedef enum {
  GUEST_AGENT_CALL = 0,
  GUEST_AGENT_URGENT = 1 << 0, /* goes before those that wait */
  GUEST_AGENT_SILENT = 1 << 1, /* done well if nothing is heard within the time limit, or the agent goes */
} GuestAgentFlags;

#define GUEST_AGENT_TIMEOUT_MS 10000u

/**
 * guest_agent_call_async:
 * @command: "guest-info"
 * @arguments: (nullable) (transfer full): its arguments
 * @timeout_ms: how long the answer may take, from when it is this request's turn
 *
 * Errors: BONSAI_ERROR_NOT_FOUND: no agent is there, or it went; that of guest_agent_lose; TIMED_OUT;
 * REFUSED: what the agent says; FAILED: its answer makes no sense; BUSY: too many requests wait.
 */
void guest_agent_call_async (GuestAgent *agent, const char *command, JsonObject *arguments,
                             unsigned timeout_ms, GuestAgentFlags flags, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
/* (transfer full): the result; of a silent call a JSON null */
JsonNode *guest_agent_call_finish (GAsyncResult *result, GError **error);

G_END_DECLS
