/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/machine-grid.h"

#include "ui/base/i18n.h"
#include "ui/library/cell-filler.h"
#include "ui/library/vm-cell.h"
#include "ui/library/vm-controls.h"
#include "ui/library/vm-drag.h"
#include "ui/library/vm-menu.h"

/* Pixels; what a card is before there is one. */
#define TILE_WIDTH     208
#define TILE_HEIGHT    190
#define ROW_WIDTH      300
#define ROW_HEIGHT     75
#define LIST_WIDTH     1000 /* at most */
#define LIST_THRESHOLD 400  /* up to which rows are as wide as the window */
#define ANY_WIDTH      32767

struct _BonsaiMachineGrid {
  AdwBin parent;
  BonsaiMachineModel *model;
  bool as_list, shown_as_list;
  guint columns; /* as many as there is room for */
  guint fit_id, follow_id, frame_id;

  GtkScrolledWindow *viewport;
  AdwClampScrollable *clamp;
  GtkGridView *grid;
  GtkListItemFactory *tiles, *rows;
  GtkWidget *menu;
};

G_DEFINE_FINAL_TYPE (BonsaiMachineGrid, bonsai_machine_grid, ADW_TYPE_BIN)

enum { OPENED, N_SIGNALS };
static guint signals[N_SIGNALS];

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

/* One that isn't selected is dragged alone. */
static GPtrArray *
get_dragged (GtkWidget *child, gpointer data)
{
  BonsaiVm *vm = bonsai_vm_cell_get_vm (BONSAI_VM_CELL (child));
  GPtrArray *vms = bonsai_machine_model_get_selected (((BonsaiMachineGrid *)data)->model);

  if (g_ptr_array_find (vms, vm, NULL))
    return vms;
  g_ptr_array_set_size (vms, 0);
  g_ptr_array_add (vms, g_object_ref (vm));
  return vms;
}

static void
on_menu (BonsaiVmCell *cell, GtkWidget *at, BonsaiMachineGrid *self)
{
  vm_menu_popup (self->menu, bonsai_vm_cell_get_vm (cell), at);
}

static void
on_secondary_press (GtkGesture *gesture, int n_press, double x, double y, gpointer data)
{
  gtk_gesture_set_state (gesture, GTK_EVENT_SEQUENCE_CLAIMED);
  gtk_widget_activate_action (gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture)), "cell.menu",
                              NULL);
}

static gboolean
on_menu_key (GtkWidget *widget, GVariant *parameter, gpointer data)
{
  GtkWidget *cell = vm_menu_find_focused (widget, BONSAI_TYPE_VM_CELL);

  return cell && gtk_widget_activate_action (cell, "cell.menu", NULL);
}

static void
set_up_item (GtkListItemFactory *factory, GtkListItem *item, BonsaiMachineGrid *self)
{
  GtkWidget *cell = bonsai_vm_cell_new (g_object_get_data (G_OBJECT (factory), "filler"));
  GtkGesture *click = gtk_gesture_click_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), GDK_BUTTON_SECONDARY);
  g_signal_connect (click, "pressed", G_CALLBACK (on_secondary_press), NULL);
  gtk_widget_add_controller (cell, GTK_EVENT_CONTROLLER (click));
  vm_drag_add_source (cell, get_dragged, self);
  g_signal_connect_object (cell, "menu", G_CALLBACK (on_menu), self, 0);
  gtk_list_item_set_child (item, cell);
}

static void
bind_item (GtkListItemFactory *factory, GtkListItem *item, BonsaiMachineGrid *self)
{
  BonsaiVm *vm = gtk_list_item_get_item (item);

  bonsai_vm_cell_set_vm (BONSAI_VM_CELL (gtk_list_item_get_child (item)), vm);
  g_signal_connect (vm, "notify", G_CALLBACK (update_item), item);
  update_item (vm, NULL, item);
}

static void
unbind_item (GtkListItemFactory *factory, GtkListItem *item, BonsaiMachineGrid *self)
{
  GtkWidget *child = gtk_list_item_get_child (item);

  g_signal_handlers_disconnect_by_data (gtk_list_item_get_item (item), item);
  if (child)
    bonsai_vm_cell_set_vm (BONSAI_VM_CELL (child), NULL);
}

/* @filler: (transfer full) */
static GtkListItemFactory *
make_factory (BonsaiMachineGrid *self, BonsaiCellFiller *filler)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();

  g_object_set_data_full (G_OBJECT (factory), "filler", filler, g_object_unref);
  g_signal_connect_object (factory, "setup", G_CALLBACK (set_up_item), self, 0);
  g_signal_connect_object (factory, "bind", G_CALLBACK (bind_item), self, 0);
  g_signal_connect_object (factory, "unbind", G_CALLBACK (unbind_item), self, 0);
  return factory;
}

/* --- tiles or rows --- */

/* GTK makes items for thirty rows of as many columns as there may be, so the fewer the better. */
static void
update_columns (BonsaiMachineGrid *self)
{
  gtk_grid_view_set_max_columns (self->grid, self->shown_as_list ? 1 : self->columns);
}

static gboolean
fit_columns (gpointer data)
{
  BonsaiMachineGrid *self = data;

  self->fit_id = 0;
  self->columns = (guint)MAX (gtk_widget_get_width (GTK_WIDGET (self)) / TILE_WIDTH, 1);
  update_columns (self);
  return G_SOURCE_REMOVE;
}

/* While widths are given out, nothing may ask for another. */
static void
on_width_changed (BonsaiMachineGrid *self)
{
  if (self->fit_id == 0)
    self->fit_id = g_idle_add_full (G_PRIORITY_HIGH_IDLE, fit_columns, self, NULL);
}

/* When there is no item. */
static void
update_kind (BonsaiMachineGrid *self)
{
  self->shown_as_list = self->as_list;
  gtk_grid_view_set_factory (self->grid, self->as_list ? self->rows : self->tiles);
  update_columns (self);
  adw_clamp_scrollable_set_tightening_threshold (self->clamp, self->as_list ? LIST_THRESHOLD : ANY_WIDTH);
  adw_clamp_scrollable_set_maximum_size (self->clamp, self->as_list ? LIST_WIDTH : ANY_WIDTH);
  if (self->as_list)
    gtk_widget_add_css_class (GTK_WIDGET (self->grid), "list");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->grid), "list");
}

static void follow_soon (BonsaiMachineGrid *self, GradualNext next);

static void
follow (BonsaiMachineGrid *self)
{
  BonsaiGradualModel *shown = bonsai_machine_model_get_shown (self->model);
  GradualNext next = bonsai_gradual_model_advance (shown);

  if (next == GRADUAL_DONE && self->shown_as_list != self->as_list)
    {
      update_kind (self);
      bonsai_gradual_model_set_blank (shown, false);
      next = bonsai_gradual_model_advance (shown);
    }
  follow_soon (self, next);
}

static gboolean
on_turn (gpointer data)
{
  BonsaiMachineGrid *self = data;

  self->follow_id = 0;
  follow (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_frame (GtkWidget *widget, GdkFrameClock *clock, gpointer data)
{
  BonsaiMachineGrid *self = data;

  self->frame_id = 0;
  follow (self);
  return G_SOURCE_REMOVE;
}

static void
follow_soon (BonsaiMachineGrid *self, GradualNext next)
{
  if (self->follow_id != 0 || self->frame_id != 0)
    return;
  if (next == GRADUAL_REMOVES)
    self->follow_id = g_idle_add_full (G_PRIORITY_HIGH_IDLE, on_turn, self, NULL);
  else if (next == GRADUAL_INSERTS)
    self->frame_id = gtk_widget_add_tick_callback (GTK_WIDGET (self), on_frame, self, NULL);
}

static void
on_behind (BonsaiMachineGrid *self)
{
  follow_soon (self, GRADUAL_REMOVES);
}

/* Items go, and come back as the others. */
void
bonsai_machine_grid_set_as_list (BonsaiMachineGrid *self, bool as_list)
{
  if (self->as_list == as_list)
    return;
  self->as_list = as_list;
  bonsai_gradual_model_set_blank (bonsai_machine_model_get_shown (self->model),
                                  self->as_list != self->shown_as_list);
  on_behind (self);
}

void
bonsai_machine_grid_set_model (BonsaiMachineGrid *self, BonsaiMachineModel *model)
{
  self->model = g_object_ref (model);
  g_signal_connect_object (bonsai_machine_model_get_shown (model), "behind", G_CALLBACK (on_behind), self,
                           G_CONNECT_SWAPPED);
  update_kind (self);
  gtk_grid_view_set_model (self->grid, bonsai_machine_model_get_selection (self->model));
  on_behind (self);
}

/* --- the focus --- */

/* The item's widget, if there is one: GTK has them for what is near what is in sight. */
static GtkWidget *
find_item (BonsaiMachineGrid *self, BonsaiVm *vm)
{
  GtkWidget *item = gtk_widget_get_first_child (GTK_WIDGET (self->grid));

  for (; item; item = gtk_widget_get_next_sibling (item))
    {
      GtkWidget *cell = gtk_widget_get_first_child (item);
      if (BONSAI_IS_VM_CELL (cell) && bonsai_vm_cell_get_vm (BONSAI_VM_CELL (cell)) == vm)
        return item;
    }
  return NULL;
}

bool
bonsai_machine_grid_focus (BonsaiMachineGrid *self, guint position)
{
  guint n = bonsai_machine_model_count (self->model);
  g_autoptr (BonsaiVm) vm = n > 0 ? bonsai_machine_model_get (self->model, MIN (position, n - 1)) : NULL;
  GtkWidget *item = vm ? find_item (self, vm) : NULL;

  return gtk_widget_grab_focus (item ? item : GTK_WIDGET (self->grid)) && vm;
}

/* --- the widget --- */

static void
on_activate (BonsaiMachineGrid *self, guint position)
{
  g_autoptr (BonsaiVm) vm =
    g_list_model_get_item (G_LIST_MODEL (bonsai_machine_model_get_selection (self->model)), position);

  if (vm)
    g_signal_emit (self, signals[OPENED], 0, vm);
}

static void
bonsai_machine_grid_dispose (GObject *object)
{
  BonsaiMachineGrid *self = BONSAI_MACHINE_GRID (object);

  g_clear_handle_id (&self->fit_id, g_source_remove);
  g_clear_handle_id (&self->follow_id, g_source_remove);
  if (self->frame_id)
    gtk_widget_remove_tick_callback (GTK_WIDGET (self), self->frame_id);
  self->frame_id = 0;
  if (self->model)
    gtk_grid_view_set_model (self->grid, NULL);
  g_clear_pointer (&self->menu, gtk_widget_unparent);
  g_clear_object (&self->model);
  g_clear_object (&self->tiles);
  g_clear_object (&self->rows);
  G_OBJECT_CLASS (bonsai_machine_grid_parent_class)->dispose (object);
}

static void
bonsai_machine_grid_class_init (BonsaiMachineGridClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_machine_grid_dispose;
  signals[OPENED] = g_signal_new ("opened", BONSAI_TYPE_MACHINE_GRID, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, BONSAI_TYPE_VM);
  vm_menu_bind_keys (widget_class, on_menu_key);
}

static void
bonsai_machine_grid_init (BonsaiMachineGrid *self)
{
  GtkAdjustment *adjustment;

  self->columns = 4;
  self->grid = GTK_GRID_VIEW (gtk_grid_view_new (NULL, NULL));
  gtk_grid_view_set_enable_rubberband (self->grid, TRUE);
  gtk_widget_add_css_class (GTK_WIDGET (self->grid), "machines");
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->grid), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Machines"),
                                  -1);
  g_signal_connect_object (self->grid, "activate", G_CALLBACK (on_activate), self, G_CONNECT_SWAPPED);
  self->clamp = ADW_CLAMP_SCROLLABLE (adw_clamp_scrollable_new ());
  adw_clamp_scrollable_set_child (self->clamp, GTK_WIDGET (self->grid));
  self->viewport = GTK_SCROLLED_WINDOW (gtk_scrolled_window_new ());
  gtk_scrolled_window_set_policy (self->viewport, GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_child (self->viewport, GTK_WIDGET (self->clamp));
  adw_bin_set_child (ADW_BIN (self), GTK_WIDGET (self->viewport));
  adjustment = gtk_scrolled_window_get_hadjustment (self->viewport);
  g_signal_connect_object (adjustment, "notify::page-size", G_CALLBACK (on_width_changed), self,
                           G_CONNECT_SWAPPED);
  self->tiles = make_factory (
    self, bonsai_cell_filler_new (self->viewport, BONSAI_TYPE_VM_TILE, TILE_WIDTH, TILE_HEIGHT));
  self->rows =
    make_factory (self, bonsai_cell_filler_new (self->viewport, BONSAI_TYPE_VM_ROW, ROW_WIDTH, ROW_HEIGHT));
  self->menu = vm_menu_new (GTK_WIDGET (self));
}
