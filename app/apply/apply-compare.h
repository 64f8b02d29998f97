/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-plan.h"

G_BEGIN_DECLS

/* What becomes different in a machine, member by member. @now: (nullable): there is none yet; @runs: whether
 * it runs. (transfer full): of ApplyChange */
GPtrArray *apply_compare (const VmConfig *now, const VmConfig *wanted, bool runs);

/* Adds one. @from, @to: (nullable) */
void apply_add_change (GPtrArray *changes, const char *member, const char *from, const char *to,
                       bool at_start);

G_END_DECLS
