/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/policy/evaluator.h"
#include "app/vm/vm-private.h"

G_BEGIN_DECLS

/*
 * PolicyActs: does what the rules of a machine that runs here want, and takes back what can be when they are
 * over. What was done, and what failed, is in the log of events.
 *
 * Threading: the machine's thread.
 */
typedef struct PolicyActs PolicyActs;

/* @vm outlives it; @policy is kept. */
PolicyActs *policy_acts_new (BonsaiVm *vm, VmPolicy *policy);
/* Takes back what is in force. */
void policy_acts_free (PolicyActs *acts);

void policy_acts_do (PolicyActs *acts, const PolicyFiring *firing);

G_END_DECLS
