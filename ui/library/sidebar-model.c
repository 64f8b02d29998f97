/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/sidebar-model.h"

#include "app/bundle/vm-labels.h"
#include "app/library/library-tree.h"
#include "ui/base/i18n.h"
#include "ui/library/sidebar-place.h"
#include "ui/machine/machine-actions.h"

#include <string.h>

struct _BonsaiSidebarModel {
  GObject parent;
  BonsaiLibrary *library;
  BonsaiTrash *trash;
  BonsaiLibraryTree *tree;
  SidebarPlace *dashboard, *all, *templates, *trash_place, *host;
  GListStore *middle; /* of SidebarPlace: templates, if there are any */
  GtkTreeListModel *rows;
};

G_DEFINE_FINAL_TYPE (BonsaiSidebarModel, bonsai_sidebar_model, G_TYPE_OBJECT)

/* --- places --- */

char *
bonsai_sidebar_model_place_of (gpointer item)
{
  if (SIDEBAR_IS_PLACE (item))
    return g_strdup (sidebar_place_get_id (item));
  const char *group = bonsai_library_node_get_group (item);
  BonsaiVm *vm = bonsai_library_node_get_vm (item);
  if (group)
    return g_strconcat ("group:", group, NULL);
  g_autofree char *key = bonsai_machine_actions_key (vm);
  return g_strconcat ("machine:", key, NULL);
}

/* Whether the item is a group in which the place lies. */
static bool
contains (BonsaiSidebarModel *self, gpointer item, const char *place)
{
  const char *group = SIDEBAR_IS_PLACE (item) ? NULL : bonsai_library_node_get_group (item);

  if (g_str_has_prefix (place, "group:"))
    return group && vm_group_is_within (place + strlen ("group:"), group);
  if (!g_str_has_prefix (place, "machine:"))
    return false;
  BonsaiVm *vm = bonsai_library_find (self->library, place + strlen ("machine:"));
  const VmConfig *config = vm ? bonsai_vm_get_config (vm) : NULL;
  if (!config)
    return false;
  if (config->template_state != VM_TEMPLATE_NONE)
    return item == self->templates;
  return group && vm_group_is_within (config->group, group);
}

static GtkTreeListRow *
row_at (BonsaiSidebarModel *self, guint position)
{
  return g_list_model_get_item (G_LIST_MODEL (self->rows), position);
}

gpointer
bonsai_sidebar_model_get_item (BonsaiSidebarModel *self, guint position)
{
  g_autoptr (GtkTreeListRow) row = row_at (self, position);

  return row ? gtk_tree_list_row_get_item (row) : NULL;
}

bool
bonsai_sidebar_model_find (BonsaiSidebarModel *self, const char *place, bool expand, guint *position)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->rows)); i++)
    {
      g_autoptr (GtkTreeListRow) row = row_at (self, i);
      g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);
      g_autofree char *id = bonsai_sidebar_model_place_of (item);

      if (g_str_equal (id, place))
        {
          *position = i;
          return true;
        }
      if (expand && contains (self, item, place))
        gtk_tree_list_row_set_expanded (row, TRUE);
    }
  return false;
}

GStrv
bonsai_sidebar_model_get_expanded (BonsaiSidebarModel *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->rows)); i++)
    {
      g_autoptr (GtkTreeListRow) row = row_at (self, i);
      g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);
      g_autofree char *place = bonsai_sidebar_model_place_of (item);

      if (gtk_tree_list_row_get_expanded (row))
        g_strv_builder_add (builder, place);
    }
  return g_strv_builder_end (builder);
}

void
bonsai_sidebar_model_set_expanded (BonsaiSidebarModel *self, const char *const *places)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->rows)); i++)
    {
      g_autoptr (GtkTreeListRow) row = row_at (self, i);
      g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);
      g_autofree char *place = bonsai_sidebar_model_place_of (item);

      if (g_strv_contains (places, place))
        gtk_tree_list_row_set_expanded (row, TRUE);
    }
}

/* --- what there is --- */

static GListModel *
make_children (gpointer item, gpointer data)
{
  BonsaiSidebarModel *self = data;
  GListModel *children = NULL;

  if (item == self->templates)
    children = bonsai_library_tree_get_templates (self->tree);
  else if (!SIDEBAR_IS_PLACE (item))
    children = bonsai_library_node_get_children (item);
  return children ? g_object_ref (children) : NULL;
}

static void
count (BonsaiSidebarModel *self)
{
  guint n_templates = g_list_model_get_n_items (bonsai_library_tree_get_templates (self->tree));
  bool shown = g_list_model_get_n_items (G_LIST_MODEL (self->middle)) > 0;

  sidebar_place_set_count (self->all, g_list_model_get_n_items (G_LIST_MODEL (self->library)) - n_templates);
  sidebar_place_set_count (self->templates, n_templates);
  sidebar_place_set_count (self->trash_place, g_list_model_get_n_items (G_LIST_MODEL (self->trash)));
  if (n_templates && !shown)
    g_list_store_append (self->middle, self->templates);
  else if (!n_templates && shown)
    g_list_store_remove_all (self->middle);
}

static GListModel *
make_roots (BonsaiSidebarModel *self)
{
  g_autoptr (GListStore) top = g_list_store_new (G_TYPE_OBJECT), bottom = g_list_store_new (G_TYPE_OBJECT);
  GListStore *parts = g_list_store_new (G_TYPE_LIST_MODEL);

  g_list_store_append (top, self->dashboard);
  g_list_store_append (top, self->all);
  g_list_store_append (bottom, self->trash_place);
  g_list_store_append (bottom, self->host);
  g_list_store_append (parts, top);
  g_list_store_append (parts, bonsai_library_tree_get_machines (self->tree));
  g_list_store_append (parts, self->middle);
  g_list_store_append (parts, bottom);
  return G_LIST_MODEL (gtk_flatten_list_model_new (G_LIST_MODEL (parts)));
}

GListModel *
bonsai_sidebar_model_get_rows (BonsaiSidebarModel *self)
{
  return G_LIST_MODEL (self->rows);
}

/* --- the object --- */

static void
bonsai_sidebar_model_finalize (GObject *object)
{
  BonsaiSidebarModel *self = BONSAI_SIDEBAR_MODEL (object);

  g_object_unref (self->rows);
  g_object_unref (self->middle);
  g_object_unref (self->tree);
  g_object_unref (self->trash);
  g_object_unref (self->library);
  g_object_unref (self->dashboard);
  g_object_unref (self->all);
  g_object_unref (self->templates);
  g_object_unref (self->trash_place);
  g_object_unref (self->host);
  G_OBJECT_CLASS (bonsai_sidebar_model_parent_class)->finalize (object);
}

static void
bonsai_sidebar_model_class_init (BonsaiSidebarModelClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_sidebar_model_finalize;
}

static void
bonsai_sidebar_model_init (BonsaiSidebarModel *self)
{
  self->dashboard = sidebar_place_new ("dashboard", _ ("Dashboard"), "go-home-symbolic");
  self->all = sidebar_place_new ("all", _ ("All Machines"), "computer-symbolic");
  self->templates = sidebar_place_new ("templates", _ ("Templates"), "edit-copy-symbolic");
  self->trash_place = sidebar_place_new ("trash", _ ("Trash"), "user-trash-symbolic");
  self->host = sidebar_place_new ("host", _ ("This Computer"), "drive-harddisk-symbolic");
  self->middle = g_list_store_new (G_TYPE_OBJECT);
}

BonsaiSidebarModel *
bonsai_sidebar_model_new (BonsaiLibrary *library, BonsaiTrash *trash)
{
  BonsaiSidebarModel *self = g_object_new (BONSAI_TYPE_SIDEBAR_MODEL, NULL);

  self->library = g_object_ref (library);
  self->trash = g_object_ref (trash);
  self->tree = bonsai_library_tree_new (library);
  self->rows = gtk_tree_list_model_new (make_roots (self), FALSE, FALSE, make_children, self, NULL);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (count), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (trash, "items-changed", G_CALLBACK (count), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (bonsai_library_tree_get_templates (self->tree), "items-changed",
                           G_CALLBACK (count), self, G_CONNECT_SWAPPED);
  count (self);
  return self;
}
