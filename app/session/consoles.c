/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/consoles.h"

struct Consoles {
  grefcount refs;
  char *video_driver;
  ConsoleHost *host;
};

Consoles *
consoles_new (const char *video_driver)
{
  Consoles *consoles = g_new0 (Consoles, 1);

  g_ref_count_init (&consoles->refs);
  consoles->video_driver = g_strdup (video_driver);
  return consoles;
}

Consoles *
consoles_ref (Consoles *consoles)
{
  g_ref_count_inc (&consoles->refs);
  return consoles;
}

void
consoles_unref (Consoles *consoles)
{
  if (!g_ref_count_dec (&consoles->refs))
    return;
  g_clear_pointer (&consoles->host, console_host_free);
  g_free (consoles->video_driver);
  g_free (consoles);
}

void
consoles_set_video_driver (Consoles *consoles, const char *video_driver)
{
  g_free (consoles->video_driver);
  consoles->video_driver = g_strdup (video_driver);
}

ConsoleHost *
consoles_get_host (Consoles *consoles, GError **error)
{
  if (consoles->host == NULL)
    consoles->host = console_host_new (consoles->video_driver, error);
  return consoles->host;
}
