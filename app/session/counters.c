/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/counters.h"

static const char *const names[N_COUNTERS] = {
  [COUNTER_TIME] = "time",
  [COUNTER_CPU_TIME] = "cpu-time",
  [COUNTER_LOOP_TIME] = "loop-time",
  [COUNTER_DISK_READS] = "disk-reads",
  [COUNTER_DISK_READ_BYTES] = "disk-read-bytes",
  [COUNTER_DISK_WRITES] = "disk-writes",
  [COUNTER_DISK_WRITTEN_BYTES] = "disk-written-bytes",
  [COUNTER_NET_RECEIVED] = "net-received",
  [COUNTER_NET_RECEIVED_BYTES] = "net-received-bytes",
  [COUNTER_NET_SENT] = "net-sent",
  [COUNTER_NET_SENT_BYTES] = "net-sent-bytes",
};

const char *
counter_name (Counter counter)
{
  return names[counter];
}

uint64_t
counters_growth (const Counters *before, const Counters *now, Counter counter)
{
  uint64_t was = before->values[counter], is = now->values[counter];

  return is >= was ? is - was : is; /* it began anew */
}

double
counters_rate (const Counters *before, const Counters *now, Counter counter)
{
  double seconds = (double)counters_growth (before, now, COUNTER_TIME) / 1e9;
  double growth = (double)counters_growth (before, now, counter);

  if (seconds <= 0)
    return 0;
  return growth / seconds / (counter == COUNTER_CPU_TIME || counter == COUNTER_LOOP_TIME ? 1e9 : 1);
}

GVariant *
counters_to_variant (const Counters *counters)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a{st}"));
  for (unsigned i = 0; i < N_COUNTERS; i++)
    g_variant_builder_add (&builder, "{st}", names[i], counters->values[i]);
  return g_variant_builder_end (&builder);
}

void
counters_from_variant (Counters *counters, GVariant *variant)
{
  for (unsigned i = 0; i < N_COUNTERS; i++)
    if (!g_variant_lookup (variant, names[i], "t", &counters->values[i]))
      counters->values[i] = 0;
}
