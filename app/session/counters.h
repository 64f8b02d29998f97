/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* What a machine that runs has used since it was started; all only grow, but begin anew when the machine goes back to a
 * snapshot. Plain values. */
typedef enum {
  COUNTER_TIME,      /* ns: when they were read, by the host's CLOCK_MONOTONIC */
  COUNTER_CPU_TIME,  /* ns: its vCPUs' */
  COUNTER_LOOP_TIME, /* ns: its event loop's, which serves the devices */
  COUNTER_DISK_READS,
  COUNTER_DISK_READ_BYTES,
  COUNTER_DISK_WRITES,
  COUNTER_DISK_WRITTEN_BYTES,
  COUNTER_NET_RECEIVED, /* packets; a large segment is one */
  COUNTER_NET_RECEIVED_BYTES,
  COUNTER_NET_SENT,
  COUNTER_NET_SENT_BYTES,
  N_COUNTERS,
} Counter;

typedef struct {
  uint64_t values[N_COUNTERS];
} Counters;

/* "cpu-time", "disk-read-bytes", …: as D-Bus and JSON have it. */
const char *counter_name (Counter counter);

/* What @counter grew by between @before and @now. */
uint64_t counters_growth (const Counters *before, const Counters *now, Counter counter);
/* The same each second (of processor time: seconds, as 1 is one processor); 0 if no time has passed. */
double counters_rate (const Counters *before, const Counters *now, Counter counter);

/* As an a{st}. (transfer full): floating */
GVariant *counters_to_variant (const Counters *counters);
/* What is missing is 0; what is not known is left out. @variant: any a{st}. */
void counters_from_variant (Counters *counters, GVariant *variant);

G_END_DECLS
