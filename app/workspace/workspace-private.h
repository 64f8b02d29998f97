/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/host-time.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/* Takes account of renewals that the record doesn't know. Returns: whether there was one, and time for it. */
bool workspace_settle (LeaseFiles *files, const HostTime *host);

/* "2026-05-04 12:30", local time. (transfer full) */
char *workspace_format_time (int64_t seconds);

G_END_DECLS
