/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library.h"

#include "app/base/error.h"
#include "app/bundle/bundle.h"
#include "app/library/library-private.h"
#include "app/vm/vm-private.h"
#include "app/vm/vm-settings.h"

#include <errno.h>
#include <glib/gi18n.h>
#include <string.h>

/* Changes come in bursts: a moment's rest, then one look. */
#define REFRESH_DELAY_MS 100

static void bonsai_library_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (BonsaiLibrary, bonsai_library, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, bonsai_library_list_model_init))

static void schedule_refresh (BonsaiLibrary *self);

/* --- GListModel --- */

static GType
bonsai_library_get_item_type (GListModel *model)
{
  return BONSAI_TYPE_VM;
}

static guint
bonsai_library_get_n_items (GListModel *model)
{
  return BONSAI_LIBRARY (model)->vms->len;
}

static gpointer
bonsai_library_get_item (GListModel *model, guint position)
{
  BonsaiLibrary *self = BONSAI_LIBRARY (model);

  return position < self->vms->len ? g_object_ref (g_ptr_array_index (self->vms, position)) : NULL;
}

static void
bonsai_library_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = bonsai_library_get_item_type;
  iface->get_n_items = bonsai_library_get_n_items;
  iface->get_item = bonsai_library_get_item;
}

/* --- order --- */

static int
compare (BonsaiVm *a, BonsaiVm *b)
{
  g_autofree char *fold_a = g_utf8_casefold (bonsai_vm_get_name (a), -1);
  g_autofree char *fold_b = g_utf8_casefold (bonsai_vm_get_name (b), -1);
  int order = g_utf8_collate (fold_a, fold_b);

  return order != 0 ? order : strcmp (bonsai_vm_get_path (a), bonsai_vm_get_path (b));
}

static void
insert_sorted (BonsaiLibrary *self, BonsaiVm *vm)
{
  guint position = 0;

  while (position < self->vms->len && compare (g_ptr_array_index (self->vms, position), vm) < 0)
    position++;
  g_ptr_array_insert (self->vms, (int)position, g_object_ref (vm));
  g_list_model_items_changed (G_LIST_MODEL (self), position, 0, 1);
}

static void
remove_from_list (BonsaiLibrary *self, BonsaiVm *vm)
{
  guint position;

  if (!g_ptr_array_find (self->vms, vm, &position))
    return;
  g_ptr_array_remove_index (self->vms, position);
  g_list_model_items_changed (G_LIST_MODEL (self), position, 1, 0);
}

static void
on_name_changed (BonsaiVm *vm, GParamSpec *pspec, BonsaiLibrary *self)
{
  g_autoptr (BonsaiVm) keep = g_object_ref (vm);

  remove_from_list (self, keep);
  insert_sorted (self, keep);
}

/* --- members --- */

static void
on_bundle_event (GFileMonitor *monitor, GFile *file, GFile *other, GFileMonitorEvent event, gpointer data)
{
  BonsaiVm *vm = data;
  g_autofree char *name = g_file_get_basename (other != NULL ? other : file);

  if (event == G_FILE_MONITOR_EVENT_CHANGED || event == G_FILE_MONITOR_EVENT_ATTRIBUTE_CHANGED)
    return; /* CHANGES_DONE_HINT follows */
  if (g_str_equal (name, "vm.json") || g_str_equal (name, "last-run.json"))
    bonsai_vm_reload (vm);
  else if (g_str_equal (name, "lock"))
    bonsai_vm_lock_changed (vm);
  else if (g_str_equal (name, "screenshot.png"))
    bonsai_vm_picture_changed (vm);
}

void
bonsai_library_watch (BonsaiLibrary *self, BonsaiVm *vm)
{
  g_autoptr (GFile) file = g_file_new_for_path (bonsai_vm_get_path (vm));
  GFileMonitor *monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);

  if (monitor == NULL)
    return;
  g_signal_connect_object (monitor, "changed", G_CALLBACK (on_bundle_event), vm, 0);
  g_hash_table_replace (self->monitors, vm, monitor);
}

static BonsaiVm *
add (BonsaiLibrary *self, const char *path)
{
  g_autoptr (BonsaiVm) vm = bonsai_vm_new (path, self->consoles, self->recorder, self->events);

  g_signal_connect (vm, "notify::name", G_CALLBACK (on_name_changed), self);
  g_signal_connect_swapped (vm, "notify::uuid", G_CALLBACK (schedule_refresh), self);
  bonsai_library_watch (self, vm);
  insert_sorted (self, vm);
  return vm; /* the list has a reference */
}

void
bonsai_library_forget (BonsaiLibrary *self, BonsaiVm *vm)
{
  g_autoptr (BonsaiVm) keep = g_object_ref (vm);

  g_signal_handlers_disconnect_by_data (keep, self);
  g_hash_table_remove (self->monitors, keep);
  remove_from_list (self, keep);
}

BonsaiVm *
bonsai_library_find_by_path (BonsaiLibrary *self, const char *path)
{
  for (guint i = 0; i < self->vms->len; i++)
    if (g_str_equal (bonsai_vm_get_path (g_ptr_array_index (self->vms, i)), path))
      return g_ptr_array_index (self->vms, i);
  return NULL;
}

/* A bundle that was copied by hand has its original's UUID; only one of them can be used. */
static void
find_conflicts (BonsaiLibrary *self)
{
  g_autoptr (GHashTable) owners = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);
      const char *uuid = bonsai_vm_get_uuid (vm);
      BonsaiVm *owner = uuid != NULL ? g_hash_table_lookup (owners, uuid) : NULL;
      g_autofree char *text = NULL;

      if (owner != NULL)
        text = g_strdup_printf (
          _ ("It has the same UUID as “%s” (%s); give it another in %s/vm.json: uuidgen makes one"),
          bonsai_vm_get_name (owner), bonsai_vm_get_path (owner), bonsai_vm_get_path (vm));
      else if (uuid != NULL)
        g_hash_table_insert (owners, (gpointer)uuid, vm);
      bonsai_vm_set_conflict (vm, text);
    }
}

static bool
is_bundle_name (const char *name)
{
  return name[0] != '.' && g_str_has_suffix (name, BUNDLE_SUFFIX);
}

void
bonsai_library_refresh (BonsaiLibrary *self)
{
  g_autoptr (GHashTable) present = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GDir) dir = g_dir_open (self->folder, 0, NULL);
  GHashTableIter iter;
  const char *name, *path;

  if (self->one_only)
    return;
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (is_bundle_name (name))
      g_hash_table_add (present, g_build_filename (self->folder, name, NULL));

  for (guint i = self->vms->len; i-- > 0;)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);

      if (!g_hash_table_remove (present, bonsai_vm_get_path (vm)) && !bonsai_vm_is_hosted_here (vm))
        bonsai_library_forget (self, vm);
    }
  g_hash_table_iter_init (&iter, present);
  while (g_hash_table_iter_next (&iter, (gpointer *)&path, NULL))
    add (self, path);
  find_conflicts (self);
}

void
bonsai_library_keep_only (BonsaiLibrary *self, BonsaiVm *vm)
{
  self->one_only = true;
  g_clear_object (&self->monitor);
  for (guint i = self->vms->len; i-- > 0;)
    if (g_ptr_array_index (self->vms, i) != vm)
      bonsai_library_forget (self, g_ptr_array_index (self->vms, i));
}

static gboolean
refresh_now (gpointer data)
{
  BonsaiLibrary *self = data;

  self->refresh_id = 0;
  bonsai_library_refresh (self);
  return G_SOURCE_REMOVE;
}

static void
schedule_refresh (BonsaiLibrary *self)
{
  if (self->refresh_id == 0)
    self->refresh_id = g_timeout_add (REFRESH_DELAY_MS, refresh_now, self);
}

BonsaiVm *
bonsai_library_find (BonsaiLibrary *self, const char *key)
{
  BonsaiVm *found = NULL;

  for (guint i = 0; i < self->vms->len; i++)
    {
      BonsaiVm *vm = g_ptr_array_index (self->vms, i);
      g_autofree char *folder = g_path_get_basename (bonsai_vm_get_path (vm));

      if (g_strcmp0 (bonsai_vm_get_uuid (vm), key) == 0)
        return vm;
      if (g_str_equal (bonsai_vm_get_name (vm), key))
        found = vm;
      else if (found == NULL && g_str_has_prefix (folder, key)
               && (folder[strlen (key)] == '\0' || g_str_equal (folder + strlen (key), BUNDLE_SUFFIX)))
        found = vm;
    }
  return found;
}

bool
bonsai_library_is_settled (BonsaiLibrary *self)
{
  for (guint i = 0; i < self->vms->len; i++)
    if (bonsai_vm_is_meeting (g_ptr_array_index (self->vms, i)))
      return false;
  return true;
}

guint
bonsai_library_count_hosted (BonsaiLibrary *self)
{
  guint n = 0;

  for (guint i = 0; i < self->vms->len; i++)
    n += bonsai_vm_is_hosted_here (g_ptr_array_index (self->vms, i)) ? 1 : 0;
  return n;
}

/* --- the object --- */

const char *
bonsai_library_get_folder (BonsaiLibrary *self)
{
  return self->folder;
}

void
bonsai_library_set_video_driver (BonsaiLibrary *self, const char *driver)
{
  consoles_set_video_driver (self->consoles, driver);
}

static char *
default_folder (void)
{
  const char *chosen = g_getenv ("BONSAI_LIBRARY");

  if (chosen != NULL && chosen[0] != '\0')
    return g_canonicalize_filename (chosen, NULL);
  return g_build_filename (g_get_user_data_dir (), "bonsai", "vms", NULL);
}

BonsaiLibrary *
bonsai_library_new (const char *folder, GError **error)
{
  g_autofree char *path = folder != NULL ? g_canonicalize_filename (folder, NULL) : default_folder ();
  g_autoptr (GFile) file = g_file_new_for_path (path);
  BonsaiLibrary *self;

  if (g_mkdir_with_parents (path, 0700) < 0)
    {
      bonsai_set_errno_error (error, errno, _ ("Can't create the folder for machines, %s"), path);
      return NULL;
    }
  self = g_object_new (BONSAI_TYPE_LIBRARY, NULL);
  self->folder = g_steal_pointer (&path);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->monitor != NULL)
    g_signal_connect_swapped (self->monitor, "changed", G_CALLBACK (schedule_refresh), self);
  bonsai_library_refresh (self);
  return self;
}

static void
bonsai_library_dispose (GObject *object)
{
  BonsaiLibrary *self = BONSAI_LIBRARY (object);

  g_clear_handle_id (&self->refresh_id, g_source_remove);
  g_clear_handle_id (&self->desktop_id, g_source_remove);
  for (guint i = 0; i < self->vms->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->vms, i), self);
  g_hash_table_remove_all (self->monitors);
  g_clear_object (&self->monitor);
  g_ptr_array_set_size (self->vms, 0);
  G_OBJECT_CLASS (bonsai_library_parent_class)->dispose (object);
}

void
bonsai_library_write_events_at_once (BonsaiLibrary *self)
{
  event_log_write_at_once (self->events);
}

void
bonsai_library_flush_events (BonsaiLibrary *self)
{
  event_log_flush (self->events);
}

gboolean
bonsai_library_is_saving (BonsaiLibrary *self)
{
  for (guint i = 0; i < self->vms->len; i++)
    if (bonsai_vm_is_saving (g_ptr_array_index (self->vms, i)))
      return TRUE;
  return FALSE;
}

void
bonsai_library_flush_saves (BonsaiLibrary *self)
{
  for (guint i = 0; i < self->vms->len; i++)
    bonsai_vm_flush_saves (g_ptr_array_index (self->vms, i));
}

static void
bonsai_library_finalize (GObject *object)
{
  BonsaiLibrary *self = BONSAI_LIBRARY (object);

  g_ptr_array_unref (self->vms);
  g_hash_table_unref (self->monitors);
  consoles_unref (self->consoles);
  recorder_unref (self->recorder);
  event_log_unref (self->events);
  g_free (self->folder);
  G_OBJECT_CLASS (bonsai_library_parent_class)->finalize (object);
}

static void
bonsai_library_class_init (BonsaiLibraryClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_library_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_finalize;
}

static void
bonsai_library_init (BonsaiLibrary *self)
{
  self->consoles = consoles_new (NULL);
  self->recorder = recorder_new ();
  self->events = event_log_new (NULL);
  self->vms = g_ptr_array_new_with_free_func (g_object_unref);
  self->monitors = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
}
