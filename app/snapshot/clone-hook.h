/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/*
 * What the guest of an instant clone is told by its agent: that it is another machine now. Its shell gives
 * the network cards their new addresses, on the spot where their drivers can (ip link set), and then runs
 * /etc/bonsai/clone-hook, if there is such a program, and the command that whoever made the clone gave. Their
 * environment has BONSAI_NAME, BONSAI_UUID and BONSAI_ORIGIN (the UUID of the machine cloned).
 *
 * Threading: any; blocking.
 */

/* The arguments of "exec" (org.bonsaivm.Session1.xml); NULL: there is nothing to tell. (transfer floating) */
GVariant *clone_hook_arguments (const VmConfig *config);

/* The guest in @bundle has been told; the caller holds the bundle's lock. */
bool clone_hook_set_done (const char *bundle, GError **error);

G_END_DECLS
