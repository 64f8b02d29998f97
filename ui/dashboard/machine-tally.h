/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/library/library.h"

G_BEGIN_DECLS

/*
 * MachineTally: how many machines of a library do what, and which run, as they come and go.
 * Signal: "changed", soon after they did. Main thread.
 */
#define MACHINE_TYPE_TALLY (machine_tally_get_type ())
G_DECLARE_FINAL_TYPE (MachineTally, machine_tally, MACHINE, TALLY, GObject)

typedef struct {
  guint machines, running, suspended, templates; /* templates are no machines */
} MachineCounts;

MachineTally *machine_tally_new (BonsaiLibrary *library);

const MachineCounts *machine_tally_get_counts (MachineTally *tally);
/* Of BonsaiVm: those that are alive, in the library's order. (transfer none) */
GPtrArray *machine_tally_get_running (MachineTally *tally);

G_END_DECLS
