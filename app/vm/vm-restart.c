/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A machine whose guest crashed or hangs starts again, after pauses that grow. That it will is in its last
 * run's record: whoever writes another one there, in whatever process, has decided otherwise. */
#include "app/vm/vm-private.h"

#include "app/base/error.h"
#include "app/policy/back-off.h"

static bool
is_failure (const BundleRun *run)
{
  return run->state == BONSAI_STATE_CRASHED && run->reason != BONSAI_REASON_HOST_LOST;
}

static void
plan (BonsaiVm *self)
{
  const VmRestart *restart = &self->config->policy->restart;

  self->restart.delay = back_off_delay (restart, self->restart.failures);
  self->last_run.failures = self->restart.failures;
  if (self->restart.delay >= 0)
    self->last_run.restart_at = g_get_real_time () / G_USEC_PER_SEC + self->restart.delay;
  else
    bonsai_vm_note (self, "restart", "given up", "It crashed too often in a row", NULL);
}

void
bonsai_vm_begin_restart_count (BonsaiVm *self)
{
  if (!self->restart.under_way)
    self->restart.failures = 0;
  g_clear_handle_id (&self->restart.timer, g_source_remove);
  self->restart.delay = -1;
  self->restart.since = g_get_monotonic_time ();
}

void
bonsai_vm_plan_restart (BonsaiVm *self)
{
  gint64 ran_for = (g_get_monotonic_time () - self->restart.since) / G_USEC_PER_SEC;

  self->restart.delay = -1;
  if (self->config == NULL || !self->config->policy->restart.enabled || !is_failure (&self->last_run))
    return;
  self->restart.failures = back_off_count (&self->config->policy->restart, self->restart.failures, ran_for);
  plan (self);
}

/* --- the start --- */

/* What keeps it from starting may pass, as a crash may. */
static void
try_later (BonsaiVm *self)
{
  self->restart.failures++;
  plan (self);
  bonsai_vm_record_run (self, NULL, NULL);
  bonsai_vm_await_restart (self, self->restart.flags);
  bonsai_vm_update_state (self);
}

static void
started (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  self->restart.under_way = false;
  if (bonsai_vm_start_finish (self, result, &error)
      || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_BUSY)
      || g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING))
    return;
  g_message ("%s", error->message);
  if (self->lock == NULL && self->config != NULL && self->config->policy->restart.enabled)
    try_later (self);
}

static bool
is_still_planned (BonsaiVm *self)
{
  g_auto (BundleRun) run = { 0 };

  bonsai_vm_reload (self);
  bundle_read_run (self->path, &run);
  return run.restart_at != 0 && run.restart_at == self->restart.at && self->config != NULL
         && self->config->policy->restart.enabled && bonsai_vm_get_session (self) == NULL;
}

static gboolean
on_time (gpointer data)
{
  BonsaiVm *self = data;

  self->restart.timer = 0;
  if (is_still_planned (self))
    {
      bonsai_vm_note (self, "restart", NULL, bonsai_reason_name (self->last_run.reason), NULL);
      self->restart.under_way = true;
      bonsai_vm_start_async (self, self->restart.flags, NULL, started, NULL);
    }
  g_object_notify (G_OBJECT (self), "state");
  return G_SOURCE_REMOVE;
}

void
bonsai_vm_await_restart (BonsaiVm *self, BonsaiStartFlags flags)
{
  if (self->restart.delay < 0)
    return;
  self->restart.flags = flags;
  self->restart.at = self->last_run.restart_at;
  self->restart.timer = g_timeout_add ((guint)self->restart.delay * 1000, on_time, self);
}

gboolean
bonsai_vm_is_restarting (BonsaiVm *self)
{
  return self->restart.timer != 0;
}

gint64
bonsai_vm_get_restart_time (BonsaiVm *self)
{
  return self->last_run.restart_at > g_get_real_time () / G_USEC_PER_SEC
             && !bonsai_state_is_alive (self->state)
           ? self->last_run.restart_at
           : 0;
}

gboolean
bonsai_vm_cancel_restart (BonsaiVm *self, GError **error)
{
  g_clear_handle_id (&self->restart.timer, g_source_remove);
  self->last_run.restart_at = 0;
  if (!bundle_write_run (self->path, &self->last_run, error))
    return FALSE;
  bonsai_vm_note (self, "restart", "called off", NULL, NULL);
  bonsai_vm_update_state (self);
  return TRUE;
}
