/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * Where histories lie: $XDG_STATE_HOME/bonsai/history/UUID.rrd, and host.rrd. Not in the machine's bundle:
 * what a machine used on this host is this host's to know. So a clone begins with none, a machine that goes
 * back to a snapshot keeps its own, it waits in the trash's time for a machine's return, and a bundle that
 * lies far away isn't written every minute.
 *
 * Threading: any thread.
 */

/* (transfer full) */
char *history_store_path (const char *uuid);
char *history_store_host_path (void);

/* The machine is gone for good. */
void history_store_remove (const char *uuid);

/* Removes what hasn't been written for longer than a history goes back. */
void history_store_sweep (void);

G_END_DECLS
