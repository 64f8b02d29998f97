/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/library-view.h"

#include "app/bundle/vm-labels.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/library/organise-dialog.h"
#include "ui/library/vm-controls.h"
#include "ui/library/vm-drag.h"
#include "ui/library/vm-row.h"
#include "ui/library/vm-tile.h"
#include "ui/machine/machine-actions.h"

struct _BonsaiLibraryView {
  AdwBin parent;
  BonsaiLibrary *library;
  char *group; /* or NULL */
  bool templates;
  LibraryQuery *query;
  char *tag; /* or NULL */
  LibrarySort sort;
  bool as_list;
  bool show_back;
  guint refilter_id;
  GtkFilter *filter;
  GtkSorter *sorter;
  GtkMultiSelection *selection;
  GSimpleActionGroup *actions;

  AdwWindowTitle *title;
  GtkButton *mode_button;
  GtkMenuButton *view_button;
  GMenu *tags_section;
  GtkSearchBar *search_bar;
  GtkSearchEntry *search_entry;
  GtkInfoBar *host_bar;
  GtkLabel *host_label;
  GtkStack *stack;
  GtkGridView *grid;
  GtkListView *list;
  GtkActionBar *action_bar;
  GtkLabel *selection_label;
  GtkWidget *menu; /* a popover: of whichever machine */
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryView, bonsai_library_view, ADW_TYPE_BIN)

enum { PROP_0, PROP_SHOW_BACK };
enum { OPENED, CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* What is done with several at once: each takes part that can. */
static const struct {
  const char *icon, *label, *action;
} bulk_actions[] = {
  { "media-playback-start-symbolic", N_ ("Start Selected"), "start" },
  { "media-playback-pause-symbolic", N_ ("Pause Selected"), "pause" },
  { "system-shutdown-symbolic", N_ ("Shut Down Selected"), "shutdown" },
  { "document-save-symbolic", N_ ("Suspend Selected to Disk"), "suspend" },
  { "camera-photo-symbolic", N_ ("Take Snapshots of Selected"), "snapshot" },
  { "user-trash-symbolic", N_ ("Delete Selected"), "delete" },
};

static guint
n_shown (BonsaiLibraryView *self)
{
  return g_list_model_get_n_items (G_LIST_MODEL (self->selection));
}

/* (transfer full): of BonsaiVm */
static GPtrArray *
get_selected (BonsaiLibraryView *self)
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

/* --- which, and in which order --- */

static gboolean
is_wanted (gpointer item, gpointer data)
{
  BonsaiLibraryView *self = data;
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
  return library_compare ((BonsaiVm *)a, (BonsaiVm *)b, ((BonsaiLibraryView *)data)->sort);
}

static void
update_page (BonsaiLibraryView *self)
{
  const char *page = self->as_list ? "list" : "grid";

  if (n_shown (self) == 0)
    {
      bool asked = !library_query_is_empty (self->query) || self->tag;
      page = asked ? "nothing" : self->templates ? "no-templates" : self->group ? "nothing" : "empty";
    }
  gtk_stack_set_visible_child_name (self->stack, page);
}

static void
update_title (BonsaiLibraryView *self)
{
  const char *slash = self->group ? strrchr (self->group, VM_GROUP_SEPARATOR) : NULL;
  const char *title = self->templates ? _ ("Templates")
                      : slash         ? slash + 1
                      : self->group   ? self->group
                                      : _ ("All Machines");
  guint n = n_shown (self), n_alive = 0;

  for (guint i = 0; i < n; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (self->selection), i);
      n_alive += bonsai_state_is_alive (bonsai_vm_get_state (vm)) ? 1 : 0;
    }
  g_autofree char *all = g_strdup_printf (ngettext ("%u machine", "%u machines", n), n);
  g_autofree char *subtitle = n_alive ? g_strdup_printf (_ ("%s, %u running"), all, n_alive) : g_strdup (all);
  adw_window_title_set_title (self->title, title);
  adw_window_title_set_subtitle (self->title, n ? subtitle : "");
}

static void
update_tags (BonsaiLibraryView *self)
{
  g_auto (GStrv) tags = g_new0 (char *, 1);

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
  g_menu_remove_all (self->tags_section);
  if (tags[0])
    g_menu_append (self->tags_section, _ ("All"), "view.tag::");
  for (unsigned i = 0; tags[i]; i++)
    {
      g_autoptr (GMenuItem) item = g_menu_item_new (tags[i], NULL);
      g_menu_item_set_action_and_target (item, "view.tag", "s", tags[i]);
      g_menu_append_item (self->tags_section, item);
    }
}

static gboolean
refilter_now (gpointer data)
{
  BonsaiLibraryView *self = data;

  self->refilter_id = 0;
  gtk_filter_changed (self->filter, GTK_FILTER_CHANGE_DIFFERENT);
  if (self->sort != LIBRARY_SORT_NAME)
    gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
  update_tags (self);
  update_title (self);
  update_page (self);
  return G_SOURCE_REMOVE;
}

/* Machines change in bursts. */
static void
refilter_soon (BonsaiLibraryView *self)
{
  if (self->refilter_id == 0)
    self->refilter_id = g_idle_add (refilter_now, self);
}

static void
refilter (BonsaiLibraryView *self)
{
  gtk_filter_changed (self->filter, GTK_FILTER_CHANGE_DIFFERENT);
  update_title (self);
  update_page (self);
}

static void
on_library_changed (GListModel *library, guint position, guint removed, guint added, BonsaiLibraryView *self)
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

static void
on_search_changed (BonsaiLibraryView *self)
{
  library_query_free (self->query);
  self->query = library_query_new (gtk_editable_get_text (GTK_EDITABLE (self->search_entry)));
  refilter (self);
}

static void
open_at (BonsaiLibraryView *self, guint position)
{
  g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (self->selection), position);

  if (vm)
    g_signal_emit (self, signals[OPENED], 0, vm);
}

/* Enter in the search opens what was found first. */
static void
on_search_activated (BonsaiLibraryView *self)
{
  open_at (self, 0);
}

static void
on_activate (BonsaiLibraryView *self, guint position)
{
  open_at (self, position);
}

static void
show_place (BonsaiLibraryView *self, const char *group, bool templates)
{
  g_free (self->group);
  self->group = g_strdup (group);
  self->templates = templates;
  refilter (self);
}

void
bonsai_library_view_set_group (BonsaiLibraryView *self, const char *group)
{
  show_place (self, group, false);
}

void
bonsai_library_view_set_templates (BonsaiLibraryView *self)
{
  show_place (self, NULL, true);
}

/* --- several at once --- */

static void
on_selection_changed (BonsaiLibraryView *self)
{
  g_autoptr (GPtrArray) vms = get_selected (self);
  g_autofree char *text = g_strdup_printf (ngettext ("%u selected", "%u selected", vms->len), vms->len);

  gtk_label_set_text (self->selection_label, text);
  gtk_action_bar_set_revealed (self->action_bar, vms->len > 1);
  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), bulk_actions[i].action);
      bool any = false;
      for (guint j = 0; j < vms->len && !any; j++)
        any = bonsai_machine_actions_can (g_ptr_array_index (vms, j), bulk_actions[i].action);
      g_simple_action_set_enabled (G_SIMPLE_ACTION (action), any);
    }
}

static void
on_bulk (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  g_autoptr (GPtrArray) vms = get_selected (data);
  const char *name = g_action_get_name (G_ACTION (action));

  for (guint i = 0; i < vms->len; i++)
    g_action_group_activate_action (bonsai_machine_actions_get (g_ptr_array_index (vms, i)), name, NULL);
}

static void
on_organise (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryView *self = data;
  g_autoptr (GPtrArray) vms = get_selected (self);
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));

  if (vms->len > 0)
    organise_dialog_show (GTK_WINDOW (root), self->library, vms);
}

static void
on_unselect (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  gtk_selection_model_unselect_all (GTK_SELECTION_MODEL (((BonsaiLibraryView *)data)->selection));
}

static void
fill_action_bar (BonsaiLibraryView *self)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);

  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      GtkWidget *button = gtk_button_new_from_icon_name (bulk_actions[i].icon);
      g_autofree char *name = g_strdup_printf ("view.%s", bulk_actions[i].action);
      gtk_widget_set_tooltip_text (button, _ (bulk_actions[i].label));
      gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                      _ (bulk_actions[i].label), -1);
      gtk_actionable_set_action_name (GTK_ACTIONABLE (button), name);
      gtk_widget_add_css_class (button, "flat");
      gtk_box_append (GTK_BOX (box), button);
    }
  gtk_action_bar_pack_end (self->action_bar, box);
}

/* --- how --- */

static void
update_mode (BonsaiLibraryView *self)
{
  const char *tip = self->as_list ? _ ("Show as Grid") : _ ("Show as List");

  gtk_button_set_icon_name (self->mode_button, self->as_list ? "view-grid-symbolic" : "view-list-symbolic");
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->mode_button), tip);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->mode_button), GTK_ACCESSIBLE_PROPERTY_LABEL, tip, -1);
  /* What isn't shown keeps no rows. */
  gtk_grid_view_set_model (self->grid, self->as_list ? NULL : GTK_SELECTION_MODEL (self->selection));
  gtk_list_view_set_model (self->list, self->as_list ? GTK_SELECTION_MODEL (self->selection) : NULL);
  update_page (self);
}

const char *
bonsai_library_view_get_mode (BonsaiLibraryView *self)
{
  return self->as_list ? "list" : "grid";
}

void
bonsai_library_view_set_mode (BonsaiLibraryView *self, const char *mode)
{
  self->as_list = g_strcmp0 (mode, "list") == 0;
  update_mode (self);
}

static void
on_toggle_mode (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryView *self = data;

  bonsai_library_view_set_mode (self, self->as_list ? "grid" : "list");
  g_signal_emit (self, signals[CHANGED], 0);
}

const char *
bonsai_library_view_get_sort (BonsaiLibraryView *self)
{
  return library_sort_names[self->sort];
}

void
bonsai_library_view_set_sort (BonsaiLibraryView *self, const char *sort)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self->actions), "sort");

  self->sort = LIBRARY_SORT_NAME;
  for (unsigned i = 0; sort && i < LIBRARY_N_SORTS; i++)
    if (g_str_equal (sort, library_sort_names[i]))
      self->sort = i;
  g_simple_action_set_state (G_SIMPLE_ACTION (action), g_variant_new_string (library_sort_names[self->sort]));
  gtk_sorter_changed (self->sorter, GTK_SORTER_CHANGE_DIFFERENT);
}

static void
on_sort (GSimpleAction *action, GVariant *value, gpointer data)
{
  bonsai_library_view_set_sort (data, g_variant_get_string (value, NULL));
  g_signal_emit (data, signals[CHANGED], 0);
}

static void
on_tag (GSimpleAction *action, GVariant *value, gpointer data)
{
  BonsaiLibraryView *self = data;
  const char *tag = g_variant_get_string (value, NULL);

  g_free (self->tag);
  self->tag = *tag ? g_strdup (tag) : NULL;
  g_simple_action_set_state (action, value);
  refilter (self);
}

void
bonsai_library_view_search (BonsaiLibraryView *self)
{
  gtk_search_bar_set_search_mode (self->search_bar, TRUE);
  gtk_widget_grab_focus (GTK_WIDGET (self->search_entry));
}

void
bonsai_library_view_capture_keys (BonsaiLibraryView *self, GtkWidget *window)
{
  gtk_search_bar_set_key_capture_widget (self->search_bar, window);
}

void
bonsai_library_view_show_trouble (BonsaiLibraryView *self, const char *text, bool serious)
{
  gtk_info_bar_set_revealed (self->host_bar, text != NULL);
  if (!text)
    return;
  gtk_label_set_text (self->host_label, text);
  gtk_info_bar_set_message_type (self->host_bar, serious ? GTK_MESSAGE_ERROR : GTK_MESSAGE_WARNING);
}

static void
on_host_bar_response (GtkInfoBar *bar, int response, gpointer data)
{
  gtk_info_bar_set_revealed (bar, FALSE);
}

/* --- a machine's menu --- */

void
bonsai_library_view_popup (BonsaiLibraryView *self, BonsaiVm *vm, GtkWidget *at)
{
  graphene_rect_t bounds;

  if (!gtk_widget_compute_bounds (at, GTK_WIDGET (self), &bounds))
    return;
  gtk_widget_insert_action_group (GTK_WIDGET (self), "vm", bonsai_machine_actions_get (vm));
  gtk_popover_set_pointing_to (GTK_POPOVER (self->menu),
                               &(GdkRectangle){ (int)bounds.origin.x, (int)bounds.origin.y,
                                                (int)bounds.size.width, (int)bounds.size.height });
  gtk_popover_popup (GTK_POPOVER (self->menu));
}

static void
add_menu (BonsaiLibraryView *self)
{
  g_autoptr (GtkBuilder) builder = gtk_builder_new_from_resource (UI_RESOURCE "library/vm-menu.ui");
  g_autoptr (GSimpleActionGroup) none = g_simple_action_group_new ();

  /* In GTK 4.8 a menu finds a group only if there was one when it was made. */
  gtk_widget_insert_action_group (GTK_WIDGET (self), "vm", G_ACTION_GROUP (none));
  self->menu = gtk_popover_menu_new_from_model (G_MENU_MODEL (gtk_builder_get_object (builder, "vm_menu")));
  gtk_widget_set_parent (self->menu, GTK_WIDGET (self));
}

/* --- items --- */

void
library_name_item (GtkListItem *item, const char *name)
{
  GtkWidget *child = gtk_list_item_get_child (item), *parent = child ? gtk_widget_get_parent (child) : NULL;

  if (parent)
    gtk_accessible_update_property (GTK_ACCESSIBLE (parent), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
}

static void
update_item (BonsaiVm *vm, GParamSpec *pspec, GtkListItem *item)
{
  g_autofree char *label = vm_state_label (vm);

  library_name_item (item, label);
}

static void
on_secondary_press (GtkGesture *gesture, int n_press, double x, double y, gpointer data)
{
  GtkWidget *child = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture));

  gtk_gesture_set_state (gesture, GTK_EVENT_SEQUENCE_CLAIMED);
  if (BONSAI_IS_VM_TILE (child))
    bonsai_vm_tile_popup (BONSAI_VM_TILE (child));
  else
    bonsai_vm_row_popup (BONSAI_VM_ROW (child));
}

/* One that isn't selected is dragged alone. */
static GPtrArray *
get_dragged (GtkWidget *child, gpointer data)
{
  BonsaiLibraryView *self = data;
  BonsaiVm *vm = BONSAI_IS_VM_TILE (child) ? bonsai_vm_tile_get_vm (BONSAI_VM_TILE (child))
                                           : bonsai_vm_row_get_vm (BONSAI_VM_ROW (child));
  GPtrArray *vms = get_selected (self);

  if (g_ptr_array_find (vms, vm, NULL))
    return vms;
  g_ptr_array_set_size (vms, 0);
  g_ptr_array_add (vms, g_object_ref (vm));
  return vms;
}

static void
set_up_item (BonsaiLibraryView *self, GtkListItem *item, GtkWidget *child)
{
  GtkGesture *click = gtk_gesture_click_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "pressed", G_CALLBACK (on_secondary_press), NULL);
  gtk_widget_add_controller (child, GTK_EVENT_CONTROLLER (click));
  vm_drag_add_source (child, get_dragged, self);
  gtk_list_item_set_child (item, child);
}

static void
set_up_row (GtkListItemFactory *factory, GtkListItem *item, BonsaiLibraryView *self)
{
  set_up_item (self, item, bonsai_vm_row_new ());
}

static void
set_up_tile (GtkListItemFactory *factory, GtkListItem *item, BonsaiLibraryView *self)
{
  set_up_item (self, item, bonsai_vm_tile_new ());
}

static void
set_vm (GtkListItem *item, BonsaiVm *vm)
{
  GtkWidget *child = gtk_list_item_get_child (item);

  if (BONSAI_IS_VM_TILE (child))
    bonsai_vm_tile_set_vm (BONSAI_VM_TILE (child), vm);
  else if (BONSAI_IS_VM_ROW (child))
    bonsai_vm_row_set_vm (BONSAI_VM_ROW (child), vm);
}

static void
bind_item (GtkListItemFactory *factory, GtkListItem *item, BonsaiLibraryView *self)
{
  BonsaiVm *vm = gtk_list_item_get_item (item);

  set_vm (item, vm);
  g_signal_connect (vm, "notify", G_CALLBACK (update_item), item);
  update_item (vm, NULL, item);
}

static void
unbind_item (GtkListItemFactory *factory, GtkListItem *item, BonsaiLibraryView *self)
{
  g_signal_handlers_disconnect_by_data (gtk_list_item_get_item (item), item);
  set_vm (item, NULL);
}

static GtkListItemFactory *
make_factory (BonsaiLibraryView *self, GCallback set_up)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();

  g_signal_connect_object (factory, "setup", set_up, self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (bind_item), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (unbind_item), self, 0);
  return factory;
}

/* --- the object --- */

void
bonsai_library_view_set_library (BonsaiLibraryView *self, BonsaiLibrary *library)
{
  GtkFilterListModel *filtered =
    gtk_filter_list_model_new (g_object_ref (G_LIST_MODEL (library)), g_object_ref (self->filter));
  GtkSortListModel *sorted = gtk_sort_list_model_new (G_LIST_MODEL (filtered), g_object_ref (self->sorter));

  self->library = g_object_ref (library);
  self->selection = gtk_multi_selection_new (G_LIST_MODEL (sorted));
  g_signal_connect_object (self->selection, "selection-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (on_selection_changed), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (self->selection, "items-changed", G_CALLBACK (update_page), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (on_library_changed), self, 0);
  on_library_changed (G_LIST_MODEL (library), 0, 0, g_list_model_get_n_items (G_LIST_MODEL (library)), self);
  g_clear_handle_id (&self->refilter_id, g_source_remove);
  update_tags (self);
  update_title (self);
  update_mode (self);
  on_selection_changed (self);
}

static void
bonsai_library_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_SHOW_BACK)
    g_value_set_boolean (value, BONSAI_LIBRARY_VIEW (object)->show_back);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
bonsai_library_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_SHOW_BACK)
    BONSAI_LIBRARY_VIEW (object)->show_back = g_value_get_boolean (value);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
bonsai_library_view_dispose (GObject *object)
{
  BonsaiLibraryView *self = BONSAI_LIBRARY_VIEW (object);

  g_clear_handle_id (&self->refilter_id, g_source_remove);
  if (self->selection)
    {
      gtk_grid_view_set_model (self->grid, NULL);
      gtk_list_view_set_model (self->list, NULL);
    }
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  g_clear_object (&self->selection);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_library_view_parent_class)->dispose (object);
}

static void
bonsai_library_view_finalize (GObject *object)
{
  BonsaiLibraryView *self = BONSAI_LIBRARY_VIEW (object);

  g_object_unref (self->filter);
  g_object_unref (self->sorter);
  g_object_unref (self->actions);
  library_query_free (self->query);
  g_free (self->group);
  g_free (self->tag);
  G_OBJECT_CLASS (bonsai_library_view_parent_class)->finalize (object);
}

static void
bind_children (GtkWidgetClass *widget_class)
{
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, title);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, mode_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, view_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, tags_section);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, search_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, search_entry);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, host_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, host_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, grid);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, list);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, action_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryView, selection_label);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_host_bar_response);
}

static void
bonsai_library_view_class_init (BonsaiLibraryViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->get_property = bonsai_library_view_get_property;
  object_class->set_property = bonsai_library_view_set_property;
  object_class->dispose = bonsai_library_view_dispose;
  object_class->finalize = bonsai_library_view_finalize;
  g_object_class_install_property (
    object_class, PROP_SHOW_BACK,
    g_param_spec_boolean ("show-back", NULL, NULL, FALSE, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
  signals[OPENED] = g_signal_new ("opened", BONSAI_TYPE_LIBRARY_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, BONSAI_TYPE_VM);
  signals[CHANGED] = g_signal_new ("changed", BONSAI_TYPE_LIBRARY_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                   NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/library-view.ui");
  bind_children (widget_class);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Delete, 0, "view.delete", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "view.unselect", NULL);
}

static void
add_actions (BonsaiLibraryView *self)
{
  static const GActionEntry entries[] = {
    { .name = "toggle-mode", .activate = on_toggle_mode },
    { .name = "sort", .parameter_type = "s", .state = "'name'", .change_state = on_sort },
    { .name = "tag", .parameter_type = "s", .state = "''", .change_state = on_tag },
    { .name = "organise", .activate = on_organise },
    { .name = "unselect", .activate = on_unselect },
  };

  self->actions = g_simple_action_group_new ();
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  for (unsigned i = 0; i < G_N_ELEMENTS (bulk_actions); i++)
    {
      const GActionEntry entry = { .name = bulk_actions[i].action, .activate = on_bulk };
      g_action_map_add_action_entries (G_ACTION_MAP (self->actions), &entry, 1, self);
    }
  gtk_widget_insert_action_group (GTK_WIDGET (self), "view", G_ACTION_GROUP (self->actions));
}

static void
bonsai_library_view_init (BonsaiLibraryView *self)
{
  self->query = library_query_new (NULL);
  self->filter = GTK_FILTER (gtk_custom_filter_new (is_wanted, self, NULL));
  self->sorter = GTK_SORTER (gtk_custom_sorter_new (compare, self, NULL));
  add_actions (self);
  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_search_bar_connect_entry (self->search_bar, GTK_EDITABLE (self->search_entry));
  gtk_grid_view_set_factory (self->grid, make_factory (self, G_CALLBACK (set_up_tile)));
  gtk_list_view_set_factory (self->list, make_factory (self, G_CALLBACK (set_up_row)));
  fill_action_bar (self);
  add_menu (self);
}
