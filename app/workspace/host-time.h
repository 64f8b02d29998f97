/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/trusted-time.h"

G_BEGIN_DECLS

/*
 * host_time_read:
 * @bundle: of a machine: its files bear witness, as do some of the system's, by when they were last changed,
 * which can't be set (unlike the time of their content)
 * @witness: (out) (nullable): the file that speaks for the latest time
 *
 * The clocks of this host. Threading: any; blocks for some file look-ups.
 */
void host_time_read (const char *bundle, HostTime *time, char **witness);

G_END_DECLS
