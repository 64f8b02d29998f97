/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"
#include "vmm/kvm/host-check.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * HostSession: what becomes of the machines that this process hosts when its user's session ends, the host
 * shuts down or sleeps. Each process that hosts machines has one.
 *
 * While machines run it delays the host's shutdown (logind's Inhibit, “delay”) until each has got what its
 * description says ("at-host-shutdown"), or logind's patience is over; what isn't done by then goes on for as
 * long as the process is left alone. So it keeps the desktop's session waiting, if the process has windows,
 * which go with it. When the host has slept, guests are told the time. Without logind and a desktop that asks
 * there is only host_session_end_async.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct HostSession HostSession;

/* @bus: (nullable): where logind and the desktop's session manager are; NULL: the system's and the session's.
 */
HostSession *host_session_new (BonsaiLibrary *library, GDBusConnection *bus);
void host_session_free (HostSession *session);

/* The process is asked to end: done when it hosts no machine any more. Those that can't be suspended are
 * switched off. May be asked for more than once. */
void host_session_end_async (HostSession *session, GAsyncReadyCallback callback, gpointer data);
void host_session_end_finish (GAsyncResult *result);

/* For “bonsai host”: adds what keeps machines from being suspended when the host shuts down. Blocks until the
 * system's bus answers. */
void host_session_check (HostReport *report);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (HostSession, host_session_free)

G_END_DECLS
