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

/* A promise that this version can't keep is not made, and not accepted. */
bool workspace_check_kept (const Terms *terms, GError **error);

/* The secret key of this user as an issuer; @make: made if there is none. Wiped by the caller. */
bool workspace_read_issuer (const char *data, KeyBytes key, bool make, GError **error);

/* The renewal that comes next, signed by this user, who has to be the issuer. @renewal: (out) (transfer
 * full). (transfer full) */
char *workspace_sign_next (const LeasePlace *place, const LeaseFiles *files, const Expiry *expiry, bool mends,
                           const HostTime *host, Renewal **renewal, GError **error);
/* Adds that to the store, which is locked. @renewal: (transfer full) on success. */
bool workspace_add_renewal (const LeasePlace *place, LeaseFiles *files, Renewal **renewal, const char *text,
                            const HostTime *host, GError **error);

/* Wipes the keys of the encrypted images in the machine's folder, which is verified, and removes what it
 * held. The caller holds the bundle's lock. May be done again if it was interrupted. @n: (out): keys that
 * were wiped. */
bool workspace_destroy (const char *bundle, unsigned *n, GError **error);

G_END_DECLS
