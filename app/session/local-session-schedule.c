/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots that are taken by the clock, and those that go for them. */
#include "app/session/snapshot-work.h"

#include "app/snapshot/snapshot-schedule.h"

/* --- taking one --- */

static void
thin_out_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  SnapshotWork *work = data;
  LocalSession *self = work->session;
  GError *error = NULL;

  g_mutex_lock (&self->description_lock);
  snapshot_schedule_thin_out (work->bundle, &work->schedule, true, NULL, &error);
  g_mutex_unlock (&self->description_lock);
  snapshot_work_end_step (task, error);
}

static void
taken (SnapshotWork *work, GError *error)
{
  LocalSession *self = work->session;

  if (error != NULL)
    {
      snapshot_clock_failed (self->clock);
      snapshot_work_done (work, error);
      return;
    }
  snapshot_clock_taken (self->clock);
  work->schedule = *snapshot_clock_get_schedule (self->clock);
  snapshot_work_run (work, thin_out_in_thread, snapshot_work_done);
}

void
snapshot_work_take_scheduled (SnapshotWork *work)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *name = g_date_time_format (now, "%Y-%m-%d %H:%M");

  work->scheduled = true;
  work->disks_only = snapshot_clock_get_schedule (work->session->clock)->disks_only;
  snapshot_work_take (work, name, NULL, taken);
}

/* --- when --- */

void
local_session_set_schedule (LocalSession *self, const VmSchedule *schedule)
{
  snapshot_clock_set_schedule (self->clock, schedule);
}

int64_t
local_session_find_last_scheduled (LocalSession *self)
{
  const char *bundle = self->keeper != NULL && self->keeper->get_bundle != NULL
                         ? self->keeper->get_bundle (self->keeper_data)
                         : NULL;
  g_autoptr (SnapshotTree) tree = NULL;

  if (bundle == NULL || snapshot_clock_get_schedule (self->clock)->every == 0)
    return 0;
  tree = snapshot_tree_read (bundle, NULL);
  return tree != NULL ? snapshot_schedule_last (tree, g_get_real_time ()) : 0;
}

GVariant *
local_session_describe_schedule (LocalSession *self)
{
  int64_t due = snapshot_clock_get_due (self->clock);
  GVariantDict answer;

  g_variant_dict_init (&answer, NULL);
  if (due != 0)
    g_variant_dict_insert (&answer, "due", "x", due);
  return g_variant_ref_sink (g_variant_dict_end (&answer));
}

/* --- changing it --- */

bool
snapshot_work_set_schedule (SnapshotWork *work, GError **error)
{
  const char *every = NULL, *keep = NULL;
  gboolean disks_only = FALSE;
  VmSchedule schedule = { 0 };

  g_variant_dict_lookup (&work->arguments, "every", "&s", &every);
  g_variant_dict_lookup (&work->arguments, "keep", "&s", &keep);
  g_variant_dict_lookup (&work->arguments, "disks-only", "b", &disks_only);
  vm_schedule_set_default_keep (&schedule);
  schedule.disks_only = disks_only;
  if (every != NULL && every[0] != '\0' && (schedule.every = vm_schedule_parse_every (every, error)) == 0)
    return false;
  return (keep == NULL || vm_schedule_parse_keep (keep, &schedule, error))
         && snapshot_schedule_set (work->bundle, &schedule, error);
}
