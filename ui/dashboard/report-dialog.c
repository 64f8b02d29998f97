/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/report-dialog.h"

#include "app/report/report-source.h"
#include "ui/application.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/rows.h"
#include "ui/base/spare-title.h"

#define DAY INT64_C (86400) /* seconds */

#define BONSAI_TYPE_REPORT_DIALOG (bonsai_report_dialog_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiReportDialog, bonsai_report_dialog, BONSAI, REPORT_DIALOG, AdwWindow)

struct _BonsaiReportDialog {
  AdwWindow parent;
  BonsaiLibrary *library;
  GtkFileChooserNative *chooser; /* or NULL */
  AdwActionRow *report_row, *time_row;
  GtkDropDown *report, *time, *format;
};

G_DEFINE_FINAL_TYPE (BonsaiReportDialog, bonsai_report_dialog, ADW_TYPE_WINDOW)

static const struct {
  const char *name, *about;
  bool has_time;
} reports[N_REPORTS] = {
  [REPORT_UTILISATION] = { N_ ("Utilisation"), N_ ("What machines used of what they have, and advice"),
                           true },
  [REPORT_CHANGES] = { N_ ("Changes"), N_ ("What was made, changed and removed, and by whom"), true },
  [REPORT_STORAGE] = { N_ ("Storage"), N_ ("Who owns which bytes now"), false },
  [REPORT_EXPIRIES] = { N_ ("Expiries"), N_ ("Which workspaces end, and when"), false },
};

static const struct {
  const char *name;
  gint64 days;
} times[] = {
  { N_ ("Last Day"), 1 },
  { N_ ("Last Week"), 7 },
  { N_ ("Last 30 Days"), 30 },
  { N_ ("Last Year"), 366 },
};

static const char *const formats[N_REPORT_FORMATS] = { N_ ("Web Page (HTML)"), N_ ("Table (CSV)"), "JSON" };

/* --- making it --- */

typedef struct {
  ReportSource *source;
  ReportId report;
  ReportFormat format;
  gint64 from, to;
  char *path;
  BonsaiJob *job;
} Making;

static void
making_free (gpointer data)
{
  Making *making = data;

  report_source_free (making->source);
  g_free (making->path);
  g_object_unref (making->job);
  g_free (making);
}

static void
make_in_thread (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  const Making *making = data;
  GError *error = NULL;
  g_autoptr (ReportTable) table =
    report_make (making->source, making->report, making->from, making->to, cancellable, &error);
  g_autofree char *text = table ? report_write (table, making->format) : NULL;

  if (text && g_file_set_contents (making->path, text, -1, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
was_made (GObject *source, GAsyncResult *result, gpointer data)
{
  const Making *making = g_task_get_task_data (G_TASK (result));
  g_autofree char *name = g_path_get_basename (making->path);
  g_autofree char *text = g_strdup_printf (_ ("“%s” is saved"), name);
  g_autoptr (GError) error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    bonsai_job_set_detail (making->job, text);
  bonsai_job_end (making->job, error);
}

/* @path: (transfer full) */
static void
make (BonsaiReportDialog *self, char *path)
{
  BonsaiApplication *application = BONSAI_APPLICATION (g_application_get_default ());
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, was_made, NULL);
  Making *making = g_new0 (Making, 1);
  g_autofree char *title = NULL;

  making->source = report_source_new (self->library);
  making->report = gtk_drop_down_get_selected (self->report);
  making->format = gtk_drop_down_get_selected (self->format);
  making->to = g_get_real_time () / G_USEC_PER_SEC;
  making->from = making->to - times[gtk_drop_down_get_selected (self->time)].days * DAY;
  making->path = path;
  title = g_strdup_printf (_ ("Report: %s"), _ (reports[making->report].name));
  making->job = bonsai_job_new (title, NULL, cancellable);
  bonsai_jobs_add (bonsai_application_get_jobs (application), making->job);
  g_task_set_task_data (task, making, making_free);
  g_task_run_in_thread (task, make_in_thread);
}

/* --- where to --- */

static void
on_named (GtkNativeDialog *chooser, int response, BonsaiReportDialog *self)
{
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (chooser)) : NULL;
  char *path = file ? g_file_get_path (file) : NULL;

  if (!path)
    return;
  make (self, path);
  gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_save (BonsaiReportDialog *self)
{
  const char *name = _ (reports[gtk_drop_down_get_selected (self->report)].name);
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *date = g_date_time_format (now, "%F");
  g_autofree char *file =
    g_strdup_printf ("%s %s.%s", name, date, report_format_names[gtk_drop_down_get_selected (self->format)]);

  g_clear_object (&self->chooser);
  self->chooser = gtk_file_chooser_native_new (_ ("Save the Report"), GTK_WINDOW (self),
                                               GTK_FILE_CHOOSER_ACTION_SAVE, _ ("_Save"), _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (self->chooser), TRUE);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (self->chooser), file);
  g_signal_connect_object (self->chooser, "response", G_CALLBACK (on_named), self, 0);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (self->chooser));
}

/* --- the dialog --- */

static void
on_chosen (BonsaiReportDialog *self)
{
  guint report = gtk_drop_down_get_selected (self->report);

  if (report >= N_REPORTS)
    return;
  row_set_subtitle (self->report_row, _ (reports[report].about));
  gtk_widget_set_sensitive (GTK_WIDGET (self->time_row), reports[report].has_time);
}

static GtkDropDown *
add_choice (AdwPreferencesGroup *group, const char *title, GtkStringList *labels, AdwActionRow **row)
{
  GtkWidget *choice = row_choice_new (labels), *line = adw_action_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (line), title);
  gtk_widget_set_valign (choice, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (choice), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  adw_action_row_add_suffix (ADW_ACTION_ROW (line), choice);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (line), choice);
  adw_preferences_group_add (group, line);
  if (row)
    *row = ADW_ACTION_ROW (line);
  return GTK_DROP_DOWN (choice);
}

static void
add_choices (BonsaiReportDialog *self, AdwPreferencesGroup *group)
{
  GtkStringList *names = gtk_string_list_new (NULL), *spans = gtk_string_list_new (NULL),
                *forms = gtk_string_list_new (NULL);

  for (guint i = 0; i < N_REPORTS; i++)
    gtk_string_list_append (names, _ (reports[i].name));
  for (guint i = 0; i < G_N_ELEMENTS (times); i++)
    gtk_string_list_append (spans, _ (times[i].name));
  for (guint i = 0; i < N_REPORT_FORMATS; i++)
    gtk_string_list_append (forms, _ (formats[i]));
  self->report = add_choice (group, _ ("Report"), names, &self->report_row);
  self->time = add_choice (group, _ ("Time"), spans, &self->time_row);
  self->format = add_choice (group, _ ("Format"), forms, NULL);
  gtk_drop_down_set_selected (self->time, 2);
  g_signal_connect_object (self->report, "notify::selected", G_CALLBACK (on_chosen), self, G_CONNECT_SWAPPED);
  on_chosen (self);
}

static void
bonsai_report_dialog_dispose (GObject *object)
{
  g_clear_object (&BONSAI_REPORT_DIALOG (object)->chooser);
  g_clear_object (&BONSAI_REPORT_DIALOG (object)->library);
  G_OBJECT_CLASS (bonsai_report_dialog_parent_class)->dispose (object);
}

static void
bonsai_report_dialog_class_init (BonsaiReportDialogClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_report_dialog_dispose;
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_add_binding_action (GTK_WIDGET_CLASS (klass), GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_set_template_from_resource (GTK_WIDGET_CLASS (klass),
                                               UI_RESOURCE "dashboard/report-dialog.ui");
  gtk_widget_class_bind_template_callback (GTK_WIDGET_CLASS (klass), on_save);
  gtk_widget_class_bind_template_child_full (GTK_WIDGET_CLASS (klass), "group", FALSE, 0);
}

static void
bonsai_report_dialog_init (BonsaiReportDialog *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  add_choices (self, ADW_PREFERENCES_GROUP (gtk_widget_get_template_child (
                       GTK_WIDGET (self), BONSAI_TYPE_REPORT_DIALOG, "group")));
}

void
report_dialog_show (GtkWindow *parent, BonsaiLibrary *library)
{
  BonsaiReportDialog *self = g_object_new (BONSAI_TYPE_REPORT_DIALOG, "transient-for", parent, NULL);

  self->library = g_object_ref (library);
  gtk_window_present (GTK_WINDOW (self));
}
