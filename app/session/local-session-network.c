/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Network cards of a machine that runs. */
#include "app/base/error.h"
#include "app/session/local-session-private.h"

static bool
set_link (LocalSession *self, const char *nic, bool up, GError **error)
{
  Pc *pc = local_session_live_pc (self);
  g_autoptr (GError) cause = NULL;
  bool kept = true;

  if (pc == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_RUNNING, "%s is not running", self->name);
      return false;
    }
  if (!pc_set_link (pc, nic, up, error))
    return false;
  if (local_session_begin_keeping (self))
    {
      kept = self->keeper->link_changed (nic, up, self->keeper_data, &cause);
      local_session_end_keeping (self);
    }
  if (kept)
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_FAILED,
    "%s is %s until the machine's end, but its description could not be changed for the next start: %s", nic,
    up ? "up" : "down", cause->message);
  return false;
}

void
local_session_set_link (BonsaiSession *session, const char *nic, bool up, GTask *task)
{
  GError *error = NULL;

  if (set_link (LOCAL_SESSION (session), nic, up, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
  g_object_unref (task);
}
