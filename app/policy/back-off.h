/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-policy.h"

G_BEGIN_DECLS

/*
 * Restarts after crashes: pauses double with each that follows on the one before, so that a guest that
 * crashes as soon as it runs doesn't keep the host busy. Only a run that was long enough, or a start by its
 * owner, ends the row.
 *
 * Threading: none; pure.
 */

/**
 * back_off_count:
 * @failures: how many came in a row before; 0: none
 * @ran_for: seconds that the run which has now crashed took
 *
 * Returns: how many in a row it is with this one.
 */
unsigned back_off_count (const VmRestart *restart, unsigned failures, gint64 ran_for);

/* Seconds until the next start after @failures in a row, at least 1; -1: it is given up. */
int back_off_delay (const VmRestart *restart, unsigned failures);

G_END_DECLS
