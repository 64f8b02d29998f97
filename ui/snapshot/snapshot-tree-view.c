/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/snapshot-tree-view.h"

#include "ui/base/i18n.h"
#include "ui/snapshot/snapshot-card.h"
#include "ui/snapshot/tree-layout.h"

#define MARGIN     18
#define COLUMN_GAP 24
#define ROW_GAP    28
#define LINE       2
#define RADIUS     10

struct _BonsaiSnapshotTreeView {
  GtkWidget parent;
  const SnapshotTree *tree; /* or NULL */
  TreeLayout *layout;       /* or NULL */
  GPtrArray *cards;         /* of BonsaiSnapshotCard, by place */
  int card_width, card_height;
  char *selected; /* a node's id; NULL: the machine as it is now */
  bool settled;   /* has been on screen: it doesn't scroll by itself any more */
  guint settling; /* a source, or 0 */

  GtkWidget *popover;                       /* the menu */
  GtkWidget *editor;                        /* what else was popped up; or NULL */
  guint editor_end;                         /* a source, or 0 */
  GtkAdjustment *hadjustment, *vadjustment; /* of the scrolled window; or NULL */
};

G_DEFINE_FINAL_TYPE (BonsaiSnapshotTreeView, bonsai_snapshot_tree_view, GTK_TYPE_WIDGET)

static guint changed_signal;

/* --- geometry --- */

static int
total_width (BonsaiSnapshotTreeView *self)
{
  return 2 * MARGIN + self->layout->n_columns * (self->card_width + COLUMN_GAP) - COLUMN_GAP;
}

/* A small tree stands in the middle. */
static int
column_at (BonsaiSnapshotTreeView *self, int column)
{
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int x = MARGIN + column * (self->card_width + COLUMN_GAP) + MAX (width - total_width (self), 0) / 2;

  return gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? width - x - self->card_width : x;
}

static int
row_at (BonsaiSnapshotTreeView *self, int row)
{
  return MARGIN + row * (self->card_height + ROW_GAP);
}

static GtkWidget *
card_at (BonsaiSnapshotTreeView *self, int place)
{
  return place >= 0 && place < (int)self->cards->len ? g_ptr_array_index (self->cards, place) : NULL;
}

/* All cards are as large as one. */
static void
measure_card (BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = card_at (self, 0);

  if (!card)
    return;
  gtk_widget_measure (card, GTK_ORIENTATION_HORIZONTAL, -1, NULL, &self->card_width, NULL, NULL);
  gtk_widget_measure (card, GTK_ORIENTATION_VERTICAL, -1, NULL, &self->card_height, NULL, NULL);
}

static void
bonsai_snapshot_tree_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                                   int *natural, int *minimum_baseline, int *natural_baseline)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);

  measure_card (self);
  if (!self->layout)
    *minimum = *natural = 0;
  else if (orientation == GTK_ORIENTATION_HORIZONTAL)
    *minimum = *natural = total_width (self);
  else
    *minimum = *natural = row_at (self, self->layout->n_rows) - ROW_GAP + MARGIN;
}

static void
bonsai_snapshot_tree_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);

  for (int place = 0; place < (int)self->cards->len; place++)
    {
      const TreePlace *one = tree_layout_get (self->layout, place);
      const GtkAllocation where = { column_at (self, one->column), row_at (self, one->row), self->card_width,
                                    self->card_height };

      gtk_widget_size_allocate (card_at (self, place), &where, -1);
    }
  if (self->popover)
    gtk_popover_present (GTK_POPOVER (self->popover));
  if (self->editor)
    gtk_popover_present (GTK_POPOVER (self->editor));
}

/* --- what is on screen --- */

/* Whether the card is within so many pages of what is visible. */
static bool
is_near (BonsaiSnapshotTreeView *self, const TreePlace *place, double pages)
{
  double top = gtk_adjustment_get_value (self->vadjustment),
         left = gtk_adjustment_get_value (self->hadjustment);
  double height = gtk_adjustment_get_page_size (self->vadjustment);
  double width = gtk_adjustment_get_page_size (self->hadjustment);
  int x = column_at (self, place->column), y = row_at (self, place->row);

  return y + self->card_height > top - pages * height && y < top + (1 + pages) * height
         && x + self->card_width > left - pages * width && x < left + (1 + pages) * width;
}

/* Pictures are in memory only of what is on screen, or nearly. */
static void
update_pictures (BonsaiSnapshotTreeView *self)
{
  if (!self->vadjustment || !self->tree)
    return;
  for (int place = 0; place < (int)self->cards->len; place++)
    {
      const TreePlace *one = tree_layout_get (self->layout, place);
      BonsaiSnapshotCard *card = BONSAI_SNAPSHOT_CARD (card_at (self, place));

      if (!one->node || one->node->kind != SNAPSHOT_LIVE)
        continue;
      if (is_near (self, one, 0.5))
        {
          g_autofree char *path = snapshot_tree_path (self->tree, one->node, SNAPSHOT_PICTURE_FILE);
          bonsai_snapshot_card_load_picture (card, path);
        }
      else if (!is_near (self, one, 3))
        bonsai_snapshot_card_drop_picture (card);
    }
}

/* Moves an adjustment so that a card is within. */
static void
reveal (GtkAdjustment *adjustment, int from, int size)
{
  gtk_adjustment_clamp_page (adjustment, from - MARGIN, from + size + MARGIN);
}

static void
scroll_to (BonsaiSnapshotTreeView *self, int place)
{
  const TreePlace *one = place >= 0 ? tree_layout_get (self->layout, place) : NULL;

  if (!one || !self->vadjustment)
    return;
  reveal (self->vadjustment, row_at (self, one->row), self->card_height);
  reveal (self->hadjustment, column_at (self, one->column), self->card_width);
}

/* Cards are no wider than what there is to see them in. What is selected, at first where the machine is,
 * stays in sight. */
static gboolean
settle (gpointer data)
{
  BonsaiSnapshotTreeView *self = data;
  double width = gtk_adjustment_get_page_size (self->hadjustment);
  int limit = MAX ((int)width - 2 * MARGIN - (self->card_width > 0 ? 160 : 0), 100);
  int place;

  self->settling = 0;
  if (width <= 1)
    return G_SOURCE_REMOVE;
  for (guint i = 0; i < self->cards->len; i++)
    bonsai_snapshot_card_set_text_width (g_ptr_array_index (self->cards, i), limit);
  place = self->layout ? tree_layout_find (self->layout, self->selected) : -1;
  if (place >= 0 && gtk_adjustment_get_upper (self->vadjustment) > 1
      && (!self->settled || is_near (self, tree_layout_get (self->layout, place), 0)))
    {
      self->settled = true;
      scroll_to (self, place);
    }
  update_pictures (self);
  return G_SOURCE_REMOVE;
}

/* Adjustments change while sizes are being allocated: not the time to change them again. */
static void
on_page (BonsaiSnapshotTreeView *self)
{
  if (self->settling == 0 && self->hadjustment)
    self->settling = g_idle_add_full (G_PRIORITY_HIGH_IDLE, settle, self, NULL);
}

static void
let_go (GtkAdjustment **adjustment, gpointer self)
{
  if (*adjustment)
    g_signal_handlers_disconnect_by_data (*adjustment, self);
  g_clear_object (adjustment);
}

static void
on_root (BonsaiSnapshotTreeView *self)
{
  GtkWidget *window = gtk_widget_get_ancestor (GTK_WIDGET (self), GTK_TYPE_SCROLLED_WINDOW);

  g_clear_handle_id (&self->settling, g_source_remove);
  let_go (&self->hadjustment, self);
  let_go (&self->vadjustment, self);
  if (!window)
    return;
  self->hadjustment = g_object_ref (gtk_scrolled_window_get_hadjustment (GTK_SCROLLED_WINDOW (window)));
  self->vadjustment = g_object_ref (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (window)));
  g_signal_connect_swapped (self->hadjustment, "changed", G_CALLBACK (on_page), self);
  g_signal_connect_swapped (self->vadjustment, "changed", G_CALLBACK (on_page), self);
  g_signal_connect_swapped (self->hadjustment, "value-changed", G_CALLBACK (update_pictures), self);
  g_signal_connect_swapped (self->vadjustment, "value-changed", G_CALLBACK (update_pictures), self);
}

/* --- drawing --- */

static void
draw_line (GtkSnapshot *snapshot, float x, float y, float width, float height, const GdkRGBA *color)
{
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (x, y, width, height));
}

/* A quarter of a frame: the vertical and the horizontal side that meet in one round corner. */
static void
draw_corner (GtkSnapshot *snapshot, graphene_rect_t area, GskCorner corner, const GdkRGBA *color)
{
  const float widths[4][4] = {
    [GSK_CORNER_TOP_LEFT] = { LINE, 0, 0, LINE },
    [GSK_CORNER_TOP_RIGHT] = { LINE, LINE, 0, 0 },
    [GSK_CORNER_BOTTOM_RIGHT] = { 0, LINE, LINE, 0 },
    [GSK_CORNER_BOTTOM_LEFT] = { 0, 0, LINE, LINE },
  };
  const GdkRGBA colors[4] = { *color, *color, *color, *color };
  GskRoundedRect outline;

  gsk_rounded_rect_init_from_rect (&outline, &area, 0);
  outline.corner[corner] = GRAPHENE_SIZE_INIT (RADIUS, RADIUS);
  gtk_snapshot_append_border (snapshot, &outline, widths[corner], colors);
}

/* From the parent's lower edge, half way down, across, and down to the child. */
static void
draw_edge (BonsaiSnapshotTreeView *self, GtkSnapshot *snapshot, const TreePlace *parent,
           const TreePlace *child, const GdkRGBA *color)
{
  float from = (float)column_at (self, parent->column) + (float)self->card_width / 2 - LINE / 2.0f;
  float to = (float)column_at (self, child->column) + (float)self->card_width / 2 - LINE / 2.0f;
  float top = (float)(row_at (self, parent->row) + self->card_height),
        bottom = (float)row_at (self, child->row);
  float middle = (top + bottom) / 2, half = (bottom - top) / 2;

  if (parent->column == child->column)
    draw_line (snapshot, from, top, LINE, bottom - top, color);
  else if (from < to)
    {
      draw_corner (snapshot, GRAPHENE_RECT_INIT (from, top, (to - from) / 2, half + LINE),
                   GSK_CORNER_BOTTOM_LEFT, color);
      draw_corner (snapshot, GRAPHENE_RECT_INIT ((from + to) / 2, middle, (to - from) / 2 + LINE, half),
                   GSK_CORNER_TOP_RIGHT, color);
    }
  else
    {
      draw_corner (snapshot, GRAPHENE_RECT_INIT ((from + to) / 2, top, (from - to) / 2 + LINE, half + LINE),
                   GSK_CORNER_BOTTOM_RIGHT, color);
      draw_corner (snapshot, GRAPHENE_RECT_INIT (to, middle, (from - to) / 2, half), GSK_CORNER_TOP_LEFT,
                   color);
    }
}

static void
bonsai_snapshot_tree_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);
  GtkStyleContext *style = gtk_widget_get_style_context (widget);
  GdkRGBA color, accent;

  gtk_style_context_get_color (style, &color);
  if (!gtk_style_context_lookup_color (style, "accent_bg_color", &accent))
    accent = color;
  color.alpha *= 0.3f;
  for (unsigned turn = 0; turn < 2; turn++) /* the way to the machine over the others */
    for (int place = 0; place < (int)self->cards->len; place++)
      {
        const TreePlace *one = tree_layout_get (self->layout, place);

        if (one->parent >= 0 && one->on_path == (turn == 1))
          draw_edge (self, snapshot, tree_layout_get (self->layout, one->parent), one,
                     turn ? &accent : &color);
      }
  for (guint i = 0; i < self->cards->len; i++)
    gtk_widget_snapshot_child (widget, g_ptr_array_index (self->cards, i), snapshot);
}

/* --- selection --- */

static void
show_selection (BonsaiSnapshotTreeView *self)
{
  for (int place = 0; place < (int)self->cards->len; place++)
    {
      const SnapshotNode *node = tree_layout_get (self->layout, place)->node;

      bonsai_snapshot_card_set_selected (BONSAI_SNAPSHOT_CARD (card_at (self, place)),
                                         g_strcmp0 (node ? node->id : NULL, self->selected) == 0);
    }
}

static void
select_id (BonsaiSnapshotTreeView *self, const char *id)
{
  if (g_strcmp0 (id, self->selected) == 0)
    return;
  g_free (self->selected);
  self->selected = g_strdup (id);
  show_selection (self);
  g_signal_emit (self, changed_signal, 0);
}

const char *
bonsai_snapshot_tree_view_get_selected (BonsaiSnapshotTreeView *self)
{
  return self->selected;
}

static GtkWidget *
selected_card (BonsaiSnapshotTreeView *self)
{
  return self->layout ? card_at (self, tree_layout_find (self->layout, self->selected)) : NULL;
}

void
bonsai_snapshot_tree_view_select (BonsaiSnapshotTreeView *self, const char *id)
{
  int place = self->layout ? tree_layout_find (self->layout, id) : -1;

  if (place < 0)
    return;
  select_id (self, id);
  scroll_to (self, place);
}

static void
focus_place (BonsaiSnapshotTreeView *self, int place)
{
  if (place >= 0)
    gtk_widget_grab_focus (card_at (self, place));
}

static void
on_card_focused (GtkEventControllerFocus *controller, BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (controller));

  bonsai_snapshot_tree_view_select (self, bonsai_snapshot_card_get_id (BONSAI_SNAPSHOT_CARD (card)));
}

/* Whether the keys belong to a popover. */
static bool
is_popped_up (BonsaiSnapshotTreeView *self)
{
  GtkWidget *child = gtk_widget_get_focus_child (GTK_WIDGET (self));

  return child && GTK_IS_POPOVER (child);
}

/* One stop for Tab: the selected card. */
static gboolean
bonsai_snapshot_tree_view_focus (GtkWidget *widget, GtkDirectionType direction)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);
  GtkWidget *card = selected_card (self), *child = gtk_widget_get_focus_child (widget);

  if (is_popped_up (self))
    return gtk_widget_child_focus (child, direction);
  if (child || !card)
    return FALSE;
  return gtk_widget_grab_focus (card);
}

static gboolean
bonsai_snapshot_tree_view_grab_focus (GtkWidget *widget)
{
  GtkWidget *card = selected_card (BONSAI_SNAPSHOT_TREE_VIEW (widget));

  return card && gtk_widget_grab_focus (card);
}

/* --- keys and mouse --- */

static void
activate (BonsaiSnapshotTreeView *self)
{
  gtk_widget_activate_action (GTK_WIDGET (self), self->selected ? "tree.back" : "tree.take", NULL);
}

/* @where: (nullable): NULL: below the selected card. */
static void
point (BonsaiSnapshotTreeView *self, GtkWidget *popover, const GdkRectangle *where)
{
  GtkWidget *card = selected_card (self);
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

  if (!self->layout || is_popped_up (self)
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

static GtkWidget *
make_card (BonsaiSnapshotTreeView *self, bool here)
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

/* The cards that there are, by id. (transfer full) */
static GHashTable *
take_cards (BonsaiSnapshotTreeView *self)
{
  GHashTable *cards =
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)gtk_widget_unparent);

  for (guint i = 0; i < self->cards->len; i++)
    {
      const char *id = bonsai_snapshot_card_get_id (g_ptr_array_index (self->cards, i));
      g_hash_table_insert (cards, g_strdup (id ? id : ""), g_ptr_array_index (self->cards, i));
    }
  g_ptr_array_set_size (self->cards, 0);
  return cards;
}

static void
fill (BonsaiSnapshotTreeView *self, const char *state)
{
  g_autoptr (GHashTable) old = take_cards (self);

  for (int place = 0; self->layout && place < (int)self->layout->places->len; place++)
    {
      const SnapshotNode *node = tree_layout_get (self->layout, place)->node;
      const char *key = node ? node->id : "";
      gpointer stolen_key = NULL, card = NULL;

      if (!g_hash_table_steal_extended (old, key, &stolen_key, &card))
        card = make_card (self, node == NULL);
      g_free (stolen_key);
      g_ptr_array_add (self->cards, card);
      if (node)
        bonsai_snapshot_card_show_node (card, self->tree, node);
      else
        bonsai_snapshot_card_show_here (card, state);
      gtk_accessible_update_property (GTK_ACCESSIBLE (card), GTK_ACCESSIBLE_PROPERTY_LEVEL,
                                      tree_layout_get (self->layout, place)->row + 1, -1);
    }
}

void
bonsai_snapshot_tree_view_set_tree (BonsaiSnapshotTreeView *self, const SnapshotTree *tree,
                                    GHashTable *hidden, const char *state)
{
  bool had_focus = gtk_widget_get_focus_child (GTK_WIDGET (self)) != NULL;
  const char *fallback;

  g_clear_pointer (&self->layout, tree_layout_free);
  self->tree = tree;
  self->layout = tree ? tree_layout_new (tree, hidden) : NULL;
  fill (self, state);
  gtk_widget_queue_resize (GTK_WIDGET (self));
  if (!tree)
    {
      self->settled = false;
      g_clear_pointer (&self->selected, g_free);
      return;
    }
  if (tree_layout_find (self->layout, self->selected) < 0)
    {
      int parent = tree_layout_get (self->layout, self->layout->here)->parent;

      fallback = parent >= 0 ? tree_layout_get (self->layout, parent)->node->id : NULL;
      g_free (self->selected);
      self->selected = g_strdup (fallback);
    }
  show_selection (self);
  if (had_focus)
    gtk_widget_grab_focus (GTK_WIDGET (self));
  on_page (self);
  g_signal_emit (self, changed_signal, 0);
}

void
bonsai_snapshot_tree_view_set_screen (BonsaiSnapshotTreeView *self, GdkTexture *screen)
{
  GtkWidget *here = self->layout ? card_at (self, self->layout->here) : NULL;

  if (here)
    bonsai_snapshot_card_set_picture (BONSAI_SNAPSHOT_CARD (here), screen);
}

void
bonsai_snapshot_tree_view_set_menu (BonsaiSnapshotTreeView *self, GMenuModel *menu)
{
  self->popover = gtk_popover_menu_new_from_model (menu);
  gtk_popover_set_has_arrow (GTK_POPOVER (self->popover), FALSE);
  gtk_widget_set_halign (self->popover, GTK_ALIGN_START);
  gtk_widget_set_parent (self->popover, GTK_WIDGET (self));
}

/* --- the object --- */

static void
bonsai_snapshot_tree_view_root (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_snapshot_tree_view_parent_class)->root (widget);
  on_root (BONSAI_SNAPSHOT_TREE_VIEW (widget));
}

static void
bonsai_snapshot_tree_view_dispose (GObject *object)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (object);

  let_go (&self->hadjustment, self);
  let_go (&self->vadjustment, self);
  g_clear_handle_id (&self->settling, g_source_remove);
  g_clear_handle_id (&self->editor_end, g_source_remove);
  g_clear_pointer (&self->editor, gtk_widget_unparent);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  if (self->cards)
    bonsai_snapshot_tree_view_set_tree (self, NULL, NULL, NULL);
  g_clear_pointer (&self->cards, g_ptr_array_unref);
  G_OBJECT_CLASS (bonsai_snapshot_tree_view_parent_class)->dispose (object);
}

static void
bonsai_snapshot_tree_view_finalize (GObject *object)
{
  g_free (BONSAI_SNAPSHOT_TREE_VIEW (object)->selected);
  G_OBJECT_CLASS (bonsai_snapshot_tree_view_parent_class)->finalize (object);
}

static void
bonsai_snapshot_tree_view_class_init (BonsaiSnapshotTreeViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_snapshot_tree_view_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_snapshot_tree_view_finalize;
  widget_class->measure = bonsai_snapshot_tree_view_measure;
  widget_class->size_allocate = bonsai_snapshot_tree_view_size_allocate;
  widget_class->snapshot = bonsai_snapshot_tree_view_snapshot;
  widget_class->focus = bonsai_snapshot_tree_view_focus;
  widget_class->grab_focus = bonsai_snapshot_tree_view_grab_focus;
  widget_class->root = bonsai_snapshot_tree_view_root;
  gtk_widget_class_set_css_name (widget_class, "snapshottree");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_TREE);
  changed_signal = g_signal_new ("selection-changed", BONSAI_TYPE_SNAPSHOT_TREE_VIEW, G_SIGNAL_RUN_LAST, 0,
                                 NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
bonsai_snapshot_tree_view_init (BonsaiSnapshotTreeView *self)
{
  GtkEventController *keys = gtk_event_controller_key_new ();

  self->cards = g_ptr_array_new ();
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Snapshots"), -1);
}
