/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"
#include "app/policy/dry-run.h"

G_BEGIN_DECLS

/* policy_dry_run of the machine @config on this host, up to now. Blocks. (transfer full) */
GArray *policy_try_out (VmPolicy *policy, const VmConfig *config, gint64 from, gint64 to, GError **error);

/* For programs: an array; times are UTC (RFC 3339). @found: of WouldFire. (transfer full) */
char *would_fire_to_json (const GArray *found);

G_END_DECLS
