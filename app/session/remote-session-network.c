/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/remote-session-private.h"

void
remote_session_set_link (BonsaiSession *session, const char *nic, bool up, GTask *task)
{
  remote_session_call (REMOTE_SESSION (session), "SetLink", g_variant_new ("(sb)", nic, up), CALL_TIMEOUT_MS,
                       task);
}
