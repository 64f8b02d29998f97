/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of a machine that runs: to stand, to go on, to end; keys and pointers; its serial ports. */
#include "app/session/local-session-private.h"

#include "app/base/error.h"
#include "vmm/base/error.h"

#define SHUTDOWN_TIMEOUT_MS 60000

static void
shut_down (LocalSession *self, unsigned timeout_ms, GTask *task)
{
  if (self->state == BONSAI_STATE_PAUSED)
    machine_run (pc_machine (self->pc));
  local_session_ask_to_shut_down (self);
  local_session_set_state (self, BONSAI_STATE_STOPPING, BONSAI_REASON_USER,
                           "Waiting for the guest to shut down");
  session_waiters_add (self->waiters, task, SESSION_WAIT_ENDED,
                       timeout_ms != 0 ? timeout_ms : SHUTDOWN_TIMEOUT_MS);
}

static void
control_machine (LocalSession *self, BonsaiControl control, unsigned timeout_ms, GTask *task)
{
  Pc *pc = local_session_live_pc (self);
  Machine *machine = pc != NULL ? pc_machine (pc) : NULL;

  if (self->changing)
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY,
                               "%s is going back to a snapshot this moment; try again", self->name);
      g_object_unref (task);
      return;
    }
  if (machine == NULL || !bonsai_state_is_alive (self->state))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
      g_object_unref (task);
      return;
    }
  if (control == BONSAI_CONTROL_POWER_OFF)
    local_session_cancel_snapshot (BONSAI_SESSION (self));
  else if (local_session_is_suspending (self))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY, "%s is being suspended to disk",
                               self->name);
      g_object_unref (task);
      return;
    }
  switch (control)
    {
    case BONSAI_CONTROL_PAUSE:
      session_waiters_add (self->waiters, task, SESSION_WAIT_PAUSED, 0);
      if (self->state == BONSAI_STATE_PAUSED)
        session_waiters_tell (self->waiters, self->state, self->message);
      else
        machine_pause (machine);
      break;
    case BONSAI_CONTROL_RESUME:
      session_waiters_add (self->waiters, task, SESSION_WAIT_RUNNING, 0);
      if (self->state != BONSAI_STATE_PAUSED)
        session_waiters_tell (self->waiters, self->state, self->message);
      else
        machine_run (machine);
      break;
    case BONSAI_CONTROL_RESET:
      session_waiters_add (self->waiters, task, SESSION_WAIT_RESET, 0);
      machine_reset (machine);
      break;
    case BONSAI_CONTROL_POWER_OFF:
      session_waiters_add (self->waiters, task, SESSION_WAIT_ENDED, 0);
      machine_power_off (machine);
      break;
    case BONSAI_CONTROL_SHUTDOWN:
      shut_down (self, timeout_ms, task);
      break;
    }
}

/* --- a machine that stands where it went back to --- */

typedef struct {
  BonsaiControl control;
  unsigned timeout_ms;
  GTask *task;
} Request;

static void
move_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (local_session_move (source, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* The plug can be pulled in any case. */
static void
moved (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree Request *request = data;
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    local_session_control (BONSAI_SESSION (source), request->control, request->timeout_ms, request->task);
  else if (request->control == BONSAI_CONTROL_POWER_OFF)
    {
      g_clear_error (&error);
      control_machine (LOCAL_SESSION (source), request->control, request->timeout_ms, request->task);
    }
  else
    {
      g_task_return_error (request->task, error);
      g_object_unref (request->task);
    }
}

static void
move_first (LocalSession *self, BonsaiControl control, unsigned timeout_ms, GTask *task)
{
  Request *request = g_new (Request, 1);
  g_autoptr (GTask) step = g_task_new (self, NULL, moved, request);

  *request = (Request){ control, timeout_ms, task };
  g_task_run_in_thread (step, move_in_thread);
}

void
local_session_control (BonsaiSession *session, BonsaiControl control, unsigned timeout_ms, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);

  if (control != BONSAI_CONTROL_PAUSE && !self->changing && g_atomic_int_get (&self->unmoved))
    move_first (self, control, timeout_ms, task);
  else
    control_machine (self, control, timeout_ms, task);
}

void
local_session_input (BonsaiSession *session, const BonsaiInput *input)
{
  LocalSession *self = LOCAL_SESSION (session);
  Pc *pc = local_session_live_pc (self);
  InputHub *hub = pc != NULL ? pc_input (pc) : NULL;

  if (hub == NULL)
    return;
  switch (input->kind)
    {
    case BONSAI_INPUT_KEY:
      if (input->code <= 0xff)
        input_hub_key (hub, (KeyUsage)input->code, input->down);
      break;
    case BONSAI_INPUT_MOTION:
      input_hub_motion (hub, input->x, input->y);
      break;
    case BONSAI_INPUT_POSITION:
      input_hub_position (hub, (unsigned)CLAMP (input->x, 0, 32767), (unsigned)CLAMP (input->y, 0, 32767));
      break;
    case BONSAI_INPUT_BUTTON:
      if (input->code <= POINTER_EXTRA)
        input_hub_button (hub, (PointerButton)input->code, input->down);
      break;
    case BONSAI_INPUT_WHEEL:
      input_hub_wheel (hub, input->x, input->y);
      break;
    case BONSAI_INPUT_RELEASE_ALL:
      input_hub_release_all (hub);
      break;
    }
}

void
local_session_open_serial (BonsaiSession *session, unsigned port, bool force, GTask *task)
{
  LocalSession *self = LOCAL_SESSION (session);
  Pc *pc = local_session_live_pc (self);
  GError *error = NULL;
  int fd = -1;

  if (pc != NULL)
    fd = pc_open_serial_console (pc, port, force, &error);
  else
    g_set_error (&error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
  if (fd >= 0)
    g_task_return_int (task, fd);
  else if (g_error_matches (error, VMM_ERROR, VMM_ERROR_BUSY))
    {
      g_task_return_new_error (task, BONSAI_ERROR, BONSAI_ERROR_BUSY, "%s", error->message);
      g_error_free (error);
    }
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}
