/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/vm-files.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"

/* One request, from the menu to its end. */
typedef struct {
  GtkWindow *parent; /* weak: NULL once it is closed */
  BonsaiVm *vm;
  Surface *picture;
  GtkFileChooserNative *chooser;
} Request;

static Request *
request_new (GtkWindow *parent, BonsaiVm *vm)
{
  Request *request = g_new0 (Request, 1);

  g_set_weak_pointer (&request->parent, parent);
  request->vm = g_object_ref (vm);
  return request;
}

static void
request_free (Request *request)
{
  g_clear_weak_pointer (&request->parent);
  g_object_unref (request->vm);
  g_clear_pointer (&request->picture, surface_unref);
  g_clear_object (&request->chooser);
  g_free (request);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Request, request_free)

static void
ask (Request *request, GtkFileChooserAction action, const char *title, const char *accept, GCallback answered)
{
  request->chooser = gtk_file_chooser_native_new (title, request->parent, action, accept, _ ("_Cancel"));
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (request->chooser), TRUE);
  g_signal_connect (request->chooser, "response", answered, request);
}

static char *
answer (Request *request, int response)
{
  g_autoptr (GFile) file =
    response == GTK_RESPONSE_ACCEPT ? gtk_file_chooser_get_file (GTK_FILE_CHOOSER (request->chooser)) : NULL;

  return file ? g_file_get_path (file) : NULL;
}

/* --- CD --- */

bool
vm_files_has_cd (BonsaiVm *vm)
{
  const VmConfig *config = bonsai_vm_get_config (vm);

  if (!config || !bonsai_vm_get_session (vm))
    return false;
  for (guint i = 0; i < config->disks->len; i++)
    {
      const VmDisk *disk = g_ptr_array_index (config->disks, i);
      if (disk->kind == DISK_KIND_CDROM)
        return true;
    }
  return false;
}

static void
on_medium_changed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Request) request = data;
  g_autoptr (GError) error = NULL;

  if (!bonsai_session_change_medium_finish (BONSAI_SESSION (source), result, &error))
    error_dialog_show (request->parent, _ ("Can’t Change the CD"), error);
}

static void
change_medium (Request *request, const char *path)
{
  BonsaiSession *session = bonsai_vm_get_session (request->vm);

  if (session)
    bonsai_session_change_medium_async (session, NULL, path, false, NULL, on_medium_changed, request);
  else /* it ended while its owner chose */
    request_free (request);
}

static void
on_cd_chosen (GtkNativeDialog *dialog, int response, gpointer data)
{
  Request *request = data;
  g_autofree char *path = answer (request, response);

  if (path)
    change_medium (request, path);
  else
    request_free (request);
}

void
vm_files_insert_cd (GtkWindow *parent, BonsaiVm *vm)
{
  Request *request = request_new (parent, vm);
  g_autoptr (GtkFileFilter) filter = gtk_file_filter_new ();

  ask (request, GTK_FILE_CHOOSER_ACTION_OPEN, _ ("Insert a CD"), _ ("_Insert"), G_CALLBACK (on_cd_chosen));
  gtk_file_filter_set_name (filter, _ ("CD images"));
  gtk_file_filter_add_suffix (filter, "iso");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (request->chooser), filter);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (request->chooser));
}

void
vm_files_eject_cd (GtkWindow *parent, BonsaiVm *vm)
{
  change_medium (request_new (parent, vm), NULL);
}

/* --- screenshot --- */

static void
on_screenshot_named (GtkNativeDialog *dialog, int response, gpointer data)
{
  g_autoptr (Request) request = data;
  g_autofree char *path = answer (request, response);
  g_autoptr (GError) error = NULL;

  if (path && !surface_save_png (request->picture, path, &error))
    error_dialog_show (request->parent, _ ("Can’t Save the Screenshot"), error);
}

static void
propose_name (Request *request)
{
  const char *pictures = g_get_user_special_dir (G_USER_DIRECTORY_PICTURES);
  g_autoptr (GFile) folder = g_file_new_for_path (pictures ? pictures : g_get_home_dir ());
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  g_autofree char *time = g_date_time_format (now, "%Y-%m-%d %H-%M-%S");
  g_autofree char *name = g_strdup_printf ("%s %s.png", bonsai_vm_get_name (request->vm), time);

  g_strdelimit (name, "/", '-');
  gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (request->chooser), folder, NULL);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (request->chooser), name);
}

static void
on_screenshot (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Request) request = data;
  g_autoptr (GError) error = NULL;

  request->picture = bonsai_vm_screenshot_finish (BONSAI_VM (source), result, &error);
  if (!request->picture)
    {
      error_dialog_show (request->parent, _ ("Can’t Take a Screenshot"), error);
      return;
    }
  ask (request, GTK_FILE_CHOOSER_ACTION_SAVE, _ ("Save Screenshot"), _ ("_Save"),
       G_CALLBACK (on_screenshot_named));
  propose_name (request);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (g_steal_pointer (&request)->chooser));
}

void
vm_files_save_screenshot (GtkWindow *parent, BonsaiVm *vm)
{
  bonsai_vm_screenshot_async (vm, NULL, on_screenshot, request_new (parent, vm));
}
