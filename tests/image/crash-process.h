/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "tests/image/runner.h"

G_BEGIN_DECLS

/* Processes of a run, one of which is killed. Whoever starts them must have no threads. */
typedef void (*CrashProcessFunc) (Run *run, int ready, void *data);

/* Runs @func in a process of its own, to its end; fails the run unless it went well. */
void crash_process_run (Run *run, CrashProcessFunc func, void *data);

/* Kills it (SIGKILL) at any moment from its crash_process_ready (@ready) on, early ones as often as late
 * ones. */
void crash_process_run_and_kill (Run *run, CrashProcessFunc func, void *data);

void crash_process_ready (int ready);

G_END_DECLS
