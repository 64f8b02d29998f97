/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "devices/platform/firmware.h"

#include "vmm/base/error.h"

#include <glib/gi18n.h>
#include <stdbool.h>

#ifndef FIRMWARE_PATH
#define FIRMWARE_PATH "/usr/share/seabios:/usr/share/qemu"
#endif

static bool
try_folder (const char *folder, const char *sub, const char *file, char **path)
{
  if (!folder || !*folder)
    return false;
  *path = g_build_filename (folder, sub, file, NULL);
  if (g_file_test (*path, G_FILE_TEST_IS_REGULAR))
    return true;
  g_clear_pointer (path, g_free);
  return false;
}

static bool
try_list (const char *list, const char *file, char **path)
{
  g_auto (GStrv) folders = g_strsplit (list ? list : "", ":", -1);
  bool found = false;

  for (unsigned i = 0; folders[i] && !found; i++)
    found = try_folder (folders[i], ".", file, path);
  return found;
}

static bool
try_data_folder (const char *folder, const char *file, char **path)
{
  return try_folder (folder, "bonsai/firmware", file, path) || try_folder (folder, "seabios", file, path)
         || try_folder (folder, "qemu", file, path);
}

char *
firmware_find (const char *file, const char *package, GError **error)
{
  const char *const *system = g_get_system_data_dirs ();
  char *path = NULL;

  if (try_list (g_getenv ("BONSAI_FIRMWARE_PATH"), file, &path)
      || try_data_folder (g_get_user_data_dir (), file, &path))
    return path;
  for (unsigned i = 0; system[i]; i++)
    if (try_data_folder (system[i], file, &path))
      return path;
  if (try_list (FIRMWARE_PATH, file, &path))
    return path;

  g_set_error (
    error, VMM_ERROR, VMM_ERROR_INVALID,
    _ ("The firmware file %s is not on this computer. Install the package \"%s\" (apt install %s), or name "
       "the file's folder in BONSAI_FIRMWARE_PATH."),
    file, package, package);
  return NULL;
}
