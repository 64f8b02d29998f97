/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of a workspace that runs here as its time passes. */
#include "app/vm/vm-private.h"
#include "app/vm/vm-snapshots.h"
#include "app/workspace/lease-notice.h"
#include "app/workspace/lease-timer.h"

#include <glib/gi18n.h>

/* One look; in a thread, as it writes. */
typedef struct {
  char *bundle, *uuid;
  LeaseStep step;
} Look;

static void
look_free (Look *look)
{
  g_free (look->bundle);
  g_free (look->uuid);
  g_free (look);
}

bool
bonsai_vm_begin_lease (BonsaiVm *self, GError **error)
{
  const LeasePlace place = workspace_place (self->path, self->config->uuid);

  if (!workspace_begin_run (&place, self->config, error))
    return false;
  g_free (self->leased);
  self->leased = lease_store_exists (&place) ? g_strdup (place.uuid) : NULL;
  return true;
}

/* From now on nobody follows it. */
static void
look_over (const char *uuid, const LeaseStep *step)
{
  if ((step->actions & LEASE_WARN) != 0)
    lease_notice_send (uuid, false);
  lease_timer_plan (step->again);
}

void
bonsai_vm_end_lease (BonsaiVm *self)
{
  g_autofree char *uuid = g_steal_pointer (&self->leased);
  const LeasePlace place = workspace_place (self->path, uuid);
  g_autoptr (GError) error = NULL;
  LeaseStep step;

  g_clear_handle_id (&self->lease_timer, g_source_remove);
  if (uuid == NULL)
    return;
  if (workspace_look (&place, false, &step, &error))
    look_over (uuid, &step);
  else
    g_warning ("%s", error->message);
}

static void
ignore_control (GObject *source, GAsyncResult *result, gpointer data)
{
  bonsai_vm_control_finish (BONSAI_VM (source), result, NULL);
}

static void
suspended (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_suspend_finish (self, result, &error) || self->lock == NULL)
    return;
  g_warning ("“%s” can't be suspended as its time is over, and is switched off: %s",
             bonsai_vm_get_name (self), error->message);
  bonsai_vm_control_async (self, BONSAI_CONTROL_POWER_OFF, 0, NULL, ignore_control, NULL);
}

static void look_later (BonsaiVm *self, int64_t seconds);

/* In its windows, and by the desktop. */
static void
warn (BonsaiVm *self, const LeaseStep *step)
{
  g_autofree char *span = lease_format_span (step->remaining);
  g_autofree char *text =
    g_strdup_printf (_ ("This workspace expires in %s. Its issuer can renew it."), span);

  if (self->session != NULL)
    local_session_tell (LOCAL_SESSION (self->session), text);
  lease_notice_send (self->leased, false);
}

static void
looked (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiVm *self = BONSAI_VM (source);
  const Look *look = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    g_warning ("%s", error->message);
  if (self->leased == NULL) /* it has ended meanwhile, and this look may have come last */
    {
      const LeasePlace place = workspace_place (look->bundle, look->uuid);
      LeaseStep step;

      if (workspace_look (&place, false, &step, NULL))
        look_over (look->uuid, &step);
      return;
    }
  if ((look->step.actions & LEASE_WARN) != 0)
    warn (self, &look->step);
  if ((look->step.actions & LEASE_SUSPEND) != 0)
    bonsai_vm_suspend_async (self, NULL, NULL, NULL, suspended, NULL);
  look_later (self, look->step.again);
}

static void
look_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  Look *look = data;
  const LeasePlace place = workspace_place (look->bundle, look->uuid);
  GError *error = NULL;

  if (workspace_look (&place, true, &look->step, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static gboolean
on_time (gpointer data)
{
  BonsaiVm *self = data;
  g_autoptr (GTask) task = g_task_new (self, NULL, looked, NULL);
  Look *look = g_new0 (Look, 1);

  self->lease_timer = 0;
  look->bundle = g_strdup (self->path);
  look->uuid = g_strdup (self->leased);
  g_task_set_task_data (task, look, (GDestroyNotify)look_free);
  g_task_run_in_thread (task, look_in_thread);
  return G_SOURCE_REMOVE;
}

static void
look_later (BonsaiVm *self, int64_t seconds)
{
  g_clear_handle_id (&self->lease_timer, g_source_remove);
  self->lease_timer = g_timeout_add_seconds ((guint)MIN (seconds, LEASE_TICK_S), on_time, self);
}

void
bonsai_vm_follow_lease (BonsaiVm *self)
{
  if (self->leased != NULL)
    look_later (self, 1);
}
