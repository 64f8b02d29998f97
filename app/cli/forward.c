/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/forward.h"

bool
cli_parse_forwards (char **texts, GArray *forwards, GError **error)
{
  for (unsigned i = 0; texts != NULL && texts[i] != NULL; i++)
    {
      NetForward forward;

      if (!net_forward_parse (&forward, texts[i], error))
        {
          g_prefix_error (error, "--forward: ");
          return false;
        }
      g_array_append_val (forwards, forward);
    }
  return true;
}

GVariant *
cli_get_forwards (BonsaiSession *session)
{
  g_auto (CliWait) wait = { 0 };

  if (session == NULL)
    return NULL;
  bonsai_session_get_forwards_async (session, NULL, cli_wait_ready, &wait);
  return bonsai_session_get_forwards_finish (session, cli_wait (&wait), NULL);
}
