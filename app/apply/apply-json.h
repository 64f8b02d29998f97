/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/apply/apply-plan.h"

G_BEGIN_DECLS

/* A plan for programs: what is to be done, or was (@done). Threading: none. (transfer full) */
char *apply_plan_to_json (const ApplyPlan *plan, bool done);

G_END_DECLS
