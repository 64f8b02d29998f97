/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

#define NS_PER_SECOND INT64_C (1000000000)
#define NS_PER_MS     INT64_C (1000000)
#define NS_PER_US     INT64_C (1000)

/*
 * A machine's virtual clock: CLOCK_MONOTONIC less the time the machine stood still. All
 * device timers run on it, so a paused machine's timers do not fire. Readable from any thread.
 */
typedef struct VmClock VmClock;

VmClock *vm_clock_new (void); /* created stopped at 0 */
void vm_clock_free (VmClock *clock);

/* Virtual nanoseconds since the machine was created. Never goes back. */
int64_t vm_clock_now (const VmClock *clock);
bool vm_clock_is_running (const VmClock *clock);

/* Lets time pass / stops it. Idempotent; called by the machine only. */
void vm_clock_start (VmClock *clock);
void vm_clock_stop (VmClock *clock);

/* Sets the present virtual time in ns (state load). Only while stopped. */
void vm_clock_set (VmClock *clock, int64_t now);

/* CLOCK_MONOTONIC time in ns at which the virtual time @when is reached, if it keeps running. */
int64_t vm_clock_to_monotonic (const VmClock *clock, int64_t when);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VmClock, vm_clock_free)

G_END_DECLS
