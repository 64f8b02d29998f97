/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"
#include "app/history/history-file.h"
#include "app/report/report-table.h"

#include <stdbool.h>

G_BEGIN_DECLS

/* Pure functions from what is known to tables; any thread. */

/* --- utilisation: how much of what it has a machine used --- */

typedef struct {
  const char *name;
  double memory; /* bytes that it has; the host's: 0 */
  guint cpus;
  const HistorySeries *history; /* (nullable) */
} ReportMachine;

/* A row for each. (transfer full) */
ReportTable *report_utilisation (const ReportMachine *machines, guint n_machines);

/* Hours that @series knows about. */
double report_known_hours (const HistorySeries *series);
/* The memory that was used: what the guest says, else what the host gave. */
HistorySummary report_sum_up_memory (const HistorySeries *series);

/* --- changes: what was made, changed, moved and removed; not what ran --- */

/* @events: of Event. (transfer full) */
ReportTable *report_changes (const GPtrArray *events);

/* --- storage: who owns which bytes of the host --- */

/* Of one machine, bytes on the host. */
typedef struct {
  char *name;
  bool deleted;      /* it lies in the trash */
  guint64 disks;     /* of the images that it writes to */
  guint64 snapshots; /* of layers below those, and of saved memory */
  guint64 other;     /* firmware's variables, logs, pictures, … */
  guint n_snapshots;
} ReportStorage;

/* Looks at a bundle; what can't be read counts as 0. Blocks. */
ReportStorage *report_storage_measure (const char *bundle, const char *name, bool deleted);
void report_storage_free (ReportStorage *storage);

/* @machines: of ReportStorage; the largest first, and their sum. (transfer full) */
ReportTable *report_storage (const GPtrArray *machines);

/* --- expiries: which workspaces end, and when --- */

typedef struct {
  char *name, *uuid; /* of the machine */
  char *subject;     /* who may use it */
  gint64 remaining;  /* seconds; 0: it is over; G_MAXINT64: nobody knows, as it is locked */
  const char *state; /* "active", "grace", …; static */
  const char *then;  /* "archive" or "destroy"; static */
} ReportExpiry;

/* Looks at the machine in @bundle. (nullable) (transfer full): NULL: it is no workspace, or one without an end.
 * Blocks. */
ReportExpiry *report_expiry_read (const char *bundle, const char *uuid, const char *name, bool running);
void report_expiry_free (ReportExpiry *expiry);

/* @expiries: of ReportExpiry; @now: seconds since 1970. The next one first. (transfer full) */
ReportTable *report_expiries (const GPtrArray *expiries, gint64 now);
/* The same order; as g_ptr_array_sort wants it. */
int report_expiry_compare (gconstpointer a, gconstpointer b);

G_END_DECLS
