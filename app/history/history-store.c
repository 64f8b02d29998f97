/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/history/history-store.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_AGE (400 * (G_TIME_SPAN_DAY / G_TIME_SPAN_SECOND))

static char *
folder (void)
{
  return g_build_filename (g_get_user_state_dir (), "bonsai", "history", NULL);
}

static char *
path_of (const char *name)
{
  g_autofree char *parent = folder ();
  g_autofree char *file = g_strconcat (name, ".rrd", NULL);

  return g_build_filename (parent, file, NULL);
}

char *
history_store_path (const char *uuid)
{
  return path_of (uuid);
}

char *
history_store_host_path (void)
{
  return path_of ("host");
}

void
history_store_remove (const char *uuid)
{
  static const char *const suffixes[] = { "", ".damaged", ".ahead" };
  g_autofree char *path = history_store_path (uuid);

  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++)
    {
      g_autofree char *file = g_strconcat (path, suffixes[i], NULL);

      g_unlink (file);
    }
}

void
history_store_sweep (void)
{
  g_autofree char *parent = folder ();
  g_autoptr (GDir) dir = g_dir_open (parent, 0, NULL);
  gint64 oldest = g_get_real_time () / G_USEC_PER_SEC - MAX_AGE;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (parent, name, NULL);
      GStatBuf info;

      if (strstr (name, ".rrd") != NULL && g_stat (path, &info) == 0 && info.st_mtime < oldest)
        g_unlink (path);
    }
}
