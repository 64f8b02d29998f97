/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/job-row.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"

struct _BonsaiJobRow {
  GtkListBoxRow parent;
  BonsaiJobs *jobs;
  BonsaiJob *job;

  GtkLabel *title_label;
  GtkProgressBar *bar;
  GtkLabel *detail_label;
  GtkWidget *stop_button;
  GtkWidget *dismiss_button;
};

G_DEFINE_FINAL_TYPE (BonsaiJobRow, bonsai_job_row, GTK_TYPE_LIST_BOX_ROW)

static const char *
detail_of (BonsaiJob *job)
{
  const GError *error = bonsai_job_get_error (job);
  const char *detail = bonsai_job_get_detail (job);

  if (error)
    return error->message;
  return bonsai_job_get_state (job) == BONSAI_JOB_DONE && *detail == '\0' ? _ ("Done") : detail;
}

static void
update (BonsaiJobRow *self)
{
  bool running = bonsai_job_get_state (self->job) == BONSAI_JOB_RUNNING;
  double fraction = bonsai_job_get_fraction (self->job);
  const char *detail = detail_of (self->job);

  gtk_widget_set_visible (GTK_WIDGET (self->bar), running);
  if (fraction >= 0)
    gtk_progress_bar_set_fraction (self->bar, fraction);
  else if (running)
    gtk_progress_bar_pulse (self->bar);
  gtk_label_set_text (self->detail_label, detail);
  gtk_widget_set_visible (GTK_WIDGET (self->detail_label), *detail != '\0');
  if (bonsai_job_get_state (self->job) == BONSAI_JOB_FAILED)
    gtk_widget_add_css_class (GTK_WIDGET (self->detail_label), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (self->detail_label), "dim-label");
  gtk_widget_set_visible (self->stop_button, running);
  gtk_widget_set_sensitive (self->stop_button, bonsai_job_get_cancellable (self->job));
  gtk_widget_set_visible (self->dismiss_button, !running);
}

static void
on_stop (BonsaiJobRow *self)
{
  bonsai_job_cancel (self->job);
}

static void
on_dismiss (BonsaiJobRow *self)
{
  bonsai_jobs_dismiss (self->jobs, self->job);
}

static void
bonsai_job_row_dispose (GObject *object)
{
  BonsaiJobRow *self = BONSAI_JOB_ROW (object);

  g_clear_object (&self->job);
  g_clear_object (&self->jobs);
  G_OBJECT_CLASS (bonsai_job_row_parent_class)->dispose (object);
}

static void
bonsai_job_row_class_init (BonsaiJobRowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_job_row_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/job-row.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobRow, title_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobRow, bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobRow, detail_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobRow, stop_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiJobRow, dismiss_button);
  gtk_widget_class_bind_template_callback (widget_class, on_stop);
  gtk_widget_class_bind_template_callback (widget_class, on_dismiss);
}

static void
bonsai_job_row_init (BonsaiJobRow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

static void
name_button (GtkWidget *button, const char *format, BonsaiJob *job)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_autofree char *label = g_strdup_printf (format, bonsai_job_get_title (job));
#pragma GCC diagnostic pop

  gtk_accessible_update_property (GTK_ACCESSIBLE (button), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

GtkWidget *
bonsai_job_row_new (BonsaiJobs *jobs, BonsaiJob *job)
{
  BonsaiJobRow *self = g_object_new (BONSAI_TYPE_JOB_ROW, NULL);

  self->jobs = g_object_ref (jobs);
  self->job = g_object_ref (job);
  gtk_label_set_text (self->title_label, bonsai_job_get_title (job));
  name_button (self->stop_button, _ ("Cancel %s"), job);
  name_button (self->dismiss_button, _ ("Dismiss %s"), job);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  bonsai_job_get_title (job), -1);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->bar), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  bonsai_job_get_title (job), -1);
  g_signal_connect_object (job, "notify", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}
