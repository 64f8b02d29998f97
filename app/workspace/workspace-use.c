/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What terms allow. */
#include "app/workspace/workspace-private.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/disk/disk-look.h"

/* --- what a machine may have --- */

static bool
is_outside (const VmDisk *disk)
{
  return g_path_is_absolute (disk->path) || vm_path_is_uri (disk->path);
}

/* A disk that isn't in the machine's folder is a way in and out. */
static bool
check_place (const Terms *terms, const VmConfig *config, const VmDisk *disk, GError **error)
{
  if (!is_outside (disk) || (terms->permissions.shared_folders && terms->afterwards != AFTERWARDS_DESTROY))
    return true;
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
    terms->permissions.shared_folders
      ? "“%s” is destroyed when its time is over, and %s lies outside of its folder; detach it "
        "(bonsai disk detach)"
      : "The terms of “%s” allow its guest nothing of the host's files, and %s lies outside of its "
        "folder; detach it (bonsai disk detach)",
    config->name, disk->id);
  return false;
}

static bool
check_encryption (const char *bundle, const VmConfig *config, const VmDisk *disk, GError **error)
{
  g_auto (DiskLook) look = { 0 };
  g_autofree char *path =
    vm_path_is_uri (disk->path) ? g_strdup (disk->path) : g_canonicalize_filename (disk->path, bundle);

  if (!disk_look (&look, path, disk->options.format, error))
    return false;
  if (look.encrypted)
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "The terms of “%s” want its disks encrypted, and %s isn't; convert it to one that is (bonsai "
               "disk convert)",
               config->name, disk->id);
  return false;
}

static bool
check_disks (const Terms *terms, const char *bundle, const VmConfig *config, GError **error)
{
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);

      if (disk->path == NULL || disk->kind == DISK_KIND_CDROM || disk->read_only)
        continue;
      if (!check_place (terms, config, disk, error)
          || (terms->permissions.encryption && !check_encryption (bundle, config, disk, error)))
        return false;
    }
  return true;
}

bool
workspace_check_terms (const Terms *terms, const char *bundle, const VmConfig *config, GError **error)
{
  const Permissions *permissions = &terms->permissions;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();

  return permissions_check_config (permissions, config, error)
         && permissions_check_time (permissions, now, error) && check_disks (terms, bundle, config, error);
}

bool
workspace_check_config (const char *bundle, const VmConfig *config, GError **error)
{
  const LeasePlace place = workspace_place (bundle, config->uuid);
  g_auto (LeaseFiles) files = { 0 };

  return !lease_store_exists (&place)
         || (lease_store_read (&place, &files, error)
             && workspace_check_terms (files.terms, bundle, config, error));
}

bool
workspace_check_usb (const char *bundle, const VmConfig *config, const HostUsb *usb, GError **error)
{
  const LeasePlace place = workspace_place (bundle, config->uuid);
  g_auto (LeaseFiles) files = { 0 };

  return !lease_store_exists (&place)
         || (lease_store_read (&place, &files, error)
             && permissions_check_usb (&files.terms->permissions, usb, config->name, error));
}

/* --- what may be done with it --- */

static bool
allows (const Permissions *permissions, WorkspaceUse use)
{
  switch (use)
    {
    case WORKSPACE_SNAPSHOTS:
      return permissions->snapshots;
    case WORKSPACE_EXPORT:
      return permissions->export;
    case WORKSPACE_SCREENSHOTS:
      return permissions->screenshots;
    case WORKSPACE_HOST_FILES:
      return permissions->shared_folders;
    }
  return false;
}

bool
workspace_check_use (const char *bundle, WorkspaceUse use, GError **error)
{
  static const char *const names[] = {
    [WORKSPACE_SNAPSHOTS] = "snapshots of it",
    [WORKSPACE_EXPORT] = "copies of it",
    [WORKSPACE_SCREENSHOTS] = "pictures of its screen",
    [WORKSPACE_HOST_FILES] = "disks outside of its folder",
  };
  g_autoptr (GError) broken = NULL;
  g_autoptr (VmConfig) config = bundle_load (bundle, &broken);
  const LeasePlace place = workspace_place (bundle, config != NULL ? config->uuid : "");
  g_auto (LeaseFiles) files = { 0 };

  if (!lease_store_exists (&place))
    return true;
  if (config == NULL) /* whose terms these are can't be said */
    {
      g_propagate_error (error, g_steal_pointer (&broken));
      return false;
    }
  if (!lease_store_read (&place, &files, error))
    return false;
  if (allows (&files.terms->permissions, use))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_REFUSED,
               "The terms of the workspace “%s” don't allow %s; its issuer can issue one with others",
               config->name, names[use]);
  return false;
}
