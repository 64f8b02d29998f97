/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-policy.h"

G_BEGIN_DECLS

/*
 * How a rule of a policy is read (vm-policy.h). Threading: none.
 */
#define VM_POLICY_MAX_RULES    32
#define VM_RULE_MAX_CONDITIONS 4
#define VM_RULE_MAX_ACTIONS    8
#define VM_RULE_MAX_TIME       (30u * 86400) /* seconds */
#define VM_RULE_USUAL_HOLD     60u           /* seconds */

/* Without conditions and actions, which are to follow. */
VmRule *vm_rule_new (const char *name);
void vm_rule_free (VmRule *rule);
void vm_rule_add_condition (VmRule *rule, const VmCondition *condition);
/* Returns: the rule's, to be filled in. */
VmAction *vm_rule_add_action (VmRule *rule, VmActionKind kind);

/* An object of "rules". (transfer full), or NULL with the section's error set. */
VmRule *vm_rule_read (const JsonSection *section);

/* Each leaves @value alone if the member is absent. False with the error set if it is not right. */
/* "30s", "10m", "2h", "1d": 1 second to @max. */
bool vm_rule_read_time (const JsonSection *section, const char *name, unsigned max, unsigned *value);
/* "90%" to 0.9, "85C" to 85, or "50M" to bytes, as @metric is told. */
bool vm_rule_read_value (const JsonSection *section, const char *name, VmMetric metric, double *value);
/* "50%": 1 % to 100 %. */
bool vm_rule_read_cap (const JsonSection *section, const char *name, double *value);

G_END_DECLS
