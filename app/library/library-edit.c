/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What changes the library: create, rename, delete and its undoing. */
#include "app/library/library.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/library/library-private.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/vm/vm-private.h"
#include "app/vm/vm-settings.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

static bool
name_is_taken (BonsaiLibrary *self, const char *name)
{
  for (guint i = 0; i < self->vms->len; i++)
    if (g_str_equal (bonsai_vm_get_name (g_ptr_array_index (self->vms, i)), name))
      return true;
  return false;
}

static bool
check_name_is_free (BonsaiLibrary *self, const char *name, GError **error)
{
  if (!name_is_taken (self, name))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_EXISTS,
               _ ("There is a machine named “%s” already; choose another name"), name);
  return false;
}

char *
bonsai_library_unused_name (BonsaiLibrary *self, const char *name)
{
  if (!name_is_taken (self, name))
    return g_strdup (name);
  for (unsigned n = 2;; n++)
    {
      g_autofree char *numbered = g_strdup_printf ("%s %u", name, n);

      if (!name_is_taken (self, numbered))
        return g_steal_pointer (&numbered);
    }
}

/* What was done is done: an entry that is missing comes with the next change. */
static void
update_desktop (BonsaiLibrary *self)
{
  g_autoptr (GError) error = NULL;

  if (!bonsai_library_update_desktop (self, &error))
    g_message ("%s", error->message);
}

BonsaiVm *
bonsai_library_adopt (BonsaiLibrary *self, const char *path)
{
  BonsaiVm *vm;

  bonsai_library_refresh (self);
  update_desktop (self);
  vm = bonsai_library_find_by_path (self, path);
  if (vm != NULL)
    bonsai_vm_note (vm, "create", NULL, NULL, NULL);
  return vm;
}

BonsaiVm *
bonsai_library_create (BonsaiLibrary *self, const VmConfig *config, GError **error)
{
  return bonsai_library_create_with (self, config, NULL, NULL, error);
}

BonsaiVm *
bonsai_library_create_with (BonsaiLibrary *self, const VmConfig *config, BundleFillFunc fill, void *data,
                            GError **error)
{
  g_autofree char *path = NULL;

  bonsai_library_refresh (self);
  if (config->name != NULL && !check_name_is_free (self, config->name, error))
    return NULL;
  path = bundle_create_with (self->folder, config, fill, data, error);
  return path != NULL ? bonsai_library_adopt (self, path) : NULL;
}

/* Whether it may be moved; locks it meanwhile. */
static BundleLock *
lock_stopped (BonsaiVm *vm, GError **error)
{
  if (vm->lock != NULL || vm->starting || bonsai_vm_get_session (vm) != NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY, _ ("“%s” is running; power it off first"),
                   bonsai_vm_get_name (vm));
      return NULL;
    }
  bonsai_vm_flush_saves (vm);
  return bundle_lock (vm->path, error);
}

gboolean
bonsai_library_rename (BonsaiLibrary *self, BonsaiVm *vm, const char *name, GError **error)
{
  g_autoptr (BundleLock) lock = NULL;
  g_autoptr (VmConfig) config = NULL;
  g_autofree char *old_slug = NULL, *slug = bundle_slug (name), *path = NULL;

  if (vm->config == NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, _ ("“%s” is broken: %s"),
                   bonsai_vm_get_name (vm), vm->state_text);
      return FALSE;
    }
  if (g_str_equal (vm->config->name, name))
    return TRUE;
  if (!check_name_is_free (self, name, error) || (lock = lock_stopped (vm, error)) == NULL)
    return FALSE;
  config = vm_config_copy (vm->config);
  old_slug = bundle_slug (config->name);
  vm_config_set (&config->name, name);
  if (!bonsai_vm_save_config (vm, config, error))
    return FALSE;
  /* The name is what counts; a folder that can't be moved, as linked clones know where it is, keeps its own.
   */
  if (!g_str_equal (old_slug, slug) && snapshot_guard_bundle (vm->path, NULL)
      && (path = bundle_move_in (vm->path, self->folder, slug, NULL)) != NULL)
    {
      bonsai_vm_set_path (vm, path);
      bonsai_library_watch (self, vm);
    }
  update_desktop (self);
  return TRUE;
}

/* --- trash --- */

/* Where its linked clones know it: its folder's name is that of the place to which it comes back. */
static char *
move_exactly (const char *from, const char *parent, const char *slug, GError **error)
{
  g_autofree char *to = g_strdup_printf ("%s/%s" BUNDLE_SUFFIX, parent, slug);

  if (!g_file_test (to, G_FILE_TEST_EXISTS))
    return bundle_move_in (from, parent, slug, error);
  g_set_error (
    error, BONSAI_ERROR, BONSAI_ERROR_EXISTS,
    _ ("There is another machine in %s, where this one must go for its linked clones; move that one away "
       "first, or delete it for good"),
    to);
  return NULL;
}

char *
bonsai_library_delete (BonsaiLibrary *self, BonsaiVm *vm, GError **error)
{
  g_autoptr (BundleLock) lock = lock_stopped (vm, error);
  g_autofree char *trash = library_trash_folder (self->folder), *slug = library_slug_of_folder (vm->path),
                  *path = NULL;
  bool has_clones;

  if (lock == NULL || !library_check_clones (self, vm->path, bonsai_vm_get_name (vm), &has_clones, error))
    return NULL;
  if (g_mkdir_with_parents (trash, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("Can't create the trash folder %s"), trash);
      return NULL;
    }
  path =
    has_clones ? move_exactly (vm->path, trash, slug, error) : bundle_move_in (vm->path, trash, slug, error);
  if (path == NULL)
    return NULL;
  bonsai_vm_note (vm, "delete", NULL, NULL, NULL);
  bonsai_vm_drop_session (vm);
  bonsai_library_forget (self, vm);
  update_desktop (self);
  return g_path_get_basename (path);
}

static char *
move_back (BonsaiLibrary *self, const char *from, const VmConfig *config, GError **error)
{
  g_autoptr (GPtrArray) clones = clone_list (from, NULL);
  bool has_clones = clones != NULL && clones->len > 0;
  g_autofree char *slug =
    config != NULL && !has_clones ? bundle_slug (config->name) : library_slug_of_folder (from);

  return has_clones ? move_exactly (from, self->folder, slug, error)
                    : bundle_move_in (from, self->folder, slug, error);
}

BonsaiVm *
bonsai_library_undelete (BonsaiLibrary *self, const char *key, GError **error)
{
  g_autofree char *trash = library_trash_folder (self->folder),
                  *item = library_find_in_trash (self->folder, key, error), *from = NULL, *origin = NULL;
  g_autofree char *path = NULL;
  g_autoptr (VmConfig) config = NULL;
  BonsaiVm *vm;

  if (item == NULL)
    return NULL;
  from = g_build_filename (trash, item, NULL);
  config = bundle_load (from, NULL);
  origin = config != NULL ? library_find_origin_in_trash (self->folder, config) : NULL;
  if (origin != NULL && !g_str_equal (origin, item)
      && bonsai_library_undelete (self, config->clone_of, error) == NULL)
    return NULL;
  /* Its name may have been given to another meanwhile. */
  if (config != NULL && name_is_taken (self, config->name))
    {
      g_autofree char *name = bonsai_library_unused_name (self, config->name);

      vm_config_set (&config->name, name);
      if (!bundle_save (from, config, error))
        return NULL;
    }
  path = move_back (self, from, config, error);
  if (path == NULL)
    return NULL;
  bonsai_library_refresh (self);
  update_desktop (self);
  vm = bonsai_library_find_by_path (self, path);
  if (vm != NULL)
    bonsai_vm_note (vm, "undelete", NULL, NULL, NULL);
  return vm;
}
