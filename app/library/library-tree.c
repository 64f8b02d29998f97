/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "app/library/library-tree.h"

#include "app/bundle/vm-labels.h"
#include "app/library/library-search.h"

#include <string.h>

struct _BonsaiLibraryNode {
  GObject parent;
  BonsaiLibraryNode *above; /* unowned; NULL: at the top */
  GListStore *list;         /* unowned: where it is */
  BonsaiVm *vm;             /* or */
  char *group;
  char *name; /* by which it was put into its place */
  GListStore *children;
};

struct _BonsaiLibraryTree {
  GObject parent;
  BonsaiLibrary *library;
  GListStore *machines, *templates;
  GHashTable *nodes;  /* BonsaiVm → BonsaiLibraryNode */
  GHashTable *groups; /* path → BonsaiLibraryNode */
  guint sync_id;
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryNode, bonsai_library_node, G_TYPE_OBJECT)
G_DEFINE_FINAL_TYPE (BonsaiLibraryTree, bonsai_library_tree, G_TYPE_OBJECT)

/* --- nodes --- */

static int
compare_nodes (gconstpointer a, gconstpointer b, gpointer data)
{
  const BonsaiLibraryNode *left = a, *right = b;
  g_autofree char *fold_left = NULL, *fold_right = NULL;
  int order;

  if ((left->vm == NULL) != (right->vm == NULL))
    return left->vm == NULL ? -1 : 1;
  fold_left = g_utf8_casefold (left->name, -1);
  fold_right = g_utf8_casefold (right->name, -1);
  order = g_utf8_collate (fold_left, fold_right);
  if (order == 0 && left->vm != NULL)
    order = strcmp (bonsai_vm_get_path (left->vm), bonsai_vm_get_path (right->vm));
  return order != 0 ? order : strcmp (left->name, right->name);
}

static void
take_out (BonsaiLibraryNode *node)
{
  guint position;

  if (node->list != NULL && g_list_store_find (node->list, node, &position))
    g_list_store_remove (node->list, position);
  node->list = NULL;
  node->above = NULL;
}

static void
put_in (BonsaiLibraryNode *node, GListStore *list, BonsaiLibraryNode *above)
{
  node->list = list;
  node->above = above;
  g_list_store_insert_sorted (list, node, compare_nodes, NULL);
}

static void
bonsai_library_node_finalize (GObject *object)
{
  BonsaiLibraryNode *self = BONSAI_LIBRARY_NODE (object);

  g_clear_object (&self->vm);
  g_clear_object (&self->children);
  g_free (self->group);
  g_free (self->name);
  G_OBJECT_CLASS (bonsai_library_node_parent_class)->finalize (object);
}

static void
bonsai_library_node_class_init (BonsaiLibraryNodeClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_node_finalize;
}

static void
bonsai_library_node_init (BonsaiLibraryNode *self)
{
}

BonsaiVm *
bonsai_library_node_get_vm (BonsaiLibraryNode *self)
{
  return self->vm;
}

const char *
bonsai_library_node_get_group (BonsaiLibraryNode *self)
{
  return self->group;
}

const char *
bonsai_library_node_get_name (BonsaiLibraryNode *self)
{
  return self->vm != NULL ? bonsai_vm_get_name (self->vm) : self->name;
}

GListModel *
bonsai_library_node_get_children (BonsaiLibraryNode *self)
{
  return self->children != NULL ? G_LIST_MODEL (self->children) : NULL;
}

/* --- groups --- */

static BonsaiLibraryNode *
need_group (BonsaiLibraryTree *self, const char *path)
{
  BonsaiLibraryNode *node = g_hash_table_lookup (self->groups, path), *above = NULL;
  const char *slash = strrchr (path, VM_GROUP_SEPARATOR);

  if (node != NULL)
    return node;
  if (slash != NULL)
    {
      g_autofree char *parent = g_strndup (path, (gsize)(slash - path));

      above = need_group (self, parent);
    }
  node = g_object_new (BONSAI_TYPE_LIBRARY_NODE, NULL);
  node->group = g_strdup (path);
  node->name = g_strdup (slash != NULL ? slash + 1 : path);
  node->children = g_list_store_new (BONSAI_TYPE_LIBRARY_NODE);
  g_hash_table_insert (self->groups, node->group, node);
  put_in (node, above != NULL ? above->children : self->machines, above);
  return node;
}

/* A group is there for what is in it. */
static void
drop_if_empty (BonsaiLibraryTree *self, BonsaiLibraryNode *group)
{
  while (group != NULL && g_list_model_get_n_items (G_LIST_MODEL (group->children)) == 0)
    {
      BonsaiLibraryNode *above = group->above;

      take_out (group);
      g_hash_table_remove (self->groups, group->group);
      group = above;
    }
}

/* --- following the library --- */

static void
place (BonsaiLibraryTree *self, BonsaiLibraryNode *node)
{
  const VmConfig *config = bonsai_vm_get_config (node->vm);
  bool is_template = config != NULL && config->template_state != VM_TEMPLATE_NONE;
  const char *path = config != NULL && !is_template ? config->group : NULL, *name;
  BonsaiLibraryNode *group = path != NULL ? need_group (self, path) : NULL, *before = node->above;
  GListStore *list = is_template ? self->templates : group != NULL ? group->children : self->machines;

  name = bonsai_vm_get_name (node->vm);
  if (node->list == list && g_strcmp0 (node->name, name) == 0)
    return;
  take_out (node);
  g_free (node->name);
  node->name = g_strdup (name);
  put_in (node, list, group);
  drop_if_empty (self, before);
}

static void
remove_node (BonsaiLibraryTree *self, BonsaiLibraryNode *node)
{
  BonsaiLibraryNode *group = node->above;

  take_out (node);
  drop_if_empty (self, group);
}

static void schedule_sync (BonsaiLibraryTree *self);

static void
sync_now (BonsaiLibraryTree *self)
{
  g_autoptr (GHashTable) present = g_hash_table_new (NULL, NULL);
  GHashTableIter iter;
  BonsaiLibraryNode *node;
  BonsaiVm *vm;

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->library)); i++)
    {
      g_autoptr (BonsaiVm) member = g_list_model_get_item (G_LIST_MODEL (self->library), i);

      g_hash_table_add (present, member);
      node = g_hash_table_lookup (self->nodes, member);
      if (node == NULL)
        {
          node = g_object_new (BONSAI_TYPE_LIBRARY_NODE, NULL);
          node->vm = g_object_ref (member);
          g_hash_table_insert (self->nodes, member, node);
          g_signal_connect_object (member, "notify::config", G_CALLBACK (schedule_sync), self,
                                   G_CONNECT_SWAPPED);
        }
      place (self, node);
    }
  g_hash_table_iter_init (&iter, self->nodes);
  while (g_hash_table_iter_next (&iter, (gpointer *)&vm, (gpointer *)&node))
    if (!g_hash_table_contains (present, vm))
      {
        g_signal_handlers_disconnect_by_data (vm, self);
        remove_node (self, node);
        g_hash_table_iter_remove (&iter);
      }
}

static gboolean
on_idle (gpointer data)
{
  BonsaiLibraryTree *self = data;

  self->sync_id = 0;
  sync_now (self);
  return G_SOURCE_REMOVE;
}

/* A machine that is renamed leaves the library's list and comes back: looked at once it did. */
static void
schedule_sync (BonsaiLibraryTree *self)
{
  if (self->sync_id == 0)
    self->sync_id = g_idle_add_full (G_PRIORITY_DEFAULT, on_idle, self, NULL);
}

/* --- the object --- */

GListModel *
bonsai_library_tree_get_machines (BonsaiLibraryTree *self)
{
  return G_LIST_MODEL (self->machines);
}

GListModel *
bonsai_library_tree_get_templates (BonsaiLibraryTree *self)
{
  return G_LIST_MODEL (self->templates);
}

static void
list_groups (GListStore *list, GStrvBuilder *builder)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (list)); i++)
    {
      g_autoptr (BonsaiLibraryNode) node = g_list_model_get_item (G_LIST_MODEL (list), i);

      if (node->group == NULL)
        continue;
      g_strv_builder_add (builder, node->group);
      list_groups (node->children, builder);
    }
}

GStrv
bonsai_library_tree_list_groups (BonsaiLibraryTree *self)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  list_groups (self->machines, builder);
  return g_strv_builder_end (builder);
}

static void
bonsai_library_tree_dispose (GObject *object)
{
  BonsaiLibraryTree *self = BONSAI_LIBRARY_TREE (object);
  GHashTableIter iter;
  gpointer vm;

  g_clear_handle_id (&self->sync_id, g_source_remove);
  g_hash_table_iter_init (&iter, self->nodes);
  while (g_hash_table_iter_next (&iter, &vm, NULL))
    g_signal_handlers_disconnect_by_data (vm, self);
  g_hash_table_remove_all (self->groups);
  g_hash_table_remove_all (self->nodes);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_library_tree_parent_class)->dispose (object);
}

static void
bonsai_library_tree_finalize (GObject *object)
{
  BonsaiLibraryTree *self = BONSAI_LIBRARY_TREE (object);

  g_hash_table_unref (self->groups);
  g_hash_table_unref (self->nodes);
  g_object_unref (self->machines);
  g_object_unref (self->templates);
  G_OBJECT_CLASS (bonsai_library_tree_parent_class)->finalize (object);
}

static void
bonsai_library_tree_class_init (BonsaiLibraryTreeClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_library_tree_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_tree_finalize;
}

static void
bonsai_library_tree_init (BonsaiLibraryTree *self)
{
  self->machines = g_list_store_new (BONSAI_TYPE_LIBRARY_NODE);
  self->templates = g_list_store_new (BONSAI_TYPE_LIBRARY_NODE);
  self->nodes = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  self->groups = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_object_unref);
}

BonsaiLibraryTree *
bonsai_library_tree_new (BonsaiLibrary *library)
{
  BonsaiLibraryTree *self = g_object_new (BONSAI_TYPE_LIBRARY_TREE, NULL);

  self->library = g_object_ref (library);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (schedule_sync), self, G_CONNECT_SWAPPED);
  sync_now (self);
  return self;
}
