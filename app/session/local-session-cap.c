/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How much of its processors' time the machine gets. */
#include "app/session/local-session-private.h"

void
local_session_apply_cap (LocalSession *self)
{
  Pc *pc = local_session_live_pc (self);

  if (pc != NULL)
    machine_set_cap (pc_machine (pc), MIN (self->own_cap, self->others_cap));
}

void
local_session_set_own_cap (LocalSession *self, double share)
{
  self->own_cap = share;
  local_session_apply_cap (self);
}

void
local_session_set_cap (BonsaiSession *session, double share)
{
  LOCAL_SESSION (session)->others_cap = share;
  local_session_apply_cap (LOCAL_SESSION (session));
}
