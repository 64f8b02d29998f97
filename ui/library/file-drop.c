/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/file-drop.h"

#include "app/bundle/bundle.h"
#include "app/library/library-import.h"
#include "ui/application.h"
#include "ui/base/i18n.h"

typedef struct {
  FileDropFunc func;
  gpointer data;
} Handler;

static void
handler_free (gpointer handler, GClosure *closure)
{
  g_free (handler);
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, gpointer data)
{
  const Handler *handler = data;
  GtkWidget *widget = gtk_event_controller_get_widget (GTK_EVENT_CONTROLLER (target));
  g_autoptr (GSList) files = gdk_file_list_get_files (g_value_get_boxed (value));
  g_autofree char *path = files ? g_file_get_path (files->data) : NULL;

  if (!path)
    return FALSE;
  handler->func (widget, path, handler->data);
  return TRUE;
}

void
file_drop_add (GtkWidget *widget, FileDropFunc dropped, gpointer data)
{
  GtkDropTarget *target = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);
  Handler *handler = g_new (Handler, 1);

  *handler = (Handler){ dropped, data };
  g_signal_connect_data (target, "drop", G_CALLBACK (on_drop), handler, handler_free, 0);
  gtk_widget_add_controller (widget, GTK_EVENT_CONTROLLER (target));
}

char *
file_drop_bundle (const char *path)
{
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *folder = g_str_equal (name, "vm.json") ? g_path_get_dirname (path) : g_strdup (path);
  g_autofree char *description = g_build_filename (folder, "vm.json", NULL);

  return g_file_test (description, G_FILE_TEST_IS_REGULAR) ? g_steal_pointer (&folder) : NULL;
}

static void
on_imported (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiJob) job = data;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm = bonsai_library_import_finish (BONSAI_LIBRARY (source), result, &error);
  g_autofree char *text = vm ? g_strdup_printf (_ ("“%s” is ready"), bonsai_vm_get_name (vm)) : NULL;

  bonsai_job_set_detail (job, text);
  bonsai_job_end (job, error);
}

void
file_drop_import (GtkWindow *parent, BonsaiLibrary *library, const char *path)
{
  BonsaiApplication *application = BONSAI_APPLICATION (gtk_window_get_application (parent));
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autofree char *name = g_path_get_basename (path);
  g_autofree char *title = g_strdup_printf (_ ("Copying “%s” into the library"), name);
  BonsaiJob *job = bonsai_job_new (title, NULL, cancellable);

  bonsai_jobs_add (bonsai_application_get_jobs (application), job);
  bonsai_library_import_async (library, path, bonsai_job_progress, job, cancellable, on_imported, job);
}
