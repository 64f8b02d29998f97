/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-schedule.h"

G_BEGIN_DECLS

/*
 * SnapshotClock: says when a machine that runs is due for a snapshot. It sleeps until then: a timer on the
 * host's clock, which goes on while the host sleeps, and wakes it when that clock is set.
 *
 * Threading: the main context that was thread-default when it was made.
 */
typedef struct SnapshotClock SnapshotClock;

/* @due: take one; it is answered by snapshot_clock_taken or snapshot_clock_failed. */
SnapshotClock *snapshot_clock_new (void (*due) (void *data), void *data);
void snapshot_clock_free (SnapshotClock *clock);

void snapshot_clock_set_schedule (SnapshotClock *clock, const VmSchedule *schedule);
const VmSchedule *snapshot_clock_get_schedule (const SnapshotClock *clock);
/* When the last one was taken, by an earlier run: µs since 1970; 0: never. */
void snapshot_clock_set_last (SnapshotClock *clock, int64_t last);

/* The guest runs, or stands: what is kept of one that stands needs not be kept again. */
void snapshot_clock_set_running (SnapshotClock *clock, bool running);
/* The machine is just what a snapshot has: one was taken, or it went back there. */
void snapshot_clock_kept (SnapshotClock *clock);
/* The machine has ended. */
void snapshot_clock_stop (SnapshotClock *clock);

/* What was due is taken; or it couldn't be, and is tried again later. */
void snapshot_clock_taken (SnapshotClock *clock);
void snapshot_clock_failed (SnapshotClock *clock);

/* µs since 1970; 0: none is, as there is no schedule or nothing to keep. */
int64_t snapshot_clock_get_due (const SnapshotClock *clock);

G_END_DECLS
