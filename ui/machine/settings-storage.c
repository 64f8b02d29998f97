/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-storage.h"

#include "ui/base/i18n.h"

/* --- in and out --- */

/* What is being done. */
typedef struct {
  SettingsHandle *handle;
  const char *heading;
} Work;

static Work *
work_new (SettingsSection *section, const char *heading)
{
  Work *work = g_new0 (Work, 1);

  *work = (Work){ settings_section_hold (section), heading };
  return work;
}

/* @error: (nullable) */
static void
work_end (Work *work, const GError *error)
{
  SettingsSection *section = settings_handle_release (work->handle);

  if (error && section)
    settings_section_show_error (section, work->heading, error);
  g_free (work);
}

static void
on_detached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  bonsai_vm_detach_disk_finish (BONSAI_VM (source), result, &error);
  work_end (data, error);
}

void
settings_storage_detach (SettingsSection *section, const char *disk, const char *heading)
{
  bonsai_vm_detach_disk_async (settings_section_get_vm (section), disk, FALSE, NULL, on_detached,
                               work_new (section, heading));
}

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  DiskSpec *disk = bonsai_vm_attach_disk_finish (BONSAI_VM (source), result, &error);

  if (disk)
    disk_spec_free (disk);
  work_end (data, error);
}

void
settings_storage_attach (SettingsSection *section, const DiskSpec *disk, const char *heading)
{
  bonsai_vm_attach_disk_async (settings_section_get_vm (section), disk, TRUE, NULL, on_attached,
                               work_new (section, heading));
}

/* --- a file --- */

/* What is asked for while a file is being chosen. */
typedef struct {
  SettingsHandle *handle;
  SettingsFileFunc chosen;
  char *id; /* or NULL */
} Question;

static void
on_response (GtkNativeDialog *dialog, int response, gpointer data)
{
  Question *question = data;
  SettingsSection *section = settings_handle_release (question->handle);
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog)) : NULL;
  g_autofree char *path = file ? g_file_get_path (file) : NULL;

  if (path && section)
    question->chosen (section, path, question->id);
  g_free (question->id);
  g_free (question);
  g_object_unref (dialog);
}

void
settings_storage_choose (SettingsSection *section, const char *title, const char *accept,
                         GtkFileFilter *filter, SettingsFileFunc chosen, const char *id)
{
  GtkFileChooserNative *chooser = gtk_file_chooser_native_new (
    title, settings_section_get_window (section), GTK_FILE_CHOOSER_ACTION_OPEN, accept, _ ("_Cancel"));
  Question *question = g_new0 (Question, 1);

  *question = (Question){ settings_section_hold (section), chosen, g_strdup (id) };
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (chooser), TRUE);
  if (filter)
    gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), filter);
  g_clear_object (&filter);
  g_signal_connect (chooser, "response", G_CALLBACK (on_response), question);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (chooser));
}
