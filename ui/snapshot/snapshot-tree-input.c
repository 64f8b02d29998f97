/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree is worked by keys, mouse and touch; menu and editors pop up over it. */
#include "ui/snapshot/snapshot-tree-view-private.h"

/* --- popovers --- */

void
tree_view_present_popovers (BonsaiSnapshotTreeView *self)
{
  if (self->popover)
    gtk_popover_present (GTK_POPOVER (self->popover));
  if (self->editor)
    gtk_popover_present (GTK_POPOVER (self->editor));
}

void
tree_view_drop_popovers (BonsaiSnapshotTreeView *self)
{
  g_clear_handle_id (&self->editor_end, g_source_remove);
  g_clear_pointer (&self->editor, gtk_widget_unparent);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
}

/* Whether the keys belong to a popover. */
bool
tree_view_is_popped_up (BonsaiSnapshotTreeView *self)
{
  GtkWidget *child = gtk_widget_get_focus_child (GTK_WIDGET (self));

  return child && GTK_IS_POPOVER (child);
}

/* @where: (nullable): NULL: below the selected card. */
static void
point (BonsaiSnapshotTreeView *self, GtkWidget *popover, const GdkRectangle *where)
{
  GtkWidget *card = tree_view_selected_card (self);
  graphene_rect_t bounds;

  if (where)
    gtk_popover_set_pointing_to (GTK_POPOVER (popover), where);
  else if (card && gtk_widget_compute_bounds (card, GTK_WIDGET (self), &bounds))
    gtk_popover_set_pointing_to (GTK_POPOVER (popover),
                                 &(GdkRectangle){ (int)(bounds.origin.x + bounds.size.width / 2),
                                                  (int)(bounds.origin.y + bounds.size.height), 1, 1 });
  gtk_popover_popup (GTK_POPOVER (popover));
}

static void
popup (BonsaiSnapshotTreeView *self, const GdkRectangle *where)
{
  if (self->popover && self->selected)
    point (self, self->popover, where);
}

static gboolean
drop_editor (gpointer data)
{
  BonsaiSnapshotTreeView *self = data;

  self->editor_end = 0;
  g_clear_pointer (&self->editor, gtk_widget_unparent);
  gtk_widget_grab_focus (GTK_WIDGET (self));
  return G_SOURCE_REMOVE;
}

/* It is still at work when it says so. */
static void
on_editor_closed (BonsaiSnapshotTreeView *self)
{
  if (self->editor_end == 0)
    self->editor_end = g_idle_add (drop_editor, self);
}

void
bonsai_snapshot_tree_view_pop_up (BonsaiSnapshotTreeView *self, GtkWidget *popover)
{
  g_clear_handle_id (&self->editor_end, g_source_remove);
  g_clear_pointer (&self->editor, gtk_widget_unparent);
  self->editor = popover;
  gtk_widget_set_parent (popover, GTK_WIDGET (self));
  g_signal_connect_swapped (popover, "closed", G_CALLBACK (on_editor_closed), self);
  point (self, popover, NULL);
}

void
bonsai_snapshot_tree_view_set_menu (BonsaiSnapshotTreeView *self, GMenuModel *menu)
{
  self->popover = gtk_popover_menu_new_from_model (menu);
  gtk_popover_set_has_arrow (GTK_POPOVER (self->popover), FALSE);
  gtk_widget_set_halign (self->popover, GTK_ALIGN_START);
  gtk_widget_set_parent (self->popover, GTK_WIDGET (self));
}

/* --- keys and mouse --- */

static void
activate (BonsaiSnapshotTreeView *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), self->selected ? "tree.back" : "tree.take", NULL);
}

static void
focus_place (BonsaiSnapshotTreeView *self, int place)
{
  if (place >= 0)
    gtk_widget_grab_focus (tree_view_card_at (self, place));
}

static bool
move (BonsaiSnapshotTreeView *self, TreeDirection direction)
{
  int from = tree_layout_find (self->layout, self->selected);

  focus_place (self, tree_layout_move (self->layout, MAX (from, 0), direction));
  return true;
}

static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType modifiers,
        BonsaiSnapshotTreeView *self)
{
  bool rtl = gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL;
  GdkModifierType pressed = modifiers & gtk_accelerator_get_default_mod_mask ();

  if (!self->layout || tree_view_is_popped_up (self)
      || (pressed != 0 && !(pressed == GDK_SHIFT_MASK && key == GDK_KEY_F10)))
    return FALSE;
  switch (key)
    {
    case GDK_KEY_Up:
    case GDK_KEY_KP_Up:
      return move (self, TREE_UP);
    case GDK_KEY_Down:
    case GDK_KEY_KP_Down:
      return move (self, TREE_DOWN);
    case GDK_KEY_Left:
    case GDK_KEY_KP_Left:
      return move (self, rtl ? TREE_RIGHT : TREE_LEFT);
    case GDK_KEY_Right:
    case GDK_KEY_KP_Right:
      return move (self, rtl ? TREE_LEFT : TREE_RIGHT);
    case GDK_KEY_Home:
      return move (self, TREE_FIRST);
    case GDK_KEY_End:
      return move (self, TREE_LAST);
    case GDK_KEY_Return:
    case GDK_KEY_KP_Enter:
      activate (self);
      return TRUE;
    case GDK_KEY_Delete:
    case GDK_KEY_KP_Delete:
      return gtk_widget_activate_action (GTK_WIDGET (self), "tree.delete", NULL);
    case GDK_KEY_F2:
      return gtk_widget_activate_action (GTK_WIDGET (self), "tree.rename", NULL);
    case GDK_KEY_Menu:
    case GDK_KEY_F10:
      popup (self, NULL);
      return TRUE;
    default:
      return FALSE;
    }
}

void
tree_view_add_keys (BonsaiSnapshotTreeView *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();

  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}

static void
on_pressed (GtkGestureClick *gesture, int n_press, double x, double y, BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture));
  guint button = gtk_gesture_single_get_current_button (GTK_GESTURE_SINGLE (gesture));
  double at_x, at_y;

  gtk_widget_grab_focus (card);
  bonsai_snapshot_tree_view_select (self, bonsai_snapshot_card_get_id (BONSAI_SNAPSHOT_CARD (card)));
  if (button == GDK_BUTTON_PRIMARY && n_press == 2)
    activate (self);
  else if (button == GDK_BUTTON_SECONDARY
           && gtk_widget_translate_coordinates (card, GTK_WIDGET (self), x, y, &at_x, &at_y))
    popup (self, &(GdkRectangle){ (int)at_x, (int)at_y, 1, 1 });
}

static void
on_long_pressed (GtkGestureLongPress *gesture, double x, double y, BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (gesture));

  gtk_widget_grab_focus (card);
  popup (self, NULL);
}

/* --- dragging --- */

static GdkContentProvider *
on_drag_prepare (GtkDragSource *source, double x, double y, BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (source));
  const char *id = bonsai_snapshot_card_get_id (BONSAI_SNAPSHOT_CARD (card));
  g_autoptr (GdkPaintable) picture = gtk_widget_paintable_new (card);

  gtk_drag_source_set_icon (source, picture, (int)x, (int)y);
  return id ? gdk_content_provider_new_typed (BONSAI_TYPE_SNAPSHOT_CARD, card) : NULL;
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, BonsaiSnapshotTreeView *self)
{
  BonsaiSnapshotCard *card = g_value_get_object (value);

  if (!card || gtk_widget_get_parent (GTK_WIDGET (card)) != GTK_WIDGET (self))
    return FALSE;
  bonsai_snapshot_tree_view_select (self, bonsai_snapshot_card_get_id (card));
  activate (self);
  return TRUE;
}

/* --- the cards --- */

static void
on_card_focused (GtkEventControllerFocus *controller, BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (controller));

  bonsai_snapshot_tree_view_select (self, bonsai_snapshot_card_get_id (BONSAI_SNAPSHOT_CARD (card)));
}

GtkWidget *
tree_view_make_card (BonsaiSnapshotTreeView *self, bool here)
{
  GtkWidget *card = bonsai_snapshot_card_new ();
  GtkGesture *click = gtk_gesture_click_new (), *hold = gtk_gesture_long_press_new ();
  GtkEventController *focus = gtk_event_controller_focus_new ();

  gtk_gesture_single_set_button (GTK_GESTURE_SINGLE (click), 0);
  gtk_gesture_single_set_touch_only (GTK_GESTURE_SINGLE (hold), TRUE);
  g_signal_connect_object (click, "pressed", G_CALLBACK (on_pressed), self, 0);
  g_signal_connect_object (hold, "pressed", G_CALLBACK (on_long_pressed), self, 0);
  g_signal_connect_object (focus, "enter", G_CALLBACK (on_card_focused), self, 0);
  gtk_widget_add_controller (card, GTK_EVENT_CONTROLLER (click));
  gtk_widget_add_controller (card, GTK_EVENT_CONTROLLER (hold));
  gtk_widget_add_controller (card, focus);
  if (here)
    {
      GtkDropTarget *target = gtk_drop_target_new (BONSAI_TYPE_SNAPSHOT_CARD, GDK_ACTION_COPY);

      g_signal_connect_object (target, "drop", G_CALLBACK (on_drop), self, 0);
      gtk_widget_add_controller (card, GTK_EVENT_CONTROLLER (target));
    }
  else
    {
      GtkDragSource *source = gtk_drag_source_new ();

      g_signal_connect_object (source, "prepare", G_CALLBACK (on_drag_prepare), self, 0);
      gtk_widget_add_controller (card, GTK_EVENT_CONTROLLER (source));
    }
  gtk_widget_set_parent (card, GTK_WIDGET (self));
  return card;
}
