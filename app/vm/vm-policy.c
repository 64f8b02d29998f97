/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Follows a machine that runs here with its policy's rules, by what the recorder looks at anyway. */
#include "app/vm/vm-policy.h"

#include "app/history/host-counters.h"
#include "app/history/host-power.h"
#include "app/policy/sample.h"

#include <math.h>
#include <time.h>
#include <unistd.h>

typedef struct Warden Warden;

/* What was read of the host's power last. Whoever reads outlives the warden. */
typedef struct {
  HostPower last;
  bool busy;
} Power;

struct Warden {
  BonsaiVm *vm;
  VmPolicy *policy;
  Evaluator *evaluator;
  PolicyActs *acts;
  PolicySize size;
  bool has_host; /* @host is there to compare with */
  Counters host;
  Power *power; /* shared with the thread that reads */
};

static gint64
boot_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_BOOTTIME, &now);
  return now.tv_sec;
}

/* --- looking --- */

/* The host's part of a sample, as far as any rule asks. Returns: whether there is one. */
static bool
look_at_host (Warden *warden, HistoryRow *row)
{
  Counters now;
  HistoryMemory memory;

  if (!evaluator_needs (warden->evaluator, VM_METRIC_HOST_CPU)
      && !evaluator_needs (warden->evaluator, VM_METRIC_HOST_MEMORY))
    return false;
  host_counters_read (&now, &memory);
  *row = (HistoryRow){ 0 };
  row->values[HISTORY_CPU] = warden->has_host ? counters_rate (&warden->host, &now, COUNTER_CPU_TIME) : NAN;
  row->values[HISTORY_MEMORY] = memory.used;
  if (isnan (memory.used))
    row->values[HISTORY_MEMORY] = memory.given;
  warden->host = now;
  warden->has_host = true;
  return true;
}

static void
read_power_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  HostPower power = host_power_read (NULL);

  g_task_return_pointer (task, g_memdup2 (&power, sizeof power), g_free);
}

static void
power_read (GObject *source, GAsyncResult *result, gpointer data)
{
  Power *power = data;
  g_autofree HostPower *read = g_task_propagate_pointer (G_TASK (result), NULL);

  power->last = *read;
  power->busy = false;
  g_rc_box_release (power);
}

/* As it was a sample ago: a battery's firmware may take its time, for which nothing waits. */
static void
look_at_power (Warden *warden, PolicySample *sample)
{
  const HostPower *last = &warden->power->last;
  g_autoptr (GTask) task = NULL;

  if (!evaluator_needs (warden->evaluator, VM_METRIC_HOST_BATTERY)
      && !evaluator_needs (warden->evaluator, VM_METRIC_HOST_ON_BATTERY)
      && !evaluator_needs (warden->evaluator, VM_METRIC_HOST_TEMPERATURE))
    return;
  sample->values[VM_METRIC_HOST_BATTERY] = last->charge;
  sample->values[VM_METRIC_HOST_ON_BATTERY] = last->on_battery;
  sample->values[VM_METRIC_HOST_TEMPERATURE] = last->temperature;
  if (warden->power->busy)
    return;
  warden->power->busy = true;
  task = g_task_new (NULL, NULL, power_read, g_rc_box_acquire (warden->power));
  g_task_run_in_thread (task, read_power_in_thread);
}

static void
on_firing (const PolicyFiring *firing, void *data)
{
  policy_acts_do (((Warden *)data)->acts, firing);
}

static void
on_row (const HistoryRow *row, void *data)
{
  Warden *warden = data;
  HistoryRow host;
  bool has_host = look_at_host (warden, &host);
  PolicySample sample;

  if (bonsai_vm_get_state (warden->vm) != BONSAI_STATE_RUNNING)
    return;
  sample = policy_sample (row, has_host ? &host : NULL, HISTORY_STEP, &warden->size);
  sample.time = boot_time ();
  look_at_power (warden, &sample);
  sample.watched = bonsai_vm_get_console_open (warden->vm);
  evaluator_feed (warden->evaluator, &sample, on_firing, warden);
}

/* --- life --- */

static void
warden_free (Warden *warden)
{
  policy_acts_free (warden->acts);
  evaluator_free (warden->evaluator);
  vm_policy_unref (warden->policy);
  g_rc_box_release (warden->power);
  g_free (warden);
}

static Warden *
warden_new (BonsaiVm *vm)
{
  Warden *warden = g_new0 (Warden, 1);

  warden->vm = vm;
  warden->power = g_rc_box_new0 (Power);
  warden->power->last = (HostPower){ NAN, NAN, NAN };
  warden->policy = vm_policy_ref (vm->config->policy);
  warden->evaluator = evaluator_new (warden->policy);
  warden->acts = policy_acts_new (vm, warden->policy);
  warden->size = (PolicySize){ vm->config->cpus, g_get_num_processors (), (double)vm->config->memory,
                               (double)sysconf (_SC_PHYS_PAGES) * sysconf (_SC_PAGESIZE) };
  return warden;
}

static bool
has_same_policy (BonsaiVm *self)
{
  g_autofree char *was = vm_policy_to_json (self->warden->policy),
                  *is = vm_policy_to_json (self->config->policy);

  return g_str_equal (was, is);
}

void
bonsai_vm_follow_policy (BonsaiVm *self)
{
  if (!LOCAL_IS_SESSION (self->session) || self->concluding || self->config == NULL
      || (self->warden != NULL && has_same_policy (self)))
    return;
  bonsai_vm_leave_policy (self);
  self->warden = warden_new (self);
  local_session_set_own_cap (LOCAL_SESSION (self->session), self->config->policy->cpu_cap);
  if (self->config->policy->rules->len > 0 || self->config->policy->idle != NULL)
    recorder_listen (self->recorder, self->session, on_row, self->warden);
}

void
bonsai_vm_leave_policy (BonsaiVm *self)
{
  if (self->warden == NULL)
    return;
  if (self->session != NULL)
    recorder_listen (self->recorder, self->session, NULL, NULL);
  g_clear_pointer (&self->warden, warden_free);
}
