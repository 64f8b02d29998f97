/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/vm/program-path.h"

#include "app/base/error.h"

#include <glib/gi18n.h>

/* From the folder of the program that runs: installed; then from one folder of a build tree to another. */
static const char *const places[] = { ".", "../libexec", "../app/cli", "../../app/cli", "../ui", "../../ui",
                                      "../../devices/usb", "../devices/usb" };

char *
program_path (const char *name, GError **error)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname (self) : NULL;
  char *found;

  for (unsigned i = 0; folder != NULL && i < G_N_ELEMENTS (places); i++)
    {
      g_autofree char *path = g_build_filename (folder, places[i], name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_EXECUTABLE) && !g_file_test (path, G_FILE_TEST_IS_DIR))
        return g_canonicalize_filename (path, NULL);
    }
  found = g_find_program_in_path (name);
  if (found == NULL)
    g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND,
                 _ ("The program %s is neither beside this one nor in PATH; install it"), name);
  return found;
}
