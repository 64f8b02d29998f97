/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/local-session-private.h"

#include "app/base/error.h"

static void
fill (Counters *counters, const PcCounters *pc)
{
  *counters = (Counters){ {
    [COUNTER_TIME] = (uint64_t)g_get_monotonic_time () * 1000,
    [COUNTER_CPU_TIME] = pc->cpu_time,
    [COUNTER_LOOP_TIME] = pc->loop_time,
    [COUNTER_DISK_READS] = pc->disks.reads,
    [COUNTER_DISK_READ_BYTES] = pc->disks.read_bytes,
    [COUNTER_DISK_WRITES] = pc->disks.writes,
    [COUNTER_DISK_WRITTEN_BYTES] = pc->disks.written_bytes,
    [COUNTER_NET_RECEIVED] = pc->networks.received,
    [COUNTER_NET_RECEIVED_BYTES] = pc->networks.received_bytes,
    [COUNTER_NET_SENT] = pc->networks.sent,
    [COUNTER_NET_SENT_BYTES] = pc->networks.sent_bytes,
  } };
}

/* A disk that is being pulled out is waited for. */
static void
get_counters_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  LocalSession *self = source;
  PcCounters counters;
  bool running;

  g_rw_lock_reader_lock (&self->pc_lock);
  running = self->pc != NULL;
  if (running)
    pc_get_counters (self->pc, &counters);
  g_rw_lock_reader_unlock (&self->pc_lock);

  if (running)
    {
      Counters *answer = g_new (Counters, 1);

      fill (answer, &counters);
      g_task_return_pointer (task, answer, g_free);
    }
  else
    g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
}

void
local_session_get_counters (BonsaiSession *session, GTask *task)
{
  g_task_run_in_thread (task, get_counters_in_thread);
  g_object_unref (task);
}
