/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/machine-model.h"

#include "app/bundle/vm-labels.h"
#include "ui/library/gradual-model.h"

struct _BonsaiMachineModel {
  GObject parent;
  BonsaiLibrary *library;
  char *group; /* or NULL */
  bool templates;
  LibraryQuery *query;
  char *tag; /* or NULL */
  LibrarySort sort;
  guint refilter_id;
  GtkFilter *filter;
  GtkSorter *sorter;
  GListModel *machines; /* all that are wanted */
  BonsaiGradualModel *shown;
  GtkMultiSelection *selection; /* of those shown */
  GHashTable *selected;         /* as a set, of BonsaiVm, with those that come back in a moment */
  bool reselecting;
};

G_DEFINE_FINAL_TYPE (BonsaiMachineModel, bonsai_machine_model, G_TYPE_OBJECT)

enum { CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- which, and in which order --- */

static gboolean
is_wanted (gpointer item, gpointer data)
{
  BonsaiMachineModel *self = data;
  const VmConfig *config = bonsai_vm_get_config (item);
  bool is_template = config && config->template_state != VM_TEMPLATE_NONE;

  if (is_template != self->templates && !(is_template && !library_query_is_empty (self->query)))
    return FALSE;
  if (self->group && !vm_group_is_within (config ? config->group : NULL, self->group))
    return FALSE;
  if (self->tag && !(config && vm_tags_contain ((const char *const *)config->tags, self->tag)))
    return FALSE;
  return library_query_matches (self->query, item);
}

static int
compare (gconstpointer a, gconstpointer b, gpointer data)
{
  return library_compare ((BonsaiVm *)a, (BonsaiVm *)b, ((BonsaiMachineModel *)data)->sort);
}

/* What is not to be seen any more is not selected either when it comes back. */
static void
forget_unwanted (BonsaiMachineModel *self)
{
  GHashTableIter iter;
  gpointer vm;

  g_hash_table_iter_init (&iter, self->selected);
  while (g_hash_table_iter_next (&iter, &vm, NULL))
    if (bonsai_machine_model_find (self, vm) == GTK_INVALID_LIST_POSITION)
      g_hash_table_iter_remove (&iter);
}

static void
refilter (BonsaiMachineModel *self)
{
  gtk_filter_changed (self->filter, GTK_FILTER_CHANGE_DIFFERENT);
  forget_unwanted (self);
  g_signal_emit (self, signals[CHANGED], 0);
}

static gboolean
refilter_now (gpointer data)
{
  BonsaiMachineModel *self = data;

  self->refilter_id = 0;
  if (self->sort != LIBRARY_SORT_NAME)
    gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
  refilter (self);
  return G_SOURCE_REMOVE;
}

/* Machines change in bursts. */
static void
refilter_soon (BonsaiMachineModel *self)
{
  if (self->refilter_id == 0)
    self->refilter_id = g_idle_add (refilter_now, self);
}

static void
on_library_changed (GListModel *library, guint position, guint removed, guint added, BonsaiMachineModel *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (library, i);
      g_signal_handlers_disconnect_by_func (vm, refilter_soon, self);
      g_signal_connect_object (vm, "notify::config", G_CALLBACK (refilter_soon), self, G_CONNECT_SWAPPED);
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (refilter_soon), self, G_CONNECT_SWAPPED);
    }
  refilter_soon (self);
}

void
bonsai_machine_model_set_place (BonsaiMachineModel *self, const char *group, bool templates)
{
  if (g_strcmp0 (self->group, group) == 0 && self->templates == templates)
    return;
  g_free (self->group);
  self->group = g_strdup (group);
  self->templates = templates;
  refilter (self);
}

const char *
bonsai_machine_model_get_group (BonsaiMachineModel *self)
{
  return self->group;
}

bool
bonsai_machine_model_get_templates (BonsaiMachineModel *self)
{
  return self->templates;
}

void
bonsai_machine_model_set_search (BonsaiMachineModel *self, const char *text)
{
  library_query_free (self->query);
  self->query = library_query_new (text);
  refilter (self);
}

void
bonsai_machine_model_set_tag (BonsaiMachineModel *self, const char *tag)
{
  g_free (self->tag);
  self->tag = g_strdup (tag);
  refilter (self);
}

bool
bonsai_machine_model_is_asked (BonsaiMachineModel *self)
{
  return self->tag || !library_query_is_empty (self->query);
}

LibrarySort
bonsai_machine_model_get_sort (BonsaiMachineModel *self)
{
  return self->sort;
}

void
bonsai_machine_model_set_sort (BonsaiMachineModel *self, LibrarySort sort)
{
  self->sort = sort;
  gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
}

/* --- what they are --- */

BonsaiLibrary *
bonsai_machine_model_get_library (BonsaiMachineModel *self)
{
  return self->library;
}

GtkSelectionModel *
bonsai_machine_model_get_selection (BonsaiMachineModel *self)
{
  return GTK_SELECTION_MODEL (self->selection);
}

GPtrArray *
bonsai_machine_model_get_selected (BonsaiMachineModel *self)
{
  GPtrArray *vms = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GtkBitset) set = gtk_selection_model_get_selection (GTK_SELECTION_MODEL (self->selection));

  for (guint64 i = 0; i < gtk_bitset_get_size (set); i++)
    {
      guint position = gtk_bitset_get_nth (set, (guint)i);
      g_ptr_array_add (vms, g_list_model_get_item (G_LIST_MODEL (self->selection), position));
    }
  return vms;
}

/* A machine that moves goes, and comes back elsewhere a few turns later. */
static void
reselect (GListModel *selection, guint position, guint removed, guint added, BonsaiMachineModel *self)
{
  self->reselecting = true;
  for (guint i = position; i < position + added && g_hash_table_size (self->selected) > 0; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (selection, i);
      if (g_hash_table_contains (self->selected, vm))
        gtk_selection_model_select_item (GTK_SELECTION_MODEL (selection), i, FALSE);
    }
  self->reselecting = false;
}

static void
on_selection_changed (BonsaiMachineModel *self)
{
  g_autoptr (GPtrArray) vms = NULL;

  if (self->reselecting)
    return;
  vms = bonsai_machine_model_get_selected (self);
  g_hash_table_remove_all (self->selected);
  for (guint i = 0; i < vms->len; i++)
    g_hash_table_add (self->selected, g_object_ref (g_ptr_array_index (vms, i)));
}

BonsaiGradualModel *
bonsai_machine_model_get_shown (BonsaiMachineModel *self)
{
  return self->shown;
}

BonsaiVm *
bonsai_machine_model_get (BonsaiMachineModel *self, guint position)
{
  return g_list_model_get_item (self->machines, position);
}

guint
bonsai_machine_model_find (BonsaiMachineModel *self, BonsaiVm *vm)
{
  guint n = bonsai_machine_model_count (self);

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (BonsaiVm) other = bonsai_machine_model_get (self, i);
      if (other == vm)
        return i;
    }
  return GTK_INVALID_LIST_POSITION;
}

guint
bonsai_machine_model_count (BonsaiMachineModel *self)
{
  return g_list_model_get_n_items (self->machines);
}

guint
bonsai_machine_model_count_alive (BonsaiMachineModel *self)
{
  guint n = bonsai_machine_model_count (self), n_alive = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (BonsaiVm) vm = bonsai_machine_model_get (self, i);
      n_alive += bonsai_state_is_alive (bonsai_vm_get_state (vm)) ? 1 : 0;
    }
  return n_alive;
}

GStrv
bonsai_machine_model_list_tags (BonsaiMachineModel *self)
{
  GStrv tags = g_new0 (char *, 1);

  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (self->library), i);
      const VmConfig *config = bonsai_vm_get_config (vm);
      if (!config || !config->tags || !config->tags[0])
        continue;
      GStrv more = vm_tags_change ((const char *const *)tags, (const char *const *)config->tags, NULL);
      g_strfreev (tags);
      tags = more;
    }
  return tags;
}

/* --- the object --- */

static void
bonsai_machine_model_dispose (GObject *object)
{
  BonsaiMachineModel *self = BONSAI_MACHINE_MODEL (object);

  g_clear_handle_id (&self->refilter_id, g_source_remove);
  g_clear_object (&self->selection);
  g_clear_object (&self->shown);
  g_clear_object (&self->machines);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_machine_model_parent_class)->dispose (object);
}

static void
bonsai_machine_model_finalize (GObject *object)
{
  BonsaiMachineModel *self = BONSAI_MACHINE_MODEL (object);

  g_object_unref (self->filter);
  g_object_unref (self->sorter);
  g_hash_table_unref (self->selected);
  library_query_free (self->query);
  g_free (self->group);
  g_free (self->tag);
  G_OBJECT_CLASS (bonsai_machine_model_parent_class)->finalize (object);
}

static void
bonsai_machine_model_class_init (BonsaiMachineModelClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_machine_model_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_machine_model_finalize;
  signals[CHANGED] = g_signal_new ("changed", BONSAI_TYPE_MACHINE_MODEL, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
}

static void
bonsai_machine_model_init (BonsaiMachineModel *self)
{
  self->query = library_query_new (NULL);
  self->selected = g_hash_table_new_full (NULL, NULL, g_object_unref, NULL);
  self->filter = GTK_FILTER (gtk_custom_filter_new (is_wanted, self, NULL));
  self->sorter = GTK_SORTER (gtk_custom_sorter_new (compare, self, NULL));
}

BonsaiMachineModel *
bonsai_machine_model_new (BonsaiLibrary *library)
{
  BonsaiMachineModel *self = g_object_new (BONSAI_TYPE_MACHINE_MODEL, NULL);
  GtkFilterListModel *filtered =
    gtk_filter_list_model_new (g_object_ref (G_LIST_MODEL (library)), g_object_ref (self->filter));
  GtkSortListModel *sorted = gtk_sort_list_model_new (G_LIST_MODEL (filtered), g_object_ref (self->sorter));

  self->library = g_object_ref (library);
  self->machines = G_LIST_MODEL (sorted);
  self->shown = bonsai_gradual_model_new (g_object_ref (self->machines));
  self->selection = gtk_multi_selection_new (G_LIST_MODEL (g_object_ref (self->shown)));
  /* After who shows them, which knows nothing of them before. */
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (reselect), self, G_CONNECT_AFTER);
  g_signal_connect_object (self->selection, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (on_library_changed), self, 0);
  on_library_changed (G_LIST_MODEL (library), 0, 0, g_list_model_get_n_items (G_LIST_MODEL (library)), self);
  g_clear_handle_id (&self->refilter_id, g_source_remove);
  return self;
}
