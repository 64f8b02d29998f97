/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/history/graph-view.h"

#include "ui/base/i18n.h"

#define HEIGHT     130
#define WHEEL_STEP 1.25

struct _BonsaiGraphView {
  GtkWidget parent;
  GraphKind kind;
  const HistorySeries *series; /* the page's, or NULL */
  gint64 from, to;
  double dragged; /* pixels that were told */
};

G_DEFINE_FINAL_TYPE (BonsaiGraphView, bonsai_graph_view, GTK_TYPE_WIDGET)

enum { ZOOMED, PANNED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
bonsai_graph_view_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  BonsaiGraphView *self = BONSAI_GRAPH_VIEW (widget);
  int width = gtk_widget_get_width (widget), height = gtk_widget_get_height (widget);
  cairo_t *cr = gtk_snapshot_append_cairo (snapshot, &GRAPHENE_RECT_INIT (0, 0, (float)width, (float)height));
  GdkRGBA ink;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &ink);
  graph_paint (cr, self->kind, self->series, self->from, self->to, width, height, &ink);
  cairo_destroy (cr);
}

static void
bonsai_graph_view_measure (GtkWidget *widget, GtkOrientation orientation, int for_size, int *minimum,
                           int *natural, int *minimum_baseline, int *natural_baseline)
{
  *minimum = orientation == GTK_ORIENTATION_VERTICAL ? HEIGHT : 200;
  *natural = orientation == GTK_ORIENTATION_VERTICAL ? HEIGHT : 560;
}

/* What who doesn't see it hears. */
static void
tell (BonsaiGraphView *self)
{
  const GraphDescription *what = &graph_descriptions[self->kind];
  g_autoptr (GString) text = g_string_new (NULL);

  for (unsigned i = 0; self->series && i < GRAPH_LINES; i++)
    {
      HistorySummary summary = history_series_sum_up (self->series, what->columns[i]);
      g_autofree char *average = graph_format (what->unit, summary.average);
      g_autofree char *highest = graph_format (what->unit, summary.maximum);

      if (i > 0)
        g_string_append_c (text, '\n');
      g_string_append_printf (text, _ ("%s: on average %s, at most %s."), _ (what->names[i]), average, highest);
    }
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_DESCRIPTION, text->str, -1);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self), text->len > 0 ? text->str : NULL);
}

void
bonsai_graph_view_show (BonsaiGraphView *self, const HistorySeries *series, gint64 from, gint64 to)
{
  self->series = series;
  self->from = from;
  self->to = to;
  tell (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

/* --- input --- */

static gboolean
on_scroll (GtkEventControllerScroll *scroll, double dx, double dy, BonsaiGraphView *self)
{
  GdkEvent *event = gtk_event_controller_get_current_event (GTK_EVENT_CONTROLLER (scroll));
  double x = 0, y = 0, width = MAX (gtk_widget_get_width (GTK_WIDGET (self)), 1);

  if (!event || !gdk_event_get_position (event, &x, &y))
    x = width / 2;
  g_signal_emit (self, signals[ZOOMED], 0, dy > 0 ? WHEEL_STEP : 1 / WHEEL_STEP, CLAMP (x / width, 0.0, 1.0));
  return GDK_EVENT_STOP;
}

static void
on_drag_begin (GtkGestureDrag *drag, double x, double y, BonsaiGraphView *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  self->dragged = 0;
}

static void
on_drag_update (GtkGestureDrag *drag, double dx, double dy, BonsaiGraphView *self)
{
  double width = MAX (gtk_widget_get_width (GTK_WIDGET (self)), 1);

  g_signal_emit (self, signals[PANNED], 0, (self->dragged - dx) / width);
  self->dragged = dx;
}

static gboolean
on_key (GtkEventControllerKey *keys, guint key, guint code, GdkModifierType state, BonsaiGraphView *self)
{
  if (key == GDK_KEY_plus || key == GDK_KEY_KP_Add || key == GDK_KEY_minus || key == GDK_KEY_KP_Subtract)
    g_signal_emit (self, signals[ZOOMED], 0,
                   key == GDK_KEY_plus || key == GDK_KEY_KP_Add ? 1 / WHEEL_STEP : WHEEL_STEP, 0.5);
  else if (key == GDK_KEY_Left || key == GDK_KEY_Right)
    g_signal_emit (self, signals[PANNED], 0, key == GDK_KEY_Left ? -0.1 : 0.1);
  else
    return GDK_EVENT_PROPAGATE;
  return GDK_EVENT_STOP;
}

/* --- the object --- */

static void
bonsai_graph_view_class_init (BonsaiGraphViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = bonsai_graph_view_snapshot;
  widget_class->measure = bonsai_graph_view_measure;
  signals[ZOOMED] = g_signal_new ("zoomed", BONSAI_TYPE_GRAPH_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 2, G_TYPE_DOUBLE, G_TYPE_DOUBLE);
  signals[PANNED] = g_signal_new ("panned", BONSAI_TYPE_GRAPH_VIEW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_DOUBLE);
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
bonsai_graph_view_init (BonsaiGraphView *self)
{
  GtkEventController *scroll = gtk_event_controller_scroll_new (GTK_EVENT_CONTROLLER_SCROLL_VERTICAL);
  GtkEventController *keys = gtk_event_controller_key_new ();
  GtkGesture *drag = gtk_gesture_drag_new ();

  g_signal_connect (scroll, "scroll", G_CALLBACK (on_scroll), self);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  g_signal_connect (drag, "drag-begin", G_CALLBACK (on_drag_begin), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (on_drag_update), self);
  gtk_widget_add_controller (GTK_WIDGET (self), scroll);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  gtk_widget_set_focusable (GTK_WIDGET (self), true);
}

GtkWidget *
bonsai_graph_view_new (GraphKind kind)
{
  BonsaiGraphView *self = g_object_new (BONSAI_TYPE_GRAPH_VIEW, NULL);

  self->kind = kind;
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ (graph_descriptions[kind].title), -1);
  return GTK_WIDGET (self);
}
