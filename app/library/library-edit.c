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

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Deleted bundles lie here, in the library's folder, so that moving them is one rename. */
#define TRASH ".trash"

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
               "There is a machine named “%s” already; choose another name", name);
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

BonsaiVm *
bonsai_library_create (BonsaiLibrary *self, const VmConfig *config, GError **error)
{
  g_autofree char *path = NULL;

  bonsai_library_refresh (self);
  if (config->name != NULL && !check_name_is_free (self, config->name, error))
    return NULL;
  path = bundle_create (self->folder, config, error);
  if (path == NULL)
    return NULL;
  bonsai_library_refresh (self);
  return bonsai_library_find_by_path (self, path);
}

/* Whether it may be moved; locks it meanwhile. */
static BundleLock *
lock_stopped (BonsaiVm *vm, GError **error)
{
  if (vm->lock != NULL || vm->starting || bonsai_vm_get_session (vm) != NULL)
    {
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_BUSY, "“%s” is running; power it off first",
                   bonsai_vm_get_name (vm));
      return NULL;
    }
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
      g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_INVALID, "“%s” is broken: %s", bonsai_vm_get_name (vm),
                   vm->state_text);
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
  return TRUE;
}

/* --- trash --- */

static char *
trash_folder (BonsaiLibrary *self)
{
  return g_build_filename (self->folder, TRASH, NULL);
}

static char *
slug_of_folder (const char *path)
{
  char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, BUNDLE_SUFFIX))
    name[strlen (name) - strlen (BUNDLE_SUFFIX)] = '\0';
  return name;
}

char *
bonsai_library_delete (BonsaiLibrary *self, BonsaiVm *vm, GError **error)
{
  g_autoptr (BundleLock) lock = lock_stopped (vm, error);
  g_autofree char *trash = trash_folder (self), *slug = slug_of_folder (vm->path), *path = NULL;

  if (lock == NULL || !snapshot_guard_bundle (vm->path, error))
    return NULL;
  if (g_mkdir_with_parents (trash, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, "Can't create the trash folder %s", trash);
      return NULL;
    }
  path = bundle_move_in (vm->path, trash, slug, error);
  if (path == NULL)
    return NULL;
  bonsai_vm_drop_session (vm);
  bonsai_library_forget (self, vm);
  return g_path_get_basename (path);
}

typedef struct {
  char *name;
  struct timespec when;
} TrashItem;

static void
trash_item_free (gpointer data)
{
  TrashItem *item = data;

  g_free (item->name);
  g_free (item);
}

static int
compare_newest_first (gconstpointer a, gconstpointer b)
{
  const TrashItem *left = *(TrashItem *const *)a, *right = *(TrashItem *const *)b;

  if (left->when.tv_sec != right->when.tv_sec)
    return left->when.tv_sec < right->when.tv_sec ? 1 : -1;
  if (left->when.tv_nsec != right->when.tv_nsec)
    return left->when.tv_nsec < right->when.tv_nsec ? 1 : -1;
  return strcmp (left->name, right->name);
}

/* A folder's inode changes when it is renamed: that is when it was deleted. */
char **
bonsai_library_list_trash (BonsaiLibrary *self)
{
  g_autofree char *trash = trash_folder (self);
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (trash_item_free);
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr (GDir) dir = g_dir_open (trash, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (trash, name, NULL);
      TrashItem *item;
      struct stat st;

      if (!g_str_has_suffix (name, BUNDLE_SUFFIX) || lstat (path, &st) < 0 || !S_ISDIR (st.st_mode))
        continue;
      item = g_new (TrashItem, 1);
      *item = (TrashItem){ g_strdup (name), st.st_ctim };
      g_ptr_array_add (items, item);
    }
  g_ptr_array_sort (items, compare_newest_first);
  for (guint i = 0; i < items->len; i++)
    g_strv_builder_add (names, ((TrashItem *)g_ptr_array_index (items, i))->name);
  return g_strv_builder_end (names);
}

/* The trash item that @key means: itself, or the newest machine of that name, UUID or folder. */
static char *
find_in_trash (BonsaiLibrary *self, const char *key, GError **error)
{
  g_autofree char *trash = trash_folder (self);
  g_auto (GStrv) items = bonsai_library_list_trash (self);

  if (g_strv_contains ((const char *const *)items, key))
    return g_strdup (key);
  for (unsigned i = 0; items[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (trash, items[i], NULL);
      g_autofree char *slug = slug_of_folder (path);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      if (g_str_equal (slug, key)
          || (config != NULL && (g_str_equal (config->name, key) || g_str_equal (config->uuid, key))))
        return g_strdup (items[i]);
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, "No deleted machine is named “%s”", key);
  return NULL;
}

BonsaiVm *
bonsai_library_undelete (BonsaiLibrary *self, const char *key, GError **error)
{
  g_autofree char *trash = trash_folder (self), *item = find_in_trash (self, key, error), *from = NULL;
  g_autofree char *slug = NULL, *path = NULL;
  g_autoptr (VmConfig) config = NULL;

  if (item == NULL)
    return NULL;
  from = g_build_filename (trash, item, NULL);
  config = bundle_load (from, NULL);
  /* Its name may have been given to another meanwhile. */
  if (config != NULL && name_is_taken (self, config->name))
    {
      g_autofree char *name = bonsai_library_unused_name (self, config->name);

      vm_config_set (&config->name, name);
      if (!bundle_save (from, config, error))
        return NULL;
    }
  slug = config != NULL ? bundle_slug (config->name) : slug_of_folder (from);
  path = bundle_move_in (from, self->folder, slug, error);
  if (path == NULL)
    return NULL;
  bonsai_library_refresh (self);
  return bonsai_library_find_by_path (self, path);
}

/* The machine on whose layers a linked clone lay needs them for itself only. */
static void
forget_clone (BonsaiLibrary *self, const VmConfig *config)
{
  BonsaiVm *origin =
    config != NULL && config->clone_of != NULL ? bonsai_library_find (self, config->clone_of) : NULL;

  if (origin != NULL)
    clone_forget (origin->path, config->uuid, NULL);
}

static bool
purge_one (BonsaiLibrary *self, const char *path, GError **error)
{
  g_autoptr (BundleLock) lock = bundle_lock (path, error);
  g_autoptr (VmConfig) config = bundle_load (path, NULL);

  if (lock == NULL || !snapshot_guard_bundle (path, error))
    return false;
  bundle_remove_tree (path);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      forget_clone (self, config);
      return true;
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, "Can't remove all of %s; are its files yours?",
               path);
  return false;
}

gboolean
bonsai_library_purge (BonsaiLibrary *self, const char *key, GError **error)
{
  g_autofree char *trash = trash_folder (self);
  g_auto (GStrv) items = NULL;

  if (key != NULL)
    {
      g_autofree char *item = find_in_trash (self, key, error);
      g_autofree char *path = item != NULL ? g_build_filename (trash, item, NULL) : NULL;

      return path != NULL && purge_one (self, path, error);
    }
  items = bonsai_library_list_trash (self);
  for (unsigned i = 0; items[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (trash, items[i], NULL);

      if (!purge_one (self, path, error))
        return FALSE;
    }
  return TRUE;
}
