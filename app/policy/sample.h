/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-file.h"
#include "app/policy/evaluator.h"

G_BEGIN_DECLS

/* What a machine has, of which metrics are shares. */
typedef struct {
  guint cpus, host_cpus;
  double memory, host_memory; /* bytes */
} PolicySize;

/* A row of a machine's history, and the host's of the same time (nullable), as the evaluator has it. @step:
 * seconds. What history doesn't know (vm_metric_has_history) is unknown. */
PolicySample policy_sample (const HistoryRow *machine, const HistoryRow *host, guint step,
                            const PolicySize *size);

G_END_DECLS
