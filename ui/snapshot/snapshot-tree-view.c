/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/snapshot/snapshot-tree-view-private.h"
#include "ui/snapshot/tree-edge.h"

#define COLUMN_GAP 24
#define ROW_GAP    28

G_DEFINE_FINAL_TYPE (BonsaiSnapshotTreeView, bonsai_snapshot_tree_view, GTK_TYPE_WIDGET)

static guint changed_signal;

/* --- geometry --- */

static int
total_width (BonsaiSnapshotTreeView *self)
{
  return 2 * TREE_VIEW_MARGIN + self->layout->n_columns * (self->card_width + COLUMN_GAP) - COLUMN_GAP;
}

/* A small tree stands in the middle. */
int
tree_view_column_at (BonsaiSnapshotTreeView *self, int column)
{
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int x =
    TREE_VIEW_MARGIN + column * (self->card_width + COLUMN_GAP) + MAX (width - total_width (self), 0) / 2;

  return gtk_widget_get_direction (GTK_WIDGET (self)) == GTK_TEXT_DIR_RTL ? width - x - self->card_width : x;
}

int
tree_view_row_at (BonsaiSnapshotTreeView *self, int row)
{
  return TREE_VIEW_MARGIN + row * (self->card_height + ROW_GAP);
}

GtkWidget *
tree_view_card_at (BonsaiSnapshotTreeView *self, int place)
{
  return place >= 0 && place < (int)self->cards->len ? g_ptr_array_index (self->cards, place) : NULL;
}

/* All cards are as large as one. */
static void
measure_card (BonsaiSnapshotTreeView *self)
{
  GtkWidget *card = tree_view_card_at (self, 0);

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
    *minimum = *natural = tree_view_row_at (self, self->layout->n_rows) - ROW_GAP + TREE_VIEW_MARGIN;
}

static void
bonsai_snapshot_tree_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);

  for (int place = 0; place < (int)self->cards->len; place++)
    {
      const TreePlace *one = tree_layout_get (self->layout, place);
      const GtkAllocation where = { tree_view_column_at (self, one->column),
                                    tree_view_row_at (self, one->row), self->card_width, self->card_height };

      gtk_widget_size_allocate (tree_view_card_at (self, place), &where, -1);
    }
  tree_view_present_popovers (self);
}

/* --- drawing --- */

static void
draw_edge (BonsaiSnapshotTreeView *self, GtkSnapshot *snapshot, const TreePlace *parent,
           const TreePlace *child, const GdkRGBA *color)
{
  float half = (float)self->card_width / 2;

  tree_edge_draw (snapshot, (float)tree_view_column_at (self, parent->column) + half,
                  (float)(tree_view_row_at (self, parent->row) + self->card_height),
                  (float)tree_view_column_at (self, child->column) + half,
                  (float)tree_view_row_at (self, child->row), color);
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

      bonsai_snapshot_card_set_selected (BONSAI_SNAPSHOT_CARD (tree_view_card_at (self, place)),
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

GtkWidget *
tree_view_selected_card (BonsaiSnapshotTreeView *self)
{
  return self->layout ? tree_view_card_at (self, tree_layout_find (self->layout, self->selected)) : NULL;
}

void
bonsai_snapshot_tree_view_select (BonsaiSnapshotTreeView *self, const char *id)
{
  int place = self->layout ? tree_layout_find (self->layout, id) : -1;

  if (place < 0)
    return;
  select_id (self, id);
  tree_view_scroll_to (self, place);
}

/* One stop for Tab: the selected card. */
static gboolean
bonsai_snapshot_tree_view_focus (GtkWidget *widget, GtkDirectionType direction)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (widget);
  GtkWidget *card = tree_view_selected_card (self), *child = gtk_widget_get_focus_child (widget);

  if (tree_view_is_popped_up (self))
    return gtk_widget_child_focus (child, direction);
  if (child || !card)
    return FALSE;
  return gtk_widget_grab_focus (card);
}

static gboolean
bonsai_snapshot_tree_view_grab_focus (GtkWidget *widget)
{
  GtkWidget *card = tree_view_selected_card (BONSAI_SNAPSHOT_TREE_VIEW (widget));

  return card && gtk_widget_grab_focus (card);
}

/* --- the cards --- */

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
        card = tree_view_make_card (self, node == NULL);
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
  tree_view_settle_later (self);
  g_signal_emit (self, changed_signal, 0);
}

void
bonsai_snapshot_tree_view_set_screen (BonsaiSnapshotTreeView *self, GdkTexture *screen)
{
  GtkWidget *here = self->layout ? tree_view_card_at (self, self->layout->here) : NULL;

  if (here)
    bonsai_snapshot_card_set_picture (BONSAI_SNAPSHOT_CARD (here), screen);
}

/* --- the object --- */

static void
bonsai_snapshot_tree_view_root (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_snapshot_tree_view_parent_class)->root (widget);
  tree_view_join_window (BONSAI_SNAPSHOT_TREE_VIEW (widget));
}

static void
bonsai_snapshot_tree_view_dispose (GObject *object)
{
  BonsaiSnapshotTreeView *self = BONSAI_SNAPSHOT_TREE_VIEW (object);

  tree_view_leave_window (self);
  tree_view_drop_popovers (self);
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
  self->cards = g_ptr_array_new ();
  tree_view_add_keys (self);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Snapshots"), -1);
}
