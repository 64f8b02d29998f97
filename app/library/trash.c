/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/trash.h"

#include "app/bundle/bundle.h"
#include "app/library/library-private.h"

#include <string.h>
#include <sys/stat.h>

struct _BonsaiTrashItem {
  GObject parent;
  char *id, *name;
  gint64 deleted;
  guint64 size;
};

struct _BonsaiTrash {
  GObject parent;
  BonsaiLibrary *library;
  GPtrArray *items;
  GFileMonitor *monitor;
  GCancellable *cancellable;
  bool reading, read_again;
};

static void bonsai_trash_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE (BonsaiTrashItem, bonsai_trash_item, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE_WITH_CODE (BonsaiTrash, bonsai_trash, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL, bonsai_trash_list_model_init))

/* --- GListModel --- */

static GType
bonsai_trash_get_item_type (GListModel *model)
{
  return BONSAI_TYPE_TRASH_ITEM;
}

static guint
bonsai_trash_get_n_items (GListModel *model)
{
  return BONSAI_TRASH (model)->items->len;
}

static gpointer
bonsai_trash_get_item (GListModel *model, guint position)
{
  BonsaiTrash *self = BONSAI_TRASH (model);

  return position < self->items->len ? g_object_ref (g_ptr_array_index (self->items, position)) : NULL;
}

static void
bonsai_trash_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = bonsai_trash_get_item_type;
  iface->get_n_items = bonsai_trash_get_n_items;
  iface->get_item = bonsai_trash_get_item;
}

/* --- items --- */

static void
bonsai_trash_item_finalize (GObject *object)
{
  BonsaiTrashItem *self = BONSAI_TRASH_ITEM (object);

  g_free (self->id);
  g_free (self->name);
  G_OBJECT_CLASS (bonsai_trash_item_parent_class)->finalize (object);
}

static void
bonsai_trash_item_class_init (BonsaiTrashItemClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_trash_item_finalize;
}

static void
bonsai_trash_item_init (BonsaiTrashItem *self)
{
}

const char *
bonsai_trash_item_get_id (BonsaiTrashItem *self)
{
  return self->id;
}

const char *
bonsai_trash_item_get_name (BonsaiTrashItem *self)
{
  return self->name;
}

gint64
bonsai_trash_item_get_deleted (BonsaiTrashItem *self)
{
  return self->deleted;
}

guint64
bonsai_trash_item_get_size (BonsaiTrashItem *self)
{
  return self->size;
}

static bool
is_same (const BonsaiTrashItem *a, const BonsaiTrashItem *b)
{
  return g_str_equal (a->id, b->id) && g_str_equal (a->name, b->name) && a->deleted == b->deleted
         && a->size == b->size;
}

/* --- reading --- */

/* Files, not what a link leads to. */
static guint64
measure (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint64 size = 0;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      struct stat st;

      if (lstat (child, &st) < 0)
        continue;
      size += (guint64)st.st_blocks * 512;
      if (S_ISDIR (st.st_mode))
        size += measure (child);
    }
  return size;
}

static BonsaiTrashItem *
read_item (const char *trash, const char *id)
{
  g_autofree char *path = g_build_filename (trash, id, NULL);
  g_autoptr (VmConfig) config = bundle_load (path, NULL);
  BonsaiTrashItem *item = g_object_new (BONSAI_TYPE_TRASH_ITEM, NULL);
  struct stat st;

  item->id = g_strdup (id);
  item->name =
    config != NULL ? g_strdup (config->name) : g_strndup (id, strlen (id) - strlen (BUNDLE_SUFFIX));
  item->deleted = lstat (path, &st) == 0 ? (gint64)st.st_ctim.tv_sec : 0;
  item->size = measure (path);
  return item;
}

static void
read_in_thread (GTask *task, gpointer source, gpointer folder, GCancellable *cancellable)
{
  g_autofree char *trash = library_trash_folder (folder);
  g_auto (GStrv) names = library_list_trash (folder);
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (g_object_unref);

  for (unsigned i = 0; names[i] != NULL && !g_cancellable_is_cancelled (cancellable); i++)
    g_ptr_array_add (items, read_item (trash, names[i]));
  g_task_return_pointer (task, g_steal_pointer (&items), (GDestroyNotify)g_ptr_array_unref);
}

/* Items that stayed are the same objects: whoever shows them keeps its place. */
static void
take_items (BonsaiTrash *self, GPtrArray *items)
{
  guint head = 0, tail = 0, n_before = self->items->len, n_after = items->len;

  while (head < MIN (n_before, n_after)
         && is_same (g_ptr_array_index (self->items, head), g_ptr_array_index (items, head)))
    head++;
  while (tail < MIN (n_before, n_after) - head
         && is_same (g_ptr_array_index (self->items, n_before - 1 - tail),
                     g_ptr_array_index (items, n_after - 1 - tail)))
    tail++;
  if (head == n_before && head == n_after)
    return;
  if (n_before - head - tail > 0)
    g_ptr_array_remove_range (self->items, head, n_before - head - tail);
  for (guint i = head; i < n_after - tail; i++)
    g_ptr_array_insert (self->items, (int)i, g_object_ref (g_ptr_array_index (items, i)));
  g_list_model_items_changed (G_LIST_MODEL (self), head, n_before - head - tail, n_after - head - tail);
}

static void start_reading (BonsaiTrash *self);

static void
on_read (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiTrash *self = BONSAI_TRASH (source);
  g_autoptr (GPtrArray) items = g_task_propagate_pointer (G_TASK (result), NULL);

  self->reading = false;
  if (items == NULL || self->library == NULL)
    return;
  take_items (self, items);
  if (self->read_again)
    start_reading (self);
}

static void
start_reading (BonsaiTrash *self)
{
  g_autoptr (GTask) task = NULL;

  self->read_again = self->reading;
  if (self->reading)
    return;
  self->reading = true;
  task = g_task_new (self, self->cancellable, on_read, NULL);
  g_task_set_task_data (task, g_strdup (bonsai_library_get_folder (self->library)), g_free);
  g_task_run_in_thread (task, read_in_thread);
}

/* --- the object --- */

static void
bonsai_trash_dispose (GObject *object)
{
  BonsaiTrash *self = BONSAI_TRASH (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->monitor);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_trash_parent_class)->dispose (object);
}

static void
bonsai_trash_finalize (GObject *object)
{
  BonsaiTrash *self = BONSAI_TRASH (object);

  g_object_unref (self->cancellable);
  g_ptr_array_unref (self->items);
  G_OBJECT_CLASS (bonsai_trash_parent_class)->finalize (object);
}

static void
bonsai_trash_class_init (BonsaiTrashClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_trash_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_trash_finalize;
}

static void
bonsai_trash_init (BonsaiTrash *self)
{
  self->items = g_ptr_array_new_with_free_func (g_object_unref);
  self->cancellable = g_cancellable_new ();
}

BonsaiTrash *
bonsai_trash_new (BonsaiLibrary *library)
{
  BonsaiTrash *self = g_object_new (BONSAI_TYPE_TRASH, NULL);
  g_autofree char *trash = library_trash_folder (bonsai_library_get_folder (library));
  g_autoptr (GFile) file = g_file_new_for_path (trash);

  self->library = g_object_ref (library);
  /* What isn't there can't be watched without looking again and again. */
  mkdir (trash, 0700);
  self->monitor = g_file_monitor_directory (file, G_FILE_MONITOR_WATCH_MOVES, NULL, NULL);
  if (self->monitor != NULL)
    g_signal_connect_object (self->monitor, "changed", G_CALLBACK (start_reading), self, G_CONNECT_SWAPPED);
  start_reading (self);
  return self;
}
