/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * Demand: machines that start when somebody connects to one of their forwarded ports, because their policy
 * says so
 * ("start-on-demand"). It listens at these ports, always; while a machine is off it also looks there, and
 * starts it (or lets it go on from where it was suspended) without taking the connection: that is taken by
 * the machine, to which the sockets are handed over (demand-peer.h). A machine that can't start closes who
 * waits, and for a while is not tried again.
 *
 * One process of a user does this. It waits for events only.
 *
 * Threading: the main context that is thread-default.
 */
typedef struct Demand Demand;

/* BONSAI_ERROR_BUSY: another process does so. */
Demand *demand_new (BonsaiLibrary *library, GError **error);
void demand_free (Demand *demand);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Demand, demand_free)

G_END_DECLS
