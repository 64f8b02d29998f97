/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library-workspace.h"

#include "app/base/error.h"
#include "app/snapshot/snapshot-tree.h"
#include "app/workspace/profile.h"

/* Of which version of a template the machine is made, if it is. */
static void
find_origin (BonsaiLibrary *library, const VmConfig *config, Terms *terms)
{
  BonsaiVm *origin = config->clone_of != NULL ? bonsai_library_find (library, config->clone_of) : NULL;
  g_autoptr (SnapshotTree) tree =
    origin != NULL ? snapshot_tree_read (bonsai_vm_get_path (origin), NULL) : NULL;
  SnapshotNode *node = tree != NULL && config->clone_snapshot != NULL
                         ? snapshot_tree_find (tree, config->clone_snapshot, NULL)
                         : NULL;

  if (node == NULL || node->template_version == 0)
    return;
  terms->origin = g_strdup (config->clone_of);
  terms->version = node->template_version;
}

/* What runs has its lock. (transfer full) */
static BundleLock *
lock (BonsaiVm *vm, GError **error)
{
  if (bonsai_vm_get_session (vm) == NULL)
    return bundle_lock (bonsai_vm_get_path (vm), error);
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY, "“%s” is running; power it off first",
               bonsai_vm_get_name (vm));
  return NULL;
}

Terms *
library_issue_workspace (BonsaiLibrary *library, BonsaiVm *vm, const char *subject, const char *profile_name,
                         const Expiry *expiry, GError **error)
{
  g_autofree char *folder = profile_folder (g_get_user_config_dir ());
  const char *bundle = bonsai_vm_get_path (vm);
  g_autoptr (BundleLock) held = lock (vm, error);
  g_autoptr (Profile) profile = held != NULL ? profile_load (folder, profile_name, error) : NULL;
  g_autoptr (VmConfig) config = profile != NULL ? bundle_load (bundle, error) : NULL;
  g_autoptr (Terms) terms = g_new0 (Terms, 1);
  LeasePlace place;

  if (config == NULL)
    return NULL;
  place = workspace_place (bundle, config->uuid);
  terms->id = g_uuid_string_random ();
  terms->machine = g_strdup (config->uuid);
  terms->subject = g_strdup (subject != NULL ? subject : g_get_user_name ());
  terms->issued = g_get_real_time () / G_USEC_PER_SEC;
  terms->expiry = *expiry;
  profile_apply (profile, terms);
  find_origin (library, config, terms);
  return workspace_issue (&place, terms, error) ? g_steal_pointer (&terms) : NULL;
}

static bool
find_place (BonsaiVm *vm, LeasePlace *place, GError **error)
{
  if (bonsai_vm_get_config (vm) == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is broken: %s", bonsai_vm_get_name (vm),
                   bonsai_vm_get_state_text (vm));
      return false;
    }
  *place = workspace_place (bonsai_vm_get_path (vm), bonsai_vm_get_uuid (vm));
  return true;
}

Workspace *
library_read_workspace (BonsaiVm *vm, GError **error)
{
  LeasePlace place;

  return find_place (vm, &place, error) ? workspace_read (&place, bonsai_vm_get_session (vm) != NULL, error)
                                        : NULL;
}

bool
library_renew_workspace (BonsaiVm *vm, const Expiry *expiry, bool mends, GError **error)
{
  LeasePlace place;

  return find_place (vm, &place, error) && workspace_renew (&place, expiry, mends, error);
}
