/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the tree is in sight: its scrolled window, and the pictures that are in memory. */
#include "ui/snapshot/snapshot-tree-view-private.h"

/* Whether the card is within so many pages of what is visible. */
static bool
is_near (BonsaiSnapshotTreeView *self, const TreePlace *place, double pages)
{
  double top = gtk_adjustment_get_value (self->vadjustment),
         left = gtk_adjustment_get_value (self->hadjustment);
  double height = gtk_adjustment_get_page_size (self->vadjustment);
  double width = gtk_adjustment_get_page_size (self->hadjustment);
  int x = tree_view_column_at (self, place->column), y = tree_view_row_at (self, place->row);

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
      BonsaiSnapshotCard *card = BONSAI_SNAPSHOT_CARD (tree_view_card_at (self, place));

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
  gtk_adjustment_clamp_page (adjustment, from - TREE_VIEW_MARGIN, from + size + TREE_VIEW_MARGIN);
}

void
tree_view_scroll_to (BonsaiSnapshotTreeView *self, int place)
{
  const TreePlace *one = place >= 0 ? tree_layout_get (self->layout, place) : NULL;

  if (!one || !self->vadjustment)
    return;
  reveal (self->vadjustment, tree_view_row_at (self, one->row), self->card_height);
  reveal (self->hadjustment, tree_view_column_at (self, one->column), self->card_width);
}

/* Cards are no wider than what there is to see them in. What is selected, at first where the machine is,
 * stays in sight. */
static gboolean
settle (gpointer data)
{
  BonsaiSnapshotTreeView *self = data;
  double width = gtk_adjustment_get_page_size (self->hadjustment);
  int limit = MAX ((int)width - 2 * TREE_VIEW_MARGIN - (self->card_width > 0 ? 160 : 0), 100);
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
      tree_view_scroll_to (self, place);
    }
  update_pictures (self);
  return G_SOURCE_REMOVE;
}

/* Adjustments change while sizes are being allocated: not the time to change them again. */
void
tree_view_settle_later (BonsaiSnapshotTreeView *self)
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

void
tree_view_leave_window (BonsaiSnapshotTreeView *self)
{
  g_clear_handle_id (&self->settling, g_source_remove);
  let_go (&self->hadjustment, self);
  let_go (&self->vadjustment, self);
}

void
tree_view_join_window (BonsaiSnapshotTreeView *self)
{
  GtkWidget *window = gtk_widget_get_ancestor (GTK_WIDGET (self), GTK_TYPE_SCROLLED_WINDOW);

  tree_view_leave_window (self);
  if (!window)
    return;
  self->hadjustment = g_object_ref (gtk_scrolled_window_get_hadjustment (GTK_SCROLLED_WINDOW (window)));
  self->vadjustment = g_object_ref (gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (window)));
  g_signal_connect_swapped (self->hadjustment, "changed", G_CALLBACK (tree_view_settle_later), self);
  g_signal_connect_swapped (self->vadjustment, "changed", G_CALLBACK (tree_view_settle_later), self);
  g_signal_connect_swapped (self->hadjustment, "value-changed", G_CALLBACK (update_pictures), self);
  g_signal_connect_swapped (self->vadjustment, "value-changed", G_CALLBACK (update_pictures), self);
}
