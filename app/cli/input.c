/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/cli/cli.h"

#include "app/base/error.h"

/* Splits @text at @separator; 0 if a part is no key's name. */
static unsigned
split_chord (const char *text, const char *separator, KeyUsage *usages, unsigned max)
{
  g_auto (GStrv) names = g_strsplit (text, separator, -1);
  unsigned n = g_strv_length (names);

  if (n > max)
    return 0;
  for (unsigned i = 0; i < n; i++)
    {
      usages[i] = key_usage_from_name (names[i]);
      if (usages[i] == 0)
        return 0;
    }
  return n;
}

unsigned
cli_parse_chord (const char *text, KeyUsage *usages, unsigned max, GError **error)
{
  unsigned n = split_chord (text, "+", usages, max);

  /* "ctrl-alt-delete" is understood as well, though names such as "kp-enter" have that sign themselves. */
  if (n == 0)
    n = split_chord (text, "-", usages, max);
  if (n == 0)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID,
                 "“%s” is no key; write a, f1, ret, kp-enter or ctrl+alt+delete (bonsai(1) lists them)",
                 text);
  return n;
}

void
cli_send_key (BonsaiSession *session, KeyUsage usage, bool down)
{
  bonsai_session_input (session, &(BonsaiInput){ .kind = BONSAI_INPUT_KEY, .code = usage, .down = down });
}

int
cli_finish_input (BonsaiSession *session)
{
  GError *error = NULL;

  if (REMOTE_IS_SESSION (session) && !remote_session_sync (REMOTE_SESSION (session), &error))
    return cli_fail (error);
  return EXIT_STATUS_OK;
}
