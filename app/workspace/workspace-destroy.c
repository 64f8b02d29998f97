/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a workspace: its keys, then its files. */
#include "app/workspace/workspace-private.h"

#include "app/bundle/bundle-private.h"
#include "devices/image/image.h"
#include "vmm/base/error.h"

/* Whether @path is an encrypted image, whose key is gone then. False with @error set: it is still there. */
static bool
shred (const char *path, unsigned *n, GError **error)
{
  const ImageOptions options = { .exclusive_lock = true, .no_backing = true, .lenient = true };
  g_autoptr (EventLoop) loop = loop_new ("workspace-shred", error);
  g_autoptr (GError) strange = NULL;
  g_autoptr (Image) image = loop != NULL ? image_open (loop, path, &options, &strange) : NULL;
  g_autoptr (ImageInfo) info = image != NULL ? image_info (image, 0) : NULL;

  if (loop == NULL)
    return false;
  if (strange != NULL && !g_error_matches (strange, VMM_ERROR, VMM_ERROR_INVALID)
      && !g_error_matches (strange, VMM_ERROR, VMM_ERROR_UNSUPPORTED))
    {
      g_propagate_error (error, g_steal_pointer (&strange));
      return false;
    }
  if (info == NULL || !info->encrypted) /* no image, or one without a key: it is only removed */
    return true;
  if (!image_shred (image, error))
    return false;
  (*n)++;
  return true;
}

static bool
shred_all (const char *folder, unsigned *n, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_SYMLINK) || !g_file_test (path, G_FILE_TEST_IS_REGULAR))
        continue;
      if (!shred (path, n, error))
        return false;
    }
  return true;
}

bool
workspace_destroy (const char *bundle, unsigned *n, GError **error)
{
  /* What says that there was a workspace, and how it ended. */
  static const char *const stays[] = { "vm.json", "lock", "workspace", "last-run.json", NULL };
  g_autofree char *disks = g_build_filename (bundle, "disks", NULL);
  g_autoptr (GDir) dir = NULL;
  const char *name;

  *n = 0;
  if (!shred_all (disks, n, error))
    return false;
  dir = g_dir_open (bundle, 0, error);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (bundle, name, NULL);

      if (!g_strv_contains (stays, name))
        bundle_remove_tree (path);
    }
  return dir != NULL && bundle_sync_folder (bundle, error);
}
