/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vmm/base/error.h"
#include "vmm/machine/machine-private.h"

/* A guest that does nothing but reset itself can't keep a hold waiting for ever. */
#define MAX_TURNS 16u

struct HoldJob {
  MachineHold config;
  MachineHoldFunc func;
  void *data;
  GError *error;
  bool ok;
  bool done; /* the machine's lock */
  bool was_running;
  unsigned turns; /* that others were let in front */
  int64_t began;  /* ns */
};

static int64_t
now (void)
{
  return g_get_monotonic_time () * NS_PER_US;
}

void
machine_begin_hold (Machine *machine, HoldJob *job)
{
  job->began = now ();
}

bool
machine_must_delay_hold (Machine *machine, HoldJob *job)
{
  bool asked = false;

  g_mutex_lock (&machine->lock);
  for (const GList *link = machine->commands.head; link && !asked; link = link->next)
    {
      const Command *command = link->data;

      asked = command->from_guest && command->kind > COMMAND_TELL;
    }
  g_mutex_unlock (&machine->lock);
  return asked && job->turns++ < MAX_TURNS;
}

void
machine_do_hold (Machine *machine, HoldJob *job)
{
  machine->held = true;
  job->was_running = machine->state == MACHINE_RUNNING;
  if (job->was_running)
    board_stopped (machine->board);
  job->ok = job->func (machine, job->data, &job->error);
  machine->held = false;
}

bool
machine_hold_stays (const HoldJob *job)
{
  return job->ok && job->config.stay;
}

void
machine_answer_hold (Machine *machine, HoldJob *job)
{
  if (job->config.stood)
    *job->config.stood = job->was_running && job->ok ? now () - job->began : 0;
  g_mutex_lock (&machine->lock);
  job->done = true;
  g_cond_broadcast (&machine->changed);
  g_mutex_unlock (&machine->lock);
}

bool
machine_hold (Machine *machine, const MachineHold *hold, MachineHoldFunc func, void *data, GError **error)
{
  HoldJob job = { .config = *hold, .func = func, .data = data };

  machine_post (machine, (Command) { .kind = COMMAND_HOLD, .hold = &job }, NULL);
  g_mutex_lock (&machine->lock);
  while (!job.done)
    g_cond_wait (&machine->changed, &machine->lock);
  g_mutex_unlock (&machine->lock);
  if (!job.ok && !job.error)
    g_set_error (error, VMM_ERROR, VMM_ERROR_BUSY, "The machine \"%s\" has ended.", machine->name);
  else if (job.error)
    g_propagate_error (error, job.error);
  return job.ok;
}
