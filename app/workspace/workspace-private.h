/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/workspace/host-time.h"
#include "app/workspace/workspace.h"

G_BEGIN_DECLS

/* Takes account of renewals that the record doesn't know. Returns: whether there was one, and time for it. */
bool workspace_settle (LeaseFiles *files, const HostTime *host);

/* "2026-05-04 12:30", local time. (transfer full) */
char *workspace_format_time (int64_t seconds);

/* Refuses a machine that is described otherwise than @terms allow, or used at another time. */
bool workspace_check_terms (const Terms *terms, const char *bundle, const VmConfig *config, GError **error);

/* Wipes the keys of the encrypted images in the machine's folder, which is verified, and removes what it
 * held. The caller holds the bundle's lock. May be done again if it was interrupted. @n: (out): keys that
 * were wiped. */
bool workspace_destroy (const char *bundle, unsigned *n, GError **error);

G_END_DECLS
