/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/agent/guest-agent.h"

G_BEGIN_DECLS

/*
 * GuestService: what a machine's owner can ask of its guest, if the agent is there. Names, arguments and
 * results are those of AskGuest in org.bonsaivm.Session1.xml.
 *
 * A guest whose file systems were frozen is thawed: when that is asked for, when the time limit is over, and,
 * if the agent is gone by then, as soon as it is back.
 *
 * Threading: as GuestAgent.
 */
typedef struct GuestService GuestService;

#define GUEST_FREEZE_MAX_S     600u
#define GUEST_FREEZE_DEFAULT_S 60u
#define GUEST_INPUT_MAX        (8u << 20)  /* bytes that a program or a file in the guest is given */
#define GUEST_FILE_MAX         (64u << 20) /* bytes of a file that is read */

GuestService *guest_service_new (void);
/* Whoever waits gets an error. */
void guest_service_free (GuestService *service);

/* (transfer none): attach what connects to the guest to it. */
GuestAgent *guest_service_get_agent (GuestService *service);

/* The guest stopped for good: whoever waits gets @error (transfer none), and so does who asks, until an agent
 * comes anew. */
void guest_service_lose (GuestService *service, const GError *error);

/* The machine stands still, or goes on. While it stands requests wait, and no time limit of theirs runs out.
 * @set_time: the guest's clock is then set to the host's. */
void guest_service_set_running (GuestService *service, bool running, bool set_time);

/* The guest goes on from a snapshot: it is thawed, and told the time if @set_time, as soon as its agent does
 * that, however often it has to be asked. */
void guest_service_catch_up (GuestService *service, bool set_time);

/* @arguments: a{sv}; a floating reference is taken. Cancelling ends the wait; what was begun in the guest
 * goes on, but for file systems, which are thawed. */
void guest_service_ask_async (GuestService *service, const char *operation, GVariant *arguments,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* (transfer full): a{sv} */
GVariant *guest_service_ask_finish (GAsyncResult *result, GError **error);

/* Makes sure that nothing stays frozen. */
void guest_service_release (GuestService *service);

G_END_DECLS
