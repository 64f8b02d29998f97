/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/*
 * How a workspace's user hears how long it lasts. Whoever is asked by a step to warn (LEASE_WARN) does so
 * once: that it was is in the record.
 *
 * Threading: any.
 */

/* "3 days", "5 minutes" of seconds, rounded up. (transfer full) */
char *lease_format_span (int64_t seconds);

/* What its user has to know now: that it expires within a week, is over or locked. (nullable) (transfer full)
 */
char *lease_describe (const Workspace *workspace);

/* Asks the app over the session's bus, which starts it if it doesn't run, to show a notification about the
 * workspace @uuid (its action "lease-notice"). Where there is no bus nothing is shown. @wait: until it was
 * asked. */
void lease_notice_send (const char *uuid, bool wait);

G_END_DECLS
