/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-schedule.h"
#include "app/snapshot/snapshot-tree.h"

G_BEGIN_DECLS

/*
 * Snapshots by the clock: when the next is due, and which go when it has been taken. Times are µs since 1970,
 * UTC, of a clock that may be set forwards and backwards.
 *
 * Threading: none; pure but for snapshot_schedule_thin_out.
 */

/**
 * snapshot_schedule_next:
 * @last: when the last one was taken; 0: never
 * @since: since when the machine has been doing something that isn't kept yet: since it started, or goes on
 * after a pause before which one was taken
 * @now: the present time
 *
 * When the next one is due; that may be over already: one is taken then, however many were missed.
 */
int64_t snapshot_schedule_next (const VmSchedule *schedule, int64_t last, int64_t since, int64_t now);

/* When the newest scheduled one was taken; 0: there is none. What claims to be from the future, as the clock
 * was wrong, doesn't count. */
int64_t snapshot_schedule_last (const SnapshotTree *tree, int64_t now);

/**
 * snapshot_schedule_choose:
 * @times: when each was taken, in any order
 * @stays: (out): for each, whether it stays by schedule's rule
 *
 * Days, weeks and months are those of @zone; hours are the clock's, so that none is lost or doubled when
 * summer time ends. Times after @now stay, and keep no others from staying.
 */
void snapshot_schedule_choose (const VmSchedule *schedule, GTimeZone *zone, int64_t now, const int64_t *times,
                               unsigned n, bool *stays);

/* Those that may go, oldest first: scheduled ones that the rule doesn't keep, from which nothing branches
 * off, and from which the machine as it is now doesn't stem. (transfer container): of SnapshotNode */
GPtrArray *snapshot_schedule_find_old (const SnapshotTree *tree, const VmSchedule *schedule, GTimeZone *zone,
                                       int64_t now);

/* Deletes them, but for those that are needed by anything (snapshot_delete), and gives back as
 * snapshot_collect what that leaves. @n: (nullable) (out): how many. The caller holds the bundle's lock. */
bool snapshot_schedule_thin_out (const char *bundle, const VmSchedule *schedule, bool running, unsigned *n,
                                 GError **error);

/* Replaces vm.json's; an empty one ends it. */
bool snapshot_schedule_set (const char *bundle, const VmSchedule *schedule, GError **error);

G_END_DECLS
