/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"

#include <locale.h>

/* Beside the program: /usr/bin and /usr/share, also when that was moved; build/ui and build/po. */
static const char *const places[] = { "../share/locale", "../po" };

/* (transfer full) */
static char *
locale_folder (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;

  for (unsigned i = 0; folder != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], NULL);
      g_autofree char *sample = g_build_filename (path, "de", "LC_MESSAGES", GETTEXT_PACKAGE ".mo", NULL);

      if (g_file_test (sample, G_FILE_TEST_EXISTS))
        return g_canonicalize_filename (path, NULL);
    }
  return g_strdup (LOCALE_DIR);
}

void
i18n_init (void)
{
  g_autofree char *folder = locale_folder ();

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, folder);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
}
