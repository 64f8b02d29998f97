/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/machine/machine-loan.h"

#include "vmm/machine/machine-private.h"
#include "vmm/memory/memory-loan.h"

/* --- lending --- */

typedef struct {
  const MachineLoan *config;
  MemoryLoan *memory;
  GBytes *state;
} Instant;

static bool
lend (Machine *machine, void *data, GError **error)
{
  Instant *instant = data;
  const MachineLoan *config = instant->config;

  instant->state = machine_save (machine, error);
  /* Layers that are pushed stay, so the fork, which may be refused, comes first; the disks stand as well. */
  return instant->state && memory_loan_take (instant->memory, error)
         && (!config->at_instant || config->at_instant (config->data, error));
}

bool
machine_lend (Machine *machine, const MachineLoan *loan, GError **error)
{
  g_autoptr (MemoryLoan) memory = memory_loan_new (machine->board->memory, loan->socket_path, error);
  const MachineHold hold = { .stood = loan->stood };
  Instant instant = { loan, memory, NULL };
  bool done = memory && machine_hold (machine, &hold, lend, &instant, error)
              && memory_loan_tell (memory, instant.state, error);

  g_clear_pointer (&instant.state, g_bytes_unref);
  return done;
}

/* --- borrowing --- */

typedef struct {
  Machine *machine;
  GVariant *lent;
  GBytes *state;
  GError *error;
  bool ok;
} BorrowJob;

static void
borrow_on_loop (void *data)
{
  BorrowJob *job = data;
  gsize size;
  const uint8_t *bytes = g_bytes_get_data (job->state, &size);

  job->ok = machine_check_standing (job->machine, &job->error)
            && guest_memory_adopt (job->machine->board->memory, job->lent, &job->error)
            && machine_load (job->machine, bytes, size, &job->error);
}

bool
machine_borrow (Machine *machine, int contents, GError **error)
{
  g_autoptr (GBytes) state = NULL;
  g_autoptr (GVariant) lent = memory_loan_read (contents, &state, error);
  BorrowJob job = { .machine = machine, .lent = lent, .state = state };

  if (!lent)
    return false;
  loop_call_sync (machine->loop, borrow_on_loop, &job);
  if (job.error)
    g_propagate_error (error, job.error);
  return job.ok;
}
