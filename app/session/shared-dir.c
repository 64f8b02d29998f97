/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/session/shared-dir.h"

#include "app/base/error.h"
#include "app/session/runtime-dir.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_FOLDER "/run/bonsai"

void
shared_socket_free (SharedSocket *shared)
{
  g_free (shared->uuid);
  g_free (shared->path);
  g_free (shared);
}

static const char *
root_folder (void)
{
  const char *folder = g_getenv ("BONSAI_SHARED");

  return folder != NULL ? folder : USUAL_FOLDER;
}

static char *
folder_of (uid_t user)
{
  return g_strdup_printf ("%s/%u", root_folder (), (unsigned)user);
}

/* Nobody else can have put anything there. */
static bool
is_really (const char *folder, uid_t owner)
{
  struct stat st;

  return lstat (folder, &st) == 0 && S_ISDIR (st.st_mode) && st.st_uid == owner && (st.st_mode & 022) == 0;
}

gboolean
shared_dir_ensure (GError **error)
{
  g_autofree char *folder = folder_of (geteuid ());

  if (mkdir (folder, 0755) < 0 && errno != EEXIST)
    return bonsai_set_errno_error (
      error, errno,
      "Can't create the folder %s, where others meet machines that are shared with "
      "them (systemd-tmpfiles makes %s)",
      folder, root_folder ());
  if (is_really (folder, geteuid ()) && chmod (folder, 0755) == 0)
    return TRUE;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "%s must be a folder of yours to which nobody else may write; have it removed", folder);
  return FALSE;
}

char *
shared_dir_socket (const char *uuid)
{
  g_autofree char *folder = folder_of (geteuid ());

  return g_strdup_printf ("%s/%s.sock", folder, uuid);
}

static void
list_of (uid_t owner, GPtrArray *list)
{
  g_autofree char *folder = folder_of (owner);
  g_autoptr (GDir) dir = is_really (folder, owner) ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *uuid = runtime_dir_uuid_of (name);
      SharedSocket *shared;

      if (uuid == NULL)
        continue;
      shared = g_new (SharedSocket, 1);
      *shared = (SharedSocket){ owner, g_steal_pointer (&uuid), g_build_filename (folder, name, NULL) };
      g_ptr_array_add (list, shared);
    }
}

GPtrArray *
shared_dir_list (void)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify)shared_socket_free);
  g_autoptr (GDir) dir = g_dir_open (root_folder (), 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      guint64 owner;

      if (g_ascii_string_to_unsigned (name, 10, 0, G_MAXUINT32 - 1, &owner, NULL) && owner != geteuid ())
        list_of ((uid_t)owner, list);
    }
  return list;
}
