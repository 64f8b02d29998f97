/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/history/history-log.h"

G_BEGIN_DECLS

/* What the whole host uses, in the words of a machine (proc(5)): processors that aren't idle, memory that
 * isn't available, its disks, and its network cards but for the loopback. Plain values; any thread. */
void host_counters_read (Counters *counters, HistoryMemory *memory);

G_END_DECLS
