/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/policy/sample.h"

#include <math.h>

static double
share (double value, double of)
{
  return of > 0 ? value / of : NAN;
}

PolicySample
policy_sample (const HistoryRow *machine, const HistoryRow *host, guint step, const PolicySize *size)
{
  const double *of = machine->values;
  double memory = isnan (of[HISTORY_MEMORY_USED]) ? of[HISTORY_MEMORY] : of[HISTORY_MEMORY_USED];

  return (PolicySample){
    .time = machine->time,
    .step = step,
    .values = { [VM_METRIC_CPU] = share (of[HISTORY_CPU], size->cpus),
                [VM_METRIC_MEMORY] = share (memory, size->memory),
                [VM_METRIC_DISK] = of[HISTORY_DISK_READ] + of[HISTORY_DISK_WRITTEN],
                [VM_METRIC_NETWORK] = of[HISTORY_NET_RECEIVED] + of[HISTORY_NET_SENT],
                [VM_METRIC_HOST_CPU] =
                  host != NULL ? share (host->values[HISTORY_CPU], size->host_cpus) : NAN,
                [VM_METRIC_HOST_MEMORY] =
                  host != NULL ? share (host->values[HISTORY_MEMORY], size->host_memory) : NAN,
                [VM_METRIC_HOST_BATTERY] = NAN,
                [VM_METRIC_HOST_ON_BATTERY] = NAN,
                [VM_METRIC_HOST_TEMPERATURE] = NAN },
  };
}
