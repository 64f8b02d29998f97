/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Going back to a snapshot, with the machine's windows kept open: a second machine is built and given the
 * snapshot's state while the first one still runs; then it takes the first one's place, which is put away in
 * the background. Until vm.json is replaced the first one may go on as if nothing had been.
 */
#include "app/session/snapshot-work.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-flaw.h"
#include "app/snapshot/snapshot-tree.h"
#include "app/workspace/workspace.h"

/* --- the new machine --- */

static bool
build_machine (SnapshotWork *work, GError **error)
{
  LocalSession *self = work->session;
  const char *state = snapshot_return_get_state (work->back);

  work->spec = vm_config_to_spec (snapshot_return_get_config (work->back), work->bundle);
  work->pc = pc_new_successor (work->spec, self->pc, local_session_on_machine_event, self->relay, error);
  if (work->pc != NULL
      && (state == NULL || machine_restore (pc_machine (work->pc), state, snapshot_explain_flaw, error)))
    return true;
  g_clear_pointer (&work->pc, pc_free);
  return false;
}

static void
prepare_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;

  g_mutex_lock (&self->description_lock);
  work->back = snapshot_return_begin (work->bundle, work->node, false, &error);
  g_mutex_unlock (&self->description_lock);
  g_rw_lock_reader_lock (&self->pc_lock);
  if (work->back != NULL && self->pc == NULL)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s has ended meanwhile", self->name);
  else if (work->back != NULL && !work->to_be_off
           && workspace_check_config (work->bundle, snapshot_return_get_config (work->back), &error))
    build_machine (work, &error);
  g_rw_lock_reader_unlock (&self->pc_lock);
  snapshot_work_end_step (task, error);
}

/* --- where it stands --- */

/* Should this process end before the guest has run, the next start goes on from the snapshot. After that its
 * memory must never be put beside disks that are newer. Under description_lock. */
static bool
move (LocalSession *self, GError **error)
{
  if (!g_atomic_int_get (&self->unmoved))
    return true;
  if (!snapshot_resume_drop (self->keeper->get_bundle (self->keeper_data), false, error))
    return false;
  g_atomic_int_set (&self->unmoved, false);
  return true;
}

bool
local_session_move (LocalSession *self, GError **error)
{
  bool moved = true;

  if (g_atomic_int_get (&self->unmoved))
    {
      g_mutex_lock (&self->description_lock);
      moved = move (self, error);
      g_mutex_unlock (&self->description_lock);
    }
  return moved;
}

/* --- the exchange --- */

static void
exchange_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;
  Pc *before;

  g_mutex_lock (&self->description_lock);
  if (work->draft != NULL)
    snapshot_return_take_along (work->back, work->draft);
  /* A machine that runs on at once has no use for it: it would have to be forgotten as soon as it is written.
   */
  work->exchanged = snapshot_return_commit (work->back, work->paused && work->pc != NULL, &error);
  if (work->exchanged)
    g_atomic_int_set (&self->unmoved, work->paused && snapshot_return_get_state (work->back) != NULL);
  g_mutex_unlock (&self->description_lock);
  if (work->exchanged && work->pc != NULL)
    {
      MachineSpec *spec = self->spec;

      g_rw_lock_writer_lock (&self->pc_lock);
      before = self->pc;
      self->pc = work->pc;
      self->spec = work->spec;
      g_rw_lock_writer_unlock (&self->pc_lock);
      work->pc = before;
      work->spec = spec;
      pc_take_over (self->pc, before);
      local_session_plug_usb (self, self->pc);
    }
  snapshot_work_end_step (task, error);
}

/* What is left of the machine before: the window shows the new one by now. */
static void
put_away_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;

  g_clear_pointer (&work->pc, pc_free);
  g_mutex_lock (&self->description_lock);
  g_clear_pointer (&work->back, snapshot_return_free);
  g_clear_pointer (&work->draft, snapshot_draft_free);
  g_mutex_unlock (&self->description_lock);
  g_task_return_boolean (task, TRUE);
}

static void
put_away (SnapshotWork *work, GError *error)
{
  snapshot_work_done (work, work->failure != NULL ? g_steal_pointer (&work->failure) : error);
}

/* Who waits is answered before the old machine has gone, which takes longer than to go back. */
static void
finish (SnapshotWork *work, GError *error)
{
  if (error == NULL && work->asked != NULL)
    {
      g_variant_dict_insert (&work->result, "time", "t",
                             (guint64)(g_get_monotonic_time () - work->begun) * 1000);
      g_task_return_pointer (work->asked, g_variant_ref_sink (g_variant_dict_end (&work->result)),
                             (GDestroyNotify)g_variant_unref);
      g_clear_object (&work->asked);
    }
  work->failure = error;
  snapshot_work_run (work, put_away_in_thread, put_away);
}

static void
show_new_machine (LocalSession *self)
{
  local_session_close_agent (self);
  local_session_stop_watching (self);
  local_session_attach_windows (self);
  local_session_restart_watching (self);
  self->guest_is_late = true;
  local_session_open_agent (self);
  g_signal_emit_by_name (self, "thumbnail-changed");
}

static void
exchanged (SnapshotWork *work, GError *error)
{
  LocalSession *self = work->session;

  self->changing = false;
  if (!work->exchanged)
    {
      local_session_catch_up (self);
      local_session_resume_disk_work (self);
      finish (work, error);
      return;
    }
  local_session_forget_events (self);
  local_session_forget_trouble (self);
  show_new_machine (self);
  local_session_apply_cap (self);
  local_session_renew_forwards (self, work->pc);
  local_session_tell_usb (self);
  if (work->paused)
    {
      local_session_set_state (self, BONSAI_STATE_PAUSED, BONSAI_REASON_USER, NULL);
      snapshot_clock_kept (self->clock);
      finish (work, NULL);
    }
  else
    {
      work->waits = true;
      machine_run (pc_machine (self->pc));
    }
}

static void
power_off_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_task_propagate_boolean (G_TASK (result), NULL);
  finish (data, NULL);
}

/* Of a machine that was off: the disks are the snapshot's as soon as nobody writes them any more. */
static void
switched_off (SnapshotWork *work, GError *error)
{
  LocalSession *self = work->session;
  Pc *pc;

  self->changing = false;
  local_session_catch_up (self);
  pc = local_session_live_pc (self);
  if (!work->exchanged || pc == NULL)
    {
      finish (work, error);
      return;
    }
  session_waiters_add (self->waiters, g_task_new (self, NULL, power_off_done, work), SESSION_WAIT_ENDED, 0);
  machine_power_off (pc_machine (pc));
}

static void
prepared (SnapshotWork *work, GError *error)
{
  LocalSession *self = work->session;

  if (error == NULL && self->ended)
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s has ended meanwhile", self->name);
  if (error == NULL)
    g_cancellable_set_error_if_cancelled (work->cancellable, &error);
  if (error != NULL)
    {
      finish (work, error);
      return;
    }
  /* What it does is lost anyway; it would hold on to the machine. */
  local_session_suspend_disk_work (self);
  self->changing = true;
  snapshot_work_run (work, exchange_in_thread, work->to_be_off ? switched_off : exchanged);
}

void
snapshot_work_tell_restored (SnapshotWork *work, MachineState state)
{
  GError *error = NULL;

  if (!work->waits || state == MACHINE_CREATED)
    return;
  work->waits = false;
  if (state == MACHINE_ENDED)
    error =
      g_error_new (BONSAI_ERROR, BONSAI_ERROR_FAILED, "%s ended as soon as it was back", work->session->name);
  else
    local_session_resume_disk_work (work->session);
  finish (work, error);
}

/* --- what is asked --- */

static void
begin (SnapshotWork *work)
{
  work->begun = g_get_monotonic_time ();
  snapshot_work_run (work, prepare_in_thread, prepared);
}

static void
taken_first (SnapshotWork *work, GError *error)
{
  const char *id;

  if (error != NULL)
    {
      snapshot_work_done (work, error);
      return;
    }
  if (g_variant_dict_lookup (&work->result, "id", "&s", &id))
    g_variant_dict_insert (&work->result, "taken", "s", id);
  begin (work);
}

/* Before one is taken: "." then means another. */
static bool
find_node (SnapshotWork *work, GError **error)
{
  g_autoptr (SnapshotTree) tree = snapshot_tree_read (work->bundle, error);
  const SnapshotNode *node = tree != NULL ? snapshot_tree_find (tree, work->node, error) : NULL;

  if (node == NULL)
    return false;
  g_free (work->node);
  work->node = g_strdup (node->id);
  work->to_be_off = node->kind == SNAPSHOT_OFF;
  return true;
}

void
snapshot_work_restore (SnapshotWork *work)
{
  GError *error = NULL;
  const char *name = NULL;
  gboolean paused = FALSE;

  if (!find_node (work, &error))
    {
      snapshot_work_done (work, error);
      return;
    }
  g_variant_dict_lookup (&work->arguments, "paused", "b", &paused);
  work->paused = paused;
  work->goes_along = g_variant_dict_lookup (&work->arguments, "take-first", "&s", &name);
  if (work->goes_along)
    snapshot_work_take (work, name[0] != '\0' ? name : NULL, NULL, taken_first);
  else
    begin (work);
}

/* --- a start that goes on from a state --- */

bool
local_session_restore_state (LocalSession *self, Pc *pc, GError **error)
{
  const char *bundle = self->keeper->get_bundle (self->keeper_data);
  bool dropped;

  if (!machine_restore (pc_machine (pc), self->resume, snapshot_explain_flaw, error))
    {
      g_prefix_error (error, "“%s” can't go on from where it was: ", self->name);
      return false;
    }
  g_mutex_lock (&self->description_lock);
  dropped = snapshot_resume_drop (bundle, true, error);
  g_mutex_unlock (&self->description_lock);
  return dropped;
}
