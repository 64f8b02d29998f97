/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/key-text.h"

#include "app/base/error.h"

bool
key_text_check (const char *text, GError **error)
{
  KeyUsage usage;
  bool shift;

  if (!g_utf8_validate (text, -1, NULL))
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "The text is not UTF-8");
      return false;
    }
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    if (!key_usage_for_char (g_utf8_get_char (at), &usage, &shift))
      {
        g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "A US keyboard has no key for “%.*s”",
                     (int)(g_utf8_next_char (at) - at), at);
        return false;
      }
  return true;
}

static void
send_key (BonsaiSession *session, KeyUsage usage, bool down)
{
  bonsai_session_input (session, &(BonsaiInput){ .kind = BONSAI_INPUT_KEY, .code = usage, .down = down });
}

void
key_text_press (BonsaiSession *session, gunichar character, bool down)
{
  KeyUsage usage;
  bool shift;

  if (!key_usage_for_char (character, &usage, &shift))
    return;
  if (shift && down)
    send_key (session, KEY_LEFT_SHIFT, true);
  send_key (session, usage, down);
  if (shift && !down)
    send_key (session, KEY_LEFT_SHIFT, false);
}
