/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/jobs-button.h"

#include "ui/application.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/library/job-row.h"

struct _BonsaiJobsButton {
  AdwBin parent;
  BonsaiJobs *jobs;

  GtkMenuButton *button;
  GtkDrawingArea *ring;
  GtkPopover *popover;
  GtkListBox *list;
};

G_DEFINE_FINAL_TYPE (BonsaiJobsButton, bonsai_jobs_button, ADW_TYPE_BIN)

/* A ring that fills; while nobody knows how far, a quarter of it; a failure fills it with the error's colour.
 */
static void
draw_ring (GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
  BonsaiJobsButton *self = data;
  double fraction = bonsai_jobs_get_fraction (self->jobs), radius = MIN (width, height) / 2.0 - 1.5;
  bool running = bonsai_jobs_get_n_running (self->jobs) > 0;
  GdkRGBA colour;

  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (area)), &colour);
  cairo_translate (cr, width / 2.0, height / 2.0);
  cairo_set_line_width (cr, 3);
  colour.alpha *= 0.25f;
  gdk_cairo_set_source_rgba (cr, &colour);
  cairo_arc (cr, 0, 0, radius, 0, 2 * G_PI);
  cairo_stroke (cr);
  colour.alpha *= 4;
  gdk_cairo_set_source_rgba (cr, &colour);
  fraction = !running ? 1 : fraction < 0 ? 0.25 : fraction;
  cairo_arc (cr, 0, 0, radius, -G_PI_2, -G_PI_2 + 2 * G_PI * fraction);
  cairo_stroke (cr);
}

static void
update (BonsaiJobsButton *self)
{
  guint n = g_list_model_get_n_items (G_LIST_MODEL (self->jobs));
  guint n_running = bonsai_jobs_get_n_running (self->jobs), n_failed = bonsai_jobs_get_n_failed (self->jobs);
  g_autofree char *label =
    n_failed    ? g_strdup_printf (ngettext ("Jobs: %u failed", "Jobs: %u failed", n_failed), n_failed)
    : n_running ? g_strdup_printf (ngettext ("Jobs: %u running", "Jobs: %u running", n_running), n_running)
                : g_strdup (_ ("Jobs: all done"));

  gtk_widget_set_visible (GTK_WIDGET (self), n > 0);
  if (n == 0)
    gtk_popover_popdown (self->popover);
  gtk_widget_set_tooltip_text (GTK_WIDGET (self->button), label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  if (n_failed)
    gtk_widget_add_css_class (GTK_WIDGET (self->ring), "error");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self->ring), "error");
  gtk_widget_queue_draw (GTK_WIDGET (self->ring));
}

/* What is done was seen. */
static void
on_closed (BonsaiJobsButton *self)
{
  bonsai_jobs_dismiss_done (self->jobs);
}

static GtkWidget *
make_row (gpointer job, gpointer data)
{
  return bonsai_job_row_new (((BonsaiJobsButton *)data)->jobs, job);
}

static void
bonsai_jobs_button_dispose (GObject *object)
{
  BonsaiJobsButton *self = BONSAI_JOBS_BUTTON (object);

  if (self->jobs)
    {
      g_signal_handlers_disconnect_by_data (self->jobs, self);
      gtk_list_box_bind_model (self->list, NULL, NULL, NULL, NULL);
    }
  g_clear_object (&self->jobs);
  G_OBJECT_CLASS (bonsai_jobs_button_parent_class)->dispose (object);
}

static void
bonsai_jobs_button_class_init (BonsaiJobsButtonClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_jobs_button_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/jobs-button.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobsButton, button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobsButton, ring);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobsButton, popover);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobsButton, list);
  gtk_widget_class_bind_template_callback (widget_class, on_closed);
}

static void
bonsai_jobs_button_init (BonsaiJobsButton *self)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());

  gtk_widget_init_template (GTK_WIDGET (self));
  self->jobs = g_object_ref (bonsai_application_get_jobs (application));
  gtk_drawing_area_set_draw_func (self->ring, draw_ring, self, NULL);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (self->jobs), make_row, self, NULL);
  g_signal_connect_swapped (self->jobs, "notify", G_CALLBACK (update), self);
  g_signal_connect_swapped (self->jobs, "items-changed", G_CALLBACK (update), self);
  update (self);
}
