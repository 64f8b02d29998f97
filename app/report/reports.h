/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/events/event-log.h"
#include "app/history/history-file.h"
#include "app/report/report-table.h"

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

/* What it might do with less of, or wants more of: "Has never used more than 1.1 GiB of 4.0 GiB of memory".
 * Needs a day of history at least. (nullable) (transfer full): NULL: nothing */
char *report_advise (const ReportMachine *machine);

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

G_END_DECLS
