/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a machine is talked to through: its session here, or that of the process that runs it. */
#include "app/vm/vm-private.h"

#include "app/base/error.h"
#include "app/session/remote-session.h"

BonsaiSession *
bonsai_vm_get_session (BonsaiVm *self)
{
  return self->session_ended ? NULL : self->session;
}

void
bonsai_vm_drop_session (BonsaiVm *self)
{
  if (self->session == NULL)
    return;
  g_signal_handlers_disconnect_by_data (self->session, self);
  recorder_remove (self->recorder, self->session);
  if (LOCAL_IS_SESSION (self->session))
    local_session_set_keeper (LOCAL_SESSION (self->session), NULL, NULL);
  g_clear_object (&self->session);
  self->session_ended = false;
  g_object_notify (G_OBJECT (self), "session");
}

/* --- its end --- */

/* How it ended is recorded, and its lock let go of, when that process has tidied up: until then it is known
 * from the session. */
static void
take_end (BonsaiVm *self)
{
  bundle_run_clear (&self->last_run);
  self->last_run = (BundleRun){
    .state = bonsai_session_get_state (self->session),
    .reason = bonsai_session_get_reason (self->session),
    .exit_status = bonsai_session_get_exit_status (self->session),
    .message = g_strdup (bonsai_session_get_message (self->session)),
  };
  self->ended_by = bonsai_session_get_pid (self->session);
}

static void
end_elsewhere (BonsaiVm *self)
{
  bool is_lost = bonsai_session_get_reason (self->session) == BONSAI_REASON_HOST_LOST;

  g_object_freeze_notify (G_OBJECT (self));
  if (!is_lost)
    take_end (self);
  bonsai_vm_drop_session (self);
  if (is_lost)
    bonsai_vm_reload (self);
  bonsai_vm_update_state (self);
  g_object_thaw_notify (G_OBJECT (self));
  bonsai_vm_picture_changed (self);
}

static void
on_session_changed (BonsaiVm *self)
{
  if (self->session_ended)
    {
      if (!bonsai_session_get_console_open (self->session))
        bonsai_vm_drop_session (self);
    }
  else if (!bonsai_state_is_alive (bonsai_session_get_state (self->session)))
    {
      if (self->lock == NULL)
        {
          end_elsewhere (self);
          return;
        }
      bonsai_vm_conclude_run (self);
    }
  bonsai_vm_update_state (self);
}

/* --- its beginning --- */

void
bonsai_vm_set_session (BonsaiVm *self, BonsaiSession *session)
{
  g_object_freeze_notify (G_OBJECT (self));
  bonsai_vm_drop_session (self);
  self->session = session;
  self->ended_by = 0;
  g_signal_connect_swapped (session, "changed", G_CALLBACK (on_session_changed), self);
  g_signal_connect_swapped (session, "thumbnail-changed", G_CALLBACK (bonsai_vm_refresh_thumbnail), self);
  if (self->n_watchers > 0)
    {
      bonsai_session_watch (session, true);
      bonsai_vm_refresh_thumbnail (self);
    }
  g_object_notify (G_OBJECT (self), "session");
  on_session_changed (self);
  g_object_thaw_notify (G_OBJECT (self));
}

static void
met (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiVm) self = data;
  g_autoptr (GError) error = NULL;
  RemoteSession *session = remote_session_connect_finish (result, &error);
  bool again = self->meet_again;

  g_clear_object (&self->meeting);
  self->meet_again = false;
  if (session != NULL && self->session == NULL && !self->starting)
    bonsai_vm_set_session (self, BONSAI_SESSION (session));
  else
    g_clear_object (&session);
  if (error != NULL && !g_error_matches (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING))
    g_info ("%s: %s", self->path, error->message);
  if (again && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    bonsai_vm_meet (self);
  bonsai_vm_update_state (self);
}

void
bonsai_vm_meet (BonsaiVm *self)
{
  if (self->config == NULL || self->starting || self->lock != NULL || self->changing != NULL
      || (self->session != NULL && !self->session_ended))
    return;
  /* Who runs it may not have listened yet when it was looked for. */
  if (self->meeting != NULL)
    {
      self->meet_again = true;
      return;
    }
  /* The lock tells also when a full disk kept the run from being recorded. */
  if (!bonsai_state_is_alive (self->last_run.state) && bonsai_vm_find_user (self) == 0)
    return;
  self->meeting = g_cancellable_new ();
  remote_session_connect_async (self->config->uuid, self->meeting, met, g_object_ref (self));
}

bool
bonsai_vm_is_meeting (BonsaiVm *self)
{
  return self->meeting != NULL;
}

/* --- its lock --- */

int
bonsai_vm_find_user (BonsaiVm *self)
{
  int holder = bundle_lock_holder (self->path);

  return holder == self->ended_by ? 0 : holder;
}

void
bonsai_vm_lock_changed (BonsaiVm *self)
{
  if (bundle_lock_holder (self->path) == 0)
    self->ended_by = 0;
  bonsai_vm_meet (self);
  bonsai_vm_update_state (self);
}
