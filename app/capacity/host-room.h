/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/capacity/admission.h"

G_BEGIN_DECLS

/* What the host has, and who has it. Any thread; takes a millisecond, and what lies far away. */

/* As /proc/meminfo says; zeroes if it doesn't. */
HostMemory host_room_read_memory (void);

/* The machines in @library, a folder, that run, but for the one in the bundle @but (nullable). What they have
 * is what their processes have. (transfer full): of Neighbour */
GArray *host_room_find_neighbours (const char *library, const char *but);

/* Kernel same-page merging, as /sys/kernel/mm/ksm says (Documentation/admin-guide/mm/ksm.rst). */
typedef struct {
  bool exists, runs;
  uint64_t saved; /* bytes that several have, and that are there once only */
} KsmState;

/* @folder: (nullable): elsewhere than in /sys */
KsmState host_room_read_ksm (const char *folder);

/* Starts it, as root, in a shell's words. */
#define HOST_ROOM_KSM_COMMAND "sh -c 'echo 1 > /sys/kernel/mm/ksm/run'"

G_END_DECLS
