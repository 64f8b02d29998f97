/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/library-sidebar.h"

#include "app/library/library-tree.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/library/jobs-button.h"
#include "ui/library/machine-grid.h"
#include "ui/library/organise-dialog.h"
#include "ui/library/sidebar-model.h"
#include "ui/library/sidebar-place.h"
#include "ui/library/sidebar-row.h"
#include "ui/library/vm-controls.h"
#include "ui/library/vm-drag.h"
#include "ui/library/vm-menu.h"
#include "ui/machine/machine-actions.h"

struct _BonsaiLibrarySidebar {
  AdwBin parent;
  BonsaiLibrary *library;
  BonsaiSidebarModel *model;
  GtkSingleSelection *selection;
  char *place;
  bool quiet; /* the selection follows the place */
  guint restore_id;
  GtkWidget *menu; /* of a machine */

  GtkListView *list;
};

G_DEFINE_FINAL_TYPE (BonsaiLibrarySidebar, bonsai_library_sidebar, ADW_TYPE_BIN)

enum { PLACE_CHANGED, PLACE_OPENED, EXPANDED_CHANGED, N_SIGNALS };
static guint signals[N_SIGNALS];

/* --- places --- */

static void
select_quietly (BonsaiLibrarySidebar *self, guint position)
{
  self->quiet = true;
  gtk_single_selection_set_selected (self->selection, position);
  self->quiet = false;
}

bool
bonsai_library_sidebar_set_place (BonsaiLibrarySidebar *self, const char *place)
{
  guint position;

  if (!bonsai_sidebar_model_find (self->model, place, true, &position))
    return false;
  if (place != self->place)
    {
      g_free (self->place);
      self->place = g_strdup (place);
    }
  select_quietly (self, position);
  return true;
}

static void
go (BonsaiLibrarySidebar *self, const char *place)
{
  if (g_strcmp0 (self->place, place) == 0)
    return;
  g_free (self->place);
  self->place = g_strdup (place);
  g_signal_emit (self, signals[PLACE_CHANGED], 0, place);
}

static void
on_selected (BonsaiLibrarySidebar *self)
{
  GtkTreeListRow *row = gtk_single_selection_get_selected_item (self->selection);

  if (self->quiet || !row)
    return;
  g_autoptr (GObject) item = gtk_tree_list_row_get_item (row);
  g_autofree char *place = item ? bonsai_sidebar_model_place_of (item) : NULL;
  if (place)
    go (self, place);
}

/* Rows come and go: the place stays, as long as there is one. */
static gboolean
restore (gpointer data)
{
  BonsaiLibrarySidebar *self = data;
  g_autofree char *place = g_strdup (self->place);
  bool is_machine = place && g_str_has_prefix (place, "machine:");
  guint position;

  self->restore_id = 0;
  g_signal_emit (self, signals[EXPANDED_CHANGED], 0);
  if (!place)
    return G_SOURCE_REMOVE;
  /* A group that was collapsed over a machine is none of its business. */
  is_machine = is_machine && bonsai_library_find (self->library, place + strlen ("machine:"));
  if (bonsai_sidebar_model_find (self->model, place, !is_machine, &position))
    select_quietly (self, position);
  else if (!is_machine)
    {
      go (self, "all");
      bonsai_library_sidebar_set_place (self, "all");
    }
  return G_SOURCE_REMOVE;
}

static void
restore_soon (BonsaiLibrarySidebar *self)
{
  if (self->restore_id == 0)
    self->restore_id = g_idle_add_full (G_PRIORITY_DEFAULT, restore, self, NULL);
}

static void
open_item (BonsaiLibrarySidebar *self, gpointer item)
{
  g_autofree char *place = bonsai_sidebar_model_place_of (item);

  g_signal_emit (self, signals[PLACE_OPENED], 0, place);
}

static void
on_activate (BonsaiLibrarySidebar *self, guint position)
{
  g_autoptr (GObject) item = bonsai_sidebar_model_get_item (self->model, position);

  if (item)
    open_item (self, item);
}

/* --- expanding --- */

void
bonsai_library_sidebar_focus (BonsaiLibrarySidebar *self)
{
  GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  while (row && !(gtk_widget_get_state_flags (row) & GTK_STATE_FLAG_SELECTED))
    row = gtk_widget_get_next_sibling (row);
  if (!row || !gtk_widget_grab_focus (row))
    gtk_widget_child_focus (GTK_WIDGET (self->list), GTK_DIR_TAB_FORWARD);
}

GStrv
bonsai_library_sidebar_get_expanded (BonsaiLibrarySidebar *self)
{
  return bonsai_sidebar_model_get_expanded (self->model);
}

void
bonsai_library_sidebar_set_expanded (BonsaiLibrarySidebar *self, const char *const *places)
{
  bonsai_sidebar_model_set_expanded (self->model, places);
}

/* Right and left, as arrows point in the writing's direction. */
static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
        BonsaiLibrarySidebar *self)
{
  bool rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  GtkTreeListRow *row = gtk_single_selection_get_selected_item (self->selection);

  if ((key != GDK_KEY_Left && key != GDK_KEY_Right) || !row || !gtk_tree_list_row_is_expandable (row))
    return FALSE;
  gtk_tree_list_row_set_expanded (row, (key == GDK_KEY_Right) != rtl);
  return TRUE;
}

/* --- dragging --- */

static gpointer
item_of (GtkWidget *child)
{
  GtkListItem *list_item = g_object_get_data (G_OBJECT (child), "list-item");
  GtkTreeListRow *row = list_item ? gtk_list_item_get_item (list_item) : NULL;

  return row ? gtk_tree_list_row_get_item (row) : NULL;
}

static GPtrArray *
get_dragged (GtkWidget *child, gpointer data)
{
  GPtrArray *vms = g_ptr_array_new_with_free_func (g_object_unref);
  BonsaiVm *vm = bonsai_sidebar_row_get_vm (BONSAI_SIDEBAR_ROW (child));

  if (vm)
    g_ptr_array_add (vms, g_object_ref (vm));
  return vms;
}

static bool
is_place (gpointer item, const char *id)
{
  return SIDEBAR_IS_PLACE (item) && g_str_equal (sidebar_place_get_id (item), id);
}

/* On a group, or a machine in it: into the group; on all machines: out of groups; on the trash: there. */
static gboolean
on_dropped (GtkWidget *child, const char *const *uuids, gpointer data)
{
  BonsaiLibrarySidebar *self = data;
  g_autoptr (GObject) item = item_of (child);
  g_autoptr (GPtrArray) vms = g_ptr_array_new_with_free_func (g_object_unref);
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (child));

  for (unsigned i = 0; uuids[i]; i++)
    {
      BonsaiVm *vm = bonsai_library_find (self->library, uuids[i]);
      if (vm)
        g_ptr_array_add (vms, g_object_ref (vm));
    }
  if (!item || vms->len == 0)
    return FALSE;
  if (is_place (item, "trash"))
    bonsai_machine_actions_activate_all (vms, "delete");
  else if (is_place (item, "all"))
    organise_move (window, vms, NULL);
  else if (SIDEBAR_IS_PLACE (item))
    return FALSE;
  else
    {
      BonsaiVm *vm = bonsai_library_node_get_vm (BONSAI_LIBRARY_NODE (item));
      const VmConfig *config = vm ? bonsai_vm_get_config (vm) : NULL;
      organise_move (window, vms,
                     vm ? (config ? config->group : NULL)
                        : bonsai_library_node_get_group (BONSAI_LIBRARY_NODE (item)));
    }
  return TRUE;
}

/* --- a machine's menu --- */

static void
open_menu (BonsaiLibrarySidebar *self, GtkWidget *row)
{
  BonsaiVm *vm = bonsai_sidebar_row_get_vm (BONSAI_SIDEBAR_ROW (row));

  if (vm)
    vm_menu_popup (self->menu, vm, row);
}

static void
on_secondary_press (GtkGesture *gesture, int n_press, double x, double y, BonsaiLibrarySidebar *self)
{
  gtk_gesture_set_state (gesture, GTK_EVENT_SEQUENCE_CLAIMED);
  open_menu (self, gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture)));
}

static gboolean
on_menu_key (GtkWidget *widget, GVariant *parameter, gpointer data)
{
  GtkWidget *row = vm_menu_find_focused (widget, BONSAI_TYPE_SIDEBAR_ROW);

  if (row)
    open_menu (BONSAI_LIBRARY_SIDEBAR (widget), row);
  return row != NULL;
}

/* --- rows --- */

static void
on_released (GtkGestureClick *gesture, int n_press, double x, double y, BonsaiLibrarySidebar *self)
{
  g_autoptr (GObject) item = item_of (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture)));

  if (item)
    open_item (self, item);
}

static void
set_up_row (GtkListItemFactory *factory, GtkListItem *list_item, BonsaiLibrarySidebar *self)
{
  GtkWidget *child = bonsai_sidebar_row_new ();
  GtkGesture *click = gtk_gesture_click_new (), *menu = gtk_gesture_click_new ();

  g_object_set_data (G_OBJECT (child), "list-item", list_item);
  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (menu), GDK_BUTTON_SECONDARY);
  g_signal_connect_object (menu, "pressed", G_CALLBACK (on_secondary_press), self, 0);
  gtk_widget_add_controller (child, GTK_EVENT_CONTROLLER (menu));
  g_signal_connect_object (click, "released", G_CALLBACK (on_released), self, 0);
  gtk_widget_add_controller (child, GTK_EVENT_CONTROLLER (click));
  vm_drag_add_source (child, get_dragged, self);
  vm_drag_add_target (child, on_dropped, self);
  gtk_list_item_set_child (list_item, child);
}

static void
bind_row (GtkListItemFactory *factory, GtkListItem *list_item, BonsaiLibrarySidebar *self)
{
  bonsai_sidebar_row_bind (BONSAI_SIDEBAR_ROW (gtk_list_item_get_child (list_item)), list_item);
}

static void
unbind_row (GtkListItemFactory *factory, GtkListItem *list_item, BonsaiLibrarySidebar *self)
{
  bonsai_sidebar_row_unbind (list_item);
}

/* --- what there is --- */

void
bonsai_library_sidebar_set_library (BonsaiLibrarySidebar *self, BonsaiLibrary *library, BonsaiTrash *trash)
{
  self->library = g_object_ref (library);
  self->model = bonsai_sidebar_model_new (library, trash);
  self->selection = gtk_single_selection_new (NULL);
  gtk_single_selection_set_autoselect (self->selection, FALSE);
  gtk_single_selection_set_can_unselect (self->selection, TRUE);
  gtk_single_selection_set_model (self->selection, bonsai_sidebar_model_get_rows (self->model));
  g_signal_connect_object (self->selection, "notify::selected", G_CALLBACK (on_selected), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (bonsai_sidebar_model_get_rows (self->model), "items-changed",
                           G_CALLBACK (restore_soon), self, G_CONNECT_SWAPPED);
  gtk_list_view_set_model (self->list, GTK_SELECTION_MODEL (self->selection));
}

/* --- the object --- */

static void
bonsai_library_sidebar_dispose (GObject *object)
{
  BonsaiLibrarySidebar *self = BONSAI_LIBRARY_SIDEBAR (object);

  g_clear_handle_id (&self->restore_id, g_source_remove);
  if (self->selection)
    gtk_list_view_set_model (self->list, NULL);
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  g_clear_object (&self->selection);
  g_clear_object (&self->model);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_library_sidebar_parent_class)->dispose (object);
}

static void
bonsai_library_sidebar_finalize (GObject *object)
{
  g_free (BONSAI_LIBRARY_SIDEBAR (object)->place);
  G_OBJECT_CLASS (bonsai_library_sidebar_parent_class)->finalize (object);
}

static void
bonsai_library_sidebar_class_init (BonsaiLibrarySidebarClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_library_sidebar_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_sidebar_finalize;
  signals[PLACE_CHANGED] = g_signal_new ("place-changed", BONSAI_TYPE_LIBRARY_SIDEBAR, G_SIGNAL_RUN_LAST, 0,
                                         NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[PLACE_OPENED] = g_signal_new ("place-opened", BONSAI_TYPE_LIBRARY_SIDEBAR, G_SIGNAL_RUN_LAST, 0,
                                        NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[EXPANDED_CHANGED] = g_signal_new ("expanded-changed", BONSAI_TYPE_LIBRARY_SIDEBAR,
                                            G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (BONSAI_TYPE_JOBS_BUTTON);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/library-sidebar.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibrarySidebar, list);
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
  vm_menu_bind_keys (widget_class, on_menu_key);
}

static void
bonsai_library_sidebar_init (BonsaiLibrarySidebar *self)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  g_signal_connect_object (factory, "setup", G_CALLBACK (set_up_row), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (bind_row), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (unbind_row), self, 0);
  gtk_list_view_set_factory (self->list, factory);
  g_object_unref (factory);
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect_object (keys, "key-pressed", G_CALLBACK (on_key), self, 0);
  gtk_widget_add_controller (GTK_WIDGET (self->list), keys);
  self->menu = vm_menu_new (GTK_WIDGET (self));
}
