/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/*
 * The end of an unattended installation (VmConfig.install).
 *
 * Threading: any thread; blocking. The caller holds the bundle's lock.
 */

/* The guest has restarted, or (not @restarted) switched itself off: it boots from its disk from now on,
 * unless it is to restart more often. What the installer was given, the password among it, is removed.
 * Nothing to do for a machine that isn't being installed. */
bool install_conclude (const char *bundle, bool restarted, GError **error);

/* Before a start: a machine that has gone back to a snapshot from before the end of its installation, when
 * the installer is gone, boots from its disk. Returns: false with @error set. */
bool install_mend (const char *bundle, GError **error);

/* install_conclude as a change of a description. Returns: whether the installation is over. */
bool install_advance (VmConfig *config, bool restarted);

G_END_DECLS
