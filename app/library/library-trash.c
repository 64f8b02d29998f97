/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the trash, and its going for good. */
#include "app/library/trash.h"

#include "app/base/error.h"
#include "app/bundle/bundle-private.h"
#include "app/bundle/bundle.h"
#include "app/history/history-store.h"
#include "app/install/keyring.h"
#include "app/library/library-private.h"
#include "app/snapshot/clone.h"
#include "app/snapshot/snapshot-guard.h"
#include "app/vm/vm-private.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

/* Deleted bundles lie here, in the library's folder, so that moving them is one rename. */
#define TRASH ".trash"

char *
library_trash_folder (const char *folder)
{
  return g_build_filename (folder, TRASH, NULL);
}

char *
library_slug_of_folder (const char *path)
{
  char *name = g_path_get_basename (path);

  if (g_str_has_suffix (name, BUNDLE_SUFFIX))
    name[strlen (name) - strlen (BUNDLE_SUFFIX)] = '\0';
  return name;
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
library_list_trash (const char *folder)
{
  g_autofree char *trash = library_trash_folder (folder);
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

char **
bonsai_library_list_trash (BonsaiLibrary *self)
{
  return library_list_trash (self->folder);
}

/* The trash item that @key means: itself, or the newest machine of that name, UUID or folder. */
char *
library_find_in_trash (const char *folder, const char *key, GError **error)
{
  g_autofree char *trash = library_trash_folder (folder);
  g_auto (GStrv) items = library_list_trash (folder);

  if (g_strv_contains ((const char *const *)items, key))
    return g_strdup (key);
  for (unsigned i = 0; items[i] != NULL; i++)
    {
      g_autofree char *path = g_build_filename (trash, items[i], NULL);
      g_autofree char *slug = library_slug_of_folder (path);
      g_autoptr (VmConfig) config = bundle_load (path, NULL);

      if (g_str_equal (slug, key)
          || (config != NULL && (g_str_equal (config->name, key) || g_str_equal (config->uuid, key))))
        return g_strdup (items[i]);
    }
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_NOT_FOUND, _ ("No deleted machine is named “%s”"), key);
  return NULL;
}

/* --- for good --- */

/* The machine on whose layers a linked clone lay needs them for itself only. */
static void
forget_clone (BonsaiLibrary *self, const VmConfig *config)
{
  BonsaiVm *origin = config->clone_of != NULL ? bonsai_library_find (self, config->clone_of) : NULL;

  if (origin != NULL)
    clone_forget (bonsai_vm_get_path (origin), config->uuid, NULL);
}

/* Any thread. */
static bool
remove_bundle (const char *path, GError **error)
{
  g_autoptr (BundleLock) lock = bundle_lock (path, error);

  if (lock == NULL || !snapshot_guard_bundle (path, error))
    return false;
  bundle_remove_tree (path);
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return true;
  g_set_error (error, BONSAI_ERROR, BONSAI_ERROR_FAILED, _ ("Can't remove all of %s; are its files yours?"),
               path);
  return false;
}

typedef struct {
  char *folder;
  char *key;       /* NULL: all */
  GPtrArray *gone; /* of VmConfig: those that could be read */
} Purge;

static void
purge_free (gpointer data)
{
  Purge *purge = data;

  g_free (purge->folder);
  g_free (purge->key);
  g_ptr_array_unref (purge->gone);
  g_free (purge);
}

static Purge *
purge_new (BonsaiLibrary *self, const char *key)
{
  Purge *purge = g_new0 (Purge, 1);

  purge->folder = g_strdup (self->folder);
  purge->key = g_strdup (key);
  purge->gone = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_config_free);
  return purge;
}

/* The password of its express installation. Without a desktop's session there is no keyring, and none is
 * begun. */
static void
forget_password (const VmConfig *config)
{
  g_autoptr (GError) error = NULL;

  if (g_getenv ("DBUS_SESSION_BUS_ADDRESS") != NULL && !keyring_forget (config->uuid, &error))
    g_info ("%s", error->message);
}

static bool
purge_item (Purge *purge, const char *item, GError **error)
{
  g_autofree char *trash = library_trash_folder (purge->folder);
  g_autofree char *path = g_build_filename (trash, item, NULL);
  g_autoptr (VmConfig) config = bundle_load (path, NULL);

  if (config != NULL && !library_check_clones_in_trash (purge->folder, path, config->name, error))
    return false;
  if (!remove_bundle (path, error))
    return false;
  if (config == NULL)
    return true;
  library_forget_clone_in_trash (purge->folder, config);
  forget_password (config);
  g_ptr_array_add (purge->gone, g_steal_pointer (&config));
  return true;
}

/* Any thread. */
static bool
purge_run (Purge *purge, GCancellable *cancellable, GError **error)
{
  g_auto (GStrv) items = NULL;

  if (purge->key != NULL)
    {
      g_autofree char *item = library_find_in_trash (purge->folder, purge->key, error);

      return item != NULL && purge_item (purge, item, error);
    }
  items = library_list_trash (purge->folder);
  library_order_trash (purge->folder, items);
  for (unsigned i = 0; items[i] != NULL; i++)
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !purge_item (purge, items[i], error))
      return false;
  return true;
}

static void
purge_conclude (BonsaiLibrary *self, const Purge *purge)
{
  for (guint i = 0; i < purge->gone->len; i++)
    {
      const VmConfig *config = g_ptr_array_index (purge->gone, i);

      event_log_add (self->events, config->uuid, config->name, "purge", NULL, NULL, NULL);
      forget_clone (self, config);
      if (bonsai_library_find (self, config->uuid) == NULL)
        history_store_remove (config->uuid);
    }
}

gboolean
bonsai_library_purge (BonsaiLibrary *self, const char *key, GError **error)
{
  Purge *purge = purge_new (self, key);
  bool done = purge_run (purge, NULL, error);

  purge_conclude (self, purge);
  purge_free (purge);
  return done;
}

static void
purge_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GError *error = NULL;

  if (purge_run (data, cancellable, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

void
bonsai_library_purge_async (BonsaiLibrary *self, const char *item, GCancellable *cancellable,
                            GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, bonsai_library_purge_async);
  /* What is gone is gone, also when the rest was cancelled. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, purge_new (self, item), purge_free);
  g_task_run_in_thread (task, purge_in_thread);
}

gboolean
bonsai_library_purge_finish (BonsaiLibrary *self, GAsyncResult *result, GError **error)
{
  purge_conclude (self, g_task_get_task_data (G_TASK (result)));
  return g_task_propagate_boolean (G_TASK (result), error);
}
