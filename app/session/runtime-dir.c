/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/runtime-dir.h"

#include "app/base/error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SOCKET_SUFFIX ".sock"

char *
runtime_dir_path (void)
{
  return g_build_filename (g_get_user_runtime_dir (), "bonsai", NULL);
}

gboolean
runtime_dir_ensure (GError **error)
{
  g_autofree char *path = runtime_dir_path ();
  struct stat st;

  if (g_mkdir_with_parents (path, 0700) < 0 || lstat (path, &st) < 0)
    return bonsai_set_errno_error (error, errno,
                                   "Can't create the folder %s, where machines that run are met", path);
  if (S_ISDIR (st.st_mode) && st.st_uid == geteuid () && (st.st_mode & 077) == 0)
    return TRUE;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "%s must be a folder of yours that nobody else may enter; remove it, or: chmod 700 %s", path,
               path);
  return FALSE;
}

char *
runtime_dir_socket (const char *uuid)
{
  g_autofree char *folder = runtime_dir_path ();

  return g_strdup_printf ("%s/%s" SOCKET_SUFFIX, folder, uuid);
}

char *
runtime_dir_loan (const char *id)
{
  g_autofree char *folder = runtime_dir_path ();

  return g_strdup_printf ("%s/%s.loan", folder, id);
}

char *
runtime_dir_uuid_of (const char *socket_path)
{
  g_autofree char *name = g_path_get_basename (socket_path);

  if (!g_str_has_suffix (name, SOCKET_SUFFIX))
    return NULL;
  name[strlen (name) - strlen (SOCKET_SUFFIX)] = '\0';
  return g_uuid_string_is_valid (name) ? g_steal_pointer (&name) : NULL;
}

char **
runtime_dir_list (void)
{
  g_autofree char *path = runtime_dir_path ();
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  g_autoptr (GStrvBuilder) uuids = g_strv_builder_new ();
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *uuid = runtime_dir_uuid_of (name);

      if (uuid != NULL)
        g_strv_builder_add (uuids, uuid);
    }
  return g_strv_builder_end (uuids);
}
