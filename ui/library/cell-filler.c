/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/cell-filler.h"

#include "ui/library/vm-cell.h"

/* How long it works before others have their turn, in µs: a card takes some two milliseconds. */
#define TURN 4000

/* What is in sight comes before the next frame; what may come into sight, when nothing else is to be done. */
#define PRIORITY_IN_SIGHT (GDK_PRIORITY_REDRAW - 5)
#define PRIORITY_NEAR     G_PRIORITY_LOW

struct _BonsaiCellFiller {
  GObject parent;
  GtkScrolledWindow *viewport; /* unowned */
  GdkFrameClock *clock;        /* while the viewport is realized */
  GType kind;
  int width, height;   /* of a card, roughly */
  GPtrArray *cells;    /* of BonsaiVmCell, unowned */
  BonsaiVmCard *model; /* weak: the card that was made last: as large as others */
  bool awake;
  guint source;
};

G_DEFINE_FINAL_TYPE (BonsaiCellFiller, bonsai_cell_filler, G_TYPE_OBJECT)

typedef enum { IN_SIGHT, NEAR, FAR } Distance;

static Distance
distance_of (BonsaiCellFiller *self, BonsaiVmCell *cell)
{
  int height = gtk_widget_get_height (GTK_WIDGET (self->viewport));
  graphene_rect_t bounds;

  if (!gtk_widget_get_mapped (GTK_WIDGET (cell))
      || !gtk_widget_compute_bounds (GTK_WIDGET (cell), GTK_WIDGET (self->viewport), &bounds))
    return FAR;
  float top = bounds.origin.y, bottom = top + bounds.size.height;
  if (bottom > 0 && top < (float)height)
    return IN_SIGHT;
  return bottom > (float)-height && top < (float)(2 * height) ? NEAR : FAR;
}

/* Cards stay where they are until their cell goes: in GTK 4.8 what moves to another parent is lost to
 * assistive technologies. */
static void
fill_cell (BonsaiCellFiller *self, BonsaiVmCell *cell)
{
  BonsaiVmCard *card = NULL;

  if (!bonsai_vm_cell_has_card (cell))
    {
      card = g_object_new (self->kind, NULL);
      g_set_weak_pointer (&self->model, card);
    }
  bonsai_vm_cell_fill (cell, card);
}

/* Returns: whether there is one left that waits. */
static bool
fill_until (BonsaiCellFiller *self, GPtrArray *waiting, gint64 end)
{
  for (guint i = 0; i < waiting->len; i++)
    {
      if (i > 0 && g_get_monotonic_time () >= end)
        return true;
      fill_cell (self, g_ptr_array_index (waiting, i));
    }
  return false;
}

static void begin (BonsaiCellFiller *self, int priority);

static gboolean
work (gpointer data)
{
  BonsaiCellFiller *self = data;
  g_autoptr (GPtrArray) in_sight = g_ptr_array_new (), near = g_ptr_array_new ();
  gint64 end = g_get_monotonic_time () + TURN;

  for (guint i = 0; i < self->cells->len; i++)
    {
      BonsaiVmCell *cell = g_ptr_array_index (self->cells, i);
      Distance distance = distance_of (self, cell);

      if (distance != FAR && bonsai_vm_cell_is_waiting (cell))
        g_ptr_array_add (distance == IN_SIGHT ? in_sight : near, cell);
    }
  if (fill_until (self, in_sight, end))
    return G_SOURCE_CONTINUE;
  self->source = 0;
  if (near->len == 0)
    return G_SOURCE_REMOVE;
  /* Those that are near are filled one at a time: whatever else there is comes in between. */
  if (in_sight->len == 0)
    fill_cell (self, g_ptr_array_index (near, 0));
  begin (self, PRIORITY_NEAR);
  return G_SOURCE_REMOVE;
}

static void
begin (BonsaiCellFiller *self, int priority)
{
  g_clear_handle_id (&self->source, g_source_remove);
  self->source = g_idle_add_full (priority, work, self, NULL);
}

static void
on_after_paint (BonsaiCellFiller *self)
{
  if (!self->awake)
    return;
  self->awake = false;
  begin (self, PRIORITY_IN_SIGHT);
}

void
bonsai_cell_filler_wake (BonsaiCellFiller *self)
{
  self->awake = true;
  if (self->clock)
    gdk_frame_clock_request_phase (self->clock, GDK_FRAME_CLOCK_PHASE_AFTER_PAINT);
}

void
bonsai_cell_filler_add (BonsaiCellFiller *self, BonsaiVmCell *cell)
{
  g_ptr_array_add (self->cells, cell);
}

void
bonsai_cell_filler_remove (BonsaiCellFiller *self, BonsaiVmCell *cell)
{
  g_ptr_array_remove_fast (self->cells, cell);
}

void
bonsai_cell_filler_measure (BonsaiCellFiller *self, GtkOrientation orientation, int for_size, int *minimum,
                            int *natural)
{
  if (self->model)
    gtk_widget_measure (GTK_WIDGET (self->model), orientation, for_size, minimum, natural, NULL, NULL);
  else
    *minimum = *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? self->width : self->height;
}

/* --- the object --- */

static void
on_unrealize (BonsaiCellFiller *self)
{
  if (self->clock)
    g_signal_handlers_disconnect_by_data (self->clock, self);
  g_clear_object (&self->clock);
}

static void
on_realize (BonsaiCellFiller *self)
{
  on_unrealize (self);
  g_set_object (&self->clock, gtk_widget_get_frame_clock (GTK_WIDGET (self->viewport)));
  g_signal_connect_swapped (self->clock, "after-paint", G_CALLBACK (on_after_paint), self);
  bonsai_cell_filler_wake (self);
}

static void
bonsai_cell_filler_dispose (GObject *object)
{
  BonsaiCellFiller *self = BONSAI_CELL_FILLER (object);

  g_clear_handle_id (&self->source, g_source_remove);
  on_unrealize (self);
  g_clear_weak_pointer (&self->model);
  G_OBJECT_CLASS (bonsai_cell_filler_parent_class)->dispose (object);
}

static void
bonsai_cell_filler_finalize (GObject *object)
{
  BonsaiCellFiller *self = BONSAI_CELL_FILLER (object);

  g_ptr_array_unref (self->cells);
  G_OBJECT_CLASS (bonsai_cell_filler_parent_class)->finalize (object);
}

static void
bonsai_cell_filler_class_init (BonsaiCellFillerClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_cell_filler_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_cell_filler_finalize;
}

static void
bonsai_cell_filler_init (BonsaiCellFiller *self)
{
  self->cells = g_ptr_array_new ();
}

BonsaiCellFiller *
bonsai_cell_filler_new (GtkScrolledWindow *viewport, GType kind, int width, int height)
{
  BonsaiCellFiller *self = g_object_new (BONSAI_TYPE_CELL_FILLER, NULL);
  GtkAdjustment *adjustment = gtk_scrolled_window_get_vadjustment (viewport);

  self->viewport = viewport;
  self->kind = kind;
  self->width = width;
  self->height = height;
  g_signal_connect_object (viewport, "realize", G_CALLBACK (on_realize), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (viewport, "unrealize", G_CALLBACK (on_unrealize), self, G_CONNECT_SWAPPED);
  /* What isn't mapped isn't filled, whatever happened to it meanwhile. */
  g_signal_connect_object (viewport, "map", G_CALLBACK (bonsai_cell_filler_wake), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (adjustment, "value-changed", G_CALLBACK (bonsai_cell_filler_wake), self,
                           G_CONNECT_SWAPPED);
  g_signal_connect_object (adjustment, "changed", G_CALLBACK (bonsai_cell_filler_wake), self,
                           G_CONNECT_SWAPPED);
  if (gtk_widget_get_realized (GTK_WIDGET (viewport)))
    on_realize (self);
  return self;
}
