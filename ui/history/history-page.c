/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/history/history-page.h"

#include "app/history/history-log.h"
#include "app/history/history-store.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/history/graph-view.h"
#include "ui/history/history-export-dialog.h"

#include <math.h>

#define HOUR      INT64_C (3600)
#define YEAR      (INT64_C (366) * 24 * HOUR)
#define SHORTEST  INT64_C (60)
#define LIVE_SPAN (3 * HOUR) /* in which there is a row for each look */
#define REFRESH_S (int)HISTORY_STEP
#define MAX_LIVE  ((guint)(LIVE_SPAN / HISTORY_STEP))

struct _BonsaiHistoryPage {
  AdwBin parent;
  BonsaiVm *vm; /* or NULL */
  gint64 span;  /* seconds in sight */
  gint64 end;   /* its end, seconds since 1970; 0: now */

  HistorySeries *series; /* what is shown, or NULL */
  HistoryLog *log;       /* makes rows of what is counted now; writes nothing */
  GArray *live;          /* of HistoryRow: newer than what the file may have */
  GCancellable *reading; /* or NULL */
  guint refresh;         /* a source, or 0 */

  GtkBox *graphs;
  GtkLabel *span_label;
  BonsaiGraphView *views[GRAPH_N_KINDS];
};

G_DEFINE_FINAL_TYPE (BonsaiHistoryPage, bonsai_history_page, ADW_TYPE_BIN)

static gint64
now (void)
{
  return g_get_real_time () / G_USEC_PER_SEC;
}

/* --- showing --- */

static void
show_span (BonsaiHistoryPage *self)
{
  gint64 to = self->end ? self->end : now ();
  g_autoptr (GDateTime) first = g_date_time_new_from_unix_local (to - self->span);
  g_autoptr (GDateTime) last = g_date_time_new_from_unix_local (to);
  g_autofree char *begin = g_date_time_format (first, "%x %H:%M"),
                  *finish = g_date_time_format (last, "%x %H:%M");
  g_autofree char *text = g_strdup_printf ("%s – %s", begin, finish);

  gtk_label_set_text (self->span_label, text);
}

/* What was counted since the file was written. */
static void
add_live (BonsaiHistoryPage *self)
{
  HistorySeries *series = self->series;

  for (guint i = 0; series && series->step == HISTORY_STEP && i < self->live->len; i++)
    {
      const HistoryRow *row = &g_array_index (self->live, HistoryRow, i);
      gint64 past = row->time - series->start - 1; /* a row tells of the seconds before its time */
      gint64 at = past / (gint64)series->step;

      for (unsigned column = 0; past >= 0 && at < series->n_rows && column < HISTORY_N_COLUMNS; column++)
        {
          gsize place = (gsize)at * HISTORY_N_COLUMNS + column;

          if (isnan (series->average[place]))
            series->average[place] = series->maximum[place] = row->values[column];
        }
    }
}

static void
show_series (BonsaiHistoryPage *self)
{
  gint64 to = self->end ? self->end : now ();

  add_live (self);
  for (unsigned i = 0; i < GRAPH_N_KINDS; i++)
    bonsai_graph_view_show (self->views[i], self->series, to - self->span, to);
  show_span (self);
}

/* --- reading --- */

typedef struct {
  char *path;
  gint64 from, to;
} Reading;

static void
reading_free (Reading *reading)
{
  g_free (reading->path);
  g_free (reading);
}

static void
read_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Reading *reading = data;

  g_task_return_pointer (task, history_file_read (reading->path, reading->from, reading->to, 0, NULL),
                         (GDestroyNotify)history_series_free);
}

/* Before anything is written there are the rows that were counted here. */
static HistorySeries *
series_without_file (gint64 from, gint64 to)
{
  HistorySeries *series = g_new0 (HistorySeries, 1);
  gsize n;

  series->start = from / HISTORY_STEP * HISTORY_STEP;
  series->step = HISTORY_STEP;
  series->n_rows = (guint)(MIN (to - from, LIVE_SPAN) / HISTORY_STEP) + 2;
  n = (gsize)series->n_rows * HISTORY_N_COLUMNS;
  series->average = g_new (double, n);
  series->maximum = g_new (double, n);
  for (gsize i = 0; i < n; i++)
    series->average[i] = series->maximum[i] = NAN;
  return series;
}

static void
was_read (GObject *source, GAsyncResult *result, gpointer data)
{
  BonsaiHistoryPage *self = BONSAI_HISTORY_PAGE (source);
  const Reading *reading = g_task_get_task_data (G_TASK (result));
  g_autoptr (GError) error = NULL;
  HistorySeries *series = g_task_propagate_pointer (G_TASK (result), &error);

  if (error)
    return;
  g_clear_object (&self->reading);
  for (unsigned i = 0; i < GRAPH_N_KINDS; i++)
    bonsai_graph_view_show (self->views[i], NULL, reading->from, reading->to);
  g_clear_pointer (&self->series, history_series_free);
  self->series = series                                     ? series
                 : reading->to - reading->from <= LIVE_SPAN ? series_without_file (reading->from, reading->to)
                                                            : NULL;
  show_series (self);
}

static void
read_again (BonsaiHistoryPage *self)
{
  g_autoptr (GTask) task = NULL;
  Reading *reading;

  if (self->reading)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  if (!self->vm || !bonsai_vm_get_uuid (self->vm) || !gtk_widget_get_mapped (GTK_WIDGET (self)))
    return;
  self->reading = g_cancellable_new ();
  task = g_task_new (self, self->reading, was_read, NULL);
  reading = g_new (Reading, 1);
  reading->path = history_store_path (bonsai_vm_get_uuid (self->vm));
  reading->to = self->end ? self->end : now ();
  reading->from = reading->to - self->span;
  g_task_set_task_data (task, reading, (GDestroyNotify)reading_free);
  g_task_run_in_thread (task, read_in_thread);
}

/* --- live --- */

static void
counted (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiHistoryPage) self = data;
  g_autofree Counters *counters = bonsai_session_get_counters_finish (BONSAI_SESSION (source), result, NULL);
  const HistoryMemory unknown = { NAN, NAN };
  HistoryRow row;

  if (!counters || !self->vm || bonsai_vm_get_session (self->vm) != BONSAI_SESSION (source))
    return;
  history_log_note (self->log, now (), counters, &unknown);
  if (!history_log_last (self->log, &row))
    return;
  if (self->live->len == MAX_LIVE)
    g_array_remove_index (self->live, 0);
  g_array_append_val (self->live, row);
}

static gboolean
on_refresh (gpointer data)
{
  BonsaiHistoryPage *self = data;
  BonsaiSession *session = self->vm ? bonsai_vm_get_session (self->vm) : NULL;

  if (session)
    bonsai_session_get_counters_async (session, NULL, counted, g_object_ref (self));
  if (!self->end)
    read_again (self);
  return G_SOURCE_CONTINUE;
}

static void
begin_live (BonsaiHistoryPage *self)
{
  g_clear_pointer (&self->log, history_log_free);
  self->log = history_log_new ("");
  g_array_set_size (self->live, 0);
}

/* --- the span --- */

static void
set_span (BonsaiHistoryPage *self, gint64 span, gint64 end)
{
  gint64 present = now ();

  self->span = CLAMP (span, SHORTEST, YEAR);
  self->end = end >= present ? 0 : MAX (end, present - YEAR + self->span);
  read_again (self);
}

static void
on_zoomed (BonsaiHistoryPage *self, double factor, double at)
{
  gint64 to = self->end ? self->end : now ();
  double still = (double)to - (double)self->span * (1 - at); /* this time stays where it is */
  gint64 span = CLAMP ((gint64)((double)self->span * factor), SHORTEST, YEAR);
  bool follows = !self->end && at > 0.8;

  set_span (self, span, follows ? to + 1 : (gint64)(still + (double)span * (1 - at)));
}

static void
on_panned (BonsaiHistoryPage *self, double part)
{
  set_span (self, self->span, (self->end ? self->end : now ()) + (gint64)(part * (double)self->span));
}

static void
on_range (GtkWidget *widget, const char *action, GVariant *parameter)
{
  set_span (BONSAI_HISTORY_PAGE (widget), g_variant_get_int32 (parameter), G_MAXINT64);
}

static void
on_export (GtkWidget *widget, const char *action, GVariant *parameter)
{
  BonsaiHistoryPage *self = BONSAI_HISTORY_PAGE (widget);
  gint64 to = self->end ? self->end : now ();
  HistorySeries *copy;
  gsize size;

  if (!self->series || !self->vm)
    return;
  size = (gsize)self->series->n_rows * HISTORY_N_COLUMNS * sizeof (double);
  copy = g_memdup2 (self->series, sizeof *copy);
  copy->average = g_memdup2 (self->series->average, size);
  copy->maximum = g_memdup2 (self->series->maximum, size);
  history_export (GTK_WINDOW (gtk_widget_get_root (widget)), g_variant_get_string (parameter, NULL),
                  bonsai_vm_get_name (self->vm), copy, to - self->span, to);
}

/* --- the object --- */

void
bonsai_history_page_set_vm (BonsaiHistoryPage *self, BonsaiVm *vm)
{
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_set_object (&self->vm, vm);
  begin_live (self);
  for (unsigned i = 0; i < GRAPH_N_KINDS; i++)
    bonsai_graph_view_show (self->views[i], NULL, 0, 1);
  g_clear_pointer (&self->series, history_series_free);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::session", G_CALLBACK (begin_live), self);
  set_span (self, HOUR, G_MAXINT64);
}

static void
bonsai_history_page_map (GtkWidget *widget)
{
  BonsaiHistoryPage *self = BONSAI_HISTORY_PAGE (widget);

  GTK_WIDGET_CLASS (bonsai_history_page_parent_class)->map (widget);
  self->refresh = g_timeout_add_seconds (REFRESH_S, on_refresh, self);
  on_refresh (self);
  read_again (self);
}

static void
bonsai_history_page_unmap (GtkWidget *widget)
{
  g_clear_handle_id (&BONSAI_HISTORY_PAGE (widget)->refresh, g_source_remove);
  GTK_WIDGET_CLASS (bonsai_history_page_parent_class)->unmap (widget);
}

static void
bonsai_history_page_dispose (GObject *object)
{
  BonsaiHistoryPage *self = BONSAI_HISTORY_PAGE (object);

  g_clear_handle_id (&self->refresh, g_source_remove);
  if (self->vm)
    g_signal_handlers_disconnect_by_data (self->vm, self);
  g_clear_object (&self->vm);
  if (self->reading)
    g_cancellable_cancel (self->reading);
  g_clear_object (&self->reading);
  G_OBJECT_CLASS (bonsai_history_page_parent_class)->dispose (object);
}

static void
bonsai_history_page_finalize (GObject *object)
{
  BonsaiHistoryPage *self = BONSAI_HISTORY_PAGE (object);

  g_clear_pointer (&self->series, history_series_free);
  g_clear_pointer (&self->log, history_log_free);
  g_array_unref (self->live);
  G_OBJECT_CLASS (bonsai_history_page_parent_class)->finalize (object);
}

static void
bonsai_history_page_class_init (BonsaiHistoryPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_history_page_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_history_page_finalize;
  widget_class->map = bonsai_history_page_map;
  widget_class->unmap = bonsai_history_page_unmap;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "history/history-page.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiHistoryPage, graphs);
  gtk_widget_class_bind_template_child (widget_class, BonsaiHistoryPage, span_label);
  gtk_widget_class_install_action (widget_class, "history.range", "i", on_range);
  gtk_widget_class_install_action (widget_class, "history.export", "s", on_export);
}

/* Its title, and which line is which. */
static GtkWidget *
heading_of (GraphKind kind)
{
  const GraphDescription *what = &graph_descriptions[kind];
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 12), *title = gtk_label_new (_ (what->title));
  GtkWidget *lines = gtk_flow_box_new ();

  gtk_flow_box_set_selection_mode (GTK_FLOW_BOX (lines), GTK_SELECTION_NONE);
  gtk_flow_box_set_max_children_per_line (GTK_FLOW_BOX (lines), GRAPH_LINES);
  gtk_widget_add_css_class (title, "heading");
  gtk_label_set_wrap (GTK_LABEL (title), true);
  gtk_widget_set_hexpand (title, true);
  gtk_label_set_xalign (GTK_LABEL (title), 0);
  gtk_box_append (GTK_BOX (box), title);
  for (unsigned line = 0; line < GRAPH_LINES; line++)
    {
      GdkRGBA color = graph_line_color (line);
      g_autofree char *rgb = g_strdup_printf ("#%02x%02x%02x", (unsigned)(color.red * 255),
                                              (unsigned)(color.green * 255), (unsigned)(color.blue * 255));
      g_autofree char *markup =
        g_markup_printf_escaped ("<span foreground=\"%s\">●</span> %s", rgb, _ (what->names[line]));
      GtkWidget *label = gtk_label_new (NULL);

      gtk_label_set_markup (GTK_LABEL (label), markup);
      gtk_label_set_wrap (GTK_LABEL (label), true);
      gtk_label_set_xalign (GTK_LABEL (label), 0);
      gtk_widget_add_css_class (label, "caption");
      gtk_flow_box_insert (GTK_FLOW_BOX (lines), label, -1);
      gtk_widget_set_focusable (gtk_widget_get_parent (label), false);
    }
  gtk_box_append (GTK_BOX (box), lines);
  return box;
}

static void
bonsai_history_page_init (BonsaiHistoryPage *self)
{
  self->span = HOUR;
  self->live = g_array_new (false, false, sizeof (HistoryRow));
  self->log = history_log_new ("");
  gtk_widget_init_template (GTK_WIDGET (self));
  for (unsigned kind = 0; kind < GRAPH_N_KINDS; kind++)
    {
      self->views[kind] = BONSAI_GRAPH_VIEW (bonsai_graph_view_new (kind));
      g_signal_connect_swapped (self->views[kind], "zoomed", G_CALLBACK (on_zoomed), self);
      g_signal_connect_swapped (self->views[kind], "panned", G_CALLBACK (on_panned), self);
      gtk_box_append (self->graphs, heading_of (kind));
      gtk_box_append (self->graphs, GTK_WIDGET (self->views[kind]));
    }
}
