/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "vmm/machine/machine.h"

G_BEGIN_DECLS

/*
 * A machine's state and memory at one instant, lent to machines in other processes that go on from there
 * (vmm/memory/memory-loan.h). The guest stands for a fork; no byte of its memory is written or copied.
 *
 * Threading: as machine.h says.
 */
typedef struct {
  const char *socket_path; /* where loan_connect finds the lender */

  /* (nullable): as of MachinePicture. */
  bool (*at_instant) (void *data, GError **error);
  void *data;

  int64_t *stood; /* (out): for how long a running guest stood, in ns */
} MachineLoan;

/**
 * machine_lend:
 *
 * Makes a lender of a machine in any state but ENDED. It ends with its client, or soon if none comes; the
 * machine, and this process, may end before. Blocks for the preparation and the instant. False with @error
 * set: there is none (VMM_ERROR_UNSUPPORTED: this program can't).
 */
bool machine_lend (Machine *machine, const MachineLoan *loan, GError **error);

/**
 * machine_borrow:
 * @contents: the descriptor that this process was given by the lender that started it
 *
 * Gives a machine of the same configuration, CREATED, the memory and the state that were lent; machine_run
 * goes on from there. Once in a process. If it fails the machine needs machine_reset.
 */
bool machine_borrow (Machine *machine, int contents, GError **error);

G_END_DECLS
