/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/unlock-dialog.h"

#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/spare-title.h"

#include <string.h>

struct _BonsaiUnlockDialog {
  AdwWindow parent;
  BonsaiVm *vm;
  GCancellable *cancellable; /* until the window goes */
  bool unlocked;

  GtkButton *unlock_button;
  GtkSpinner *spinner;
  AdwPreferencesGroup *group;
  AdwPasswordEntryRow *passphrase_row;
  GtkLabel *problem_label;
};

G_DEFINE_FINAL_TYPE (BonsaiUnlockDialog, bonsai_unlock_dialog, ADW_TYPE_WINDOW)

enum { SIGNAL_UNLOCKED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
update (BonsaiUnlockDialog *self, bool trying)
{
  bool filled = gtk_editable_get_text (GTK_EDITABLE (self->passphrase_row))[0] != '\0';

  gtk_widget_set_sensitive (GTK_WIDGET (self->passphrase_row), !trying);
  gtk_widget_set_sensitive (GTK_WIDGET (self->unlock_button), filled && !trying);
  gtk_spinner_set_spinning (self->spinner, trying);
}

static void
on_changed (BonsaiUnlockDialog *self)
{
  update (self, false);
}

static void
show_problem (BonsaiUnlockDialog *self, const char *text)
{
  gtk_label_set_text (self->problem_label, text != NULL ? text : "");
  gtk_widget_set_visible (GTK_WIDGET (self->problem_label), text != NULL);
}

static void
ask_for (BonsaiUnlockDialog *self, const char *disk)
{
  g_autofree char *what =
    g_markup_printf_escaped (_ ("The disk “%s” of “%s” is encrypted."), disk, bonsai_vm_get_name (self->vm));

  adw_preferences_group_set_description (self->group, what);
  gtk_editable_set_text (GTK_EDITABLE (self->passphrase_row), "");
  show_problem (self, NULL);
  update (self, false);
  gtk_widget_grab_focus (GTK_WIDGET (self->passphrase_row));
}

/* The next disk's turn, or the end. */
static void
on_found (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiUnlockDialog) self = data;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) disks = bonsai_vm_find_locked_finish (BONSAI_VM (source), result, &error);

  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  update (self, false);
  if (disks == NULL)
    show_problem (self, error->message);
  else if (disks[0] != NULL)
    ask_for (self, disks[0]);
  else
    {
      self->unlocked = true;
      g_signal_emit (self, signals[SIGNAL_UNLOCKED], 0);
      gtk_window_close (GTK_WINDOW (self));
    }
}

static void
on_tried (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiUnlockDialog) self = data;
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_unlock_finish (BONSAI_VM (source), result, &error))
    {
      bonsai_vm_find_locked_async (self->vm, self->cancellable, on_found, g_object_ref (self));
      return;
    }
  if (g_cancellable_is_cancelled (self->cancellable))
    return;
  update (self, false);
  show_problem (self, error->message);
  gtk_widget_grab_focus (GTK_WIDGET (self->passphrase_row));
  gtk_editable_select_region (GTK_EDITABLE (self->passphrase_row), 0, -1);
}

static void
on_unlock (BonsaiUnlockDialog *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->passphrase_row));
  g_autoptr (GError) error = NULL;
  DiskSecret *secret = disk_secret_new (text, strlen (text), &error);

  if (secret == NULL)
    {
      show_problem (self, error->message);
      return;
    }
  show_problem (self, NULL);
  update (self, true);
  bonsai_vm_unlock_async (self->vm, secret, self->cancellable, on_tried, g_object_ref (self));
}

/* --- life --- */

static gboolean
bonsai_unlock_dialog_close_request (GtkWindow *window)
{
  BonsaiUnlockDialog *self = BONSAI_UNLOCK_DIALOG (window);

  g_cancellable_cancel (self->cancellable);
  gtk_editable_set_text (GTK_EDITABLE (self->passphrase_row), "");
  if (!self->unlocked)
    bonsai_vm_forget_secrets (self->vm);
  return GTK_WINDOW_CLASS (bonsai_unlock_dialog_parent_class)->close_request (window);
}

static void
bonsai_unlock_dialog_dispose (GObject *object)
{
  BonsaiUnlockDialog *self = BONSAI_UNLOCK_DIALOG (object);

  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->vm);
  G_OBJECT_CLASS (bonsai_unlock_dialog_parent_class)->dispose (object);
}

static void
bonsai_unlock_dialog_finalize (GObject *object)
{
  g_object_unref (BONSAI_UNLOCK_DIALOG (object)->cancellable);
  G_OBJECT_CLASS (bonsai_unlock_dialog_parent_class)->finalize (object);
}

static void
bonsai_unlock_dialog_class_init (BonsaiUnlockDialogClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_unlock_dialog_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_unlock_dialog_finalize;
  GTK_WINDOW_CLASS (klass)->close_request = bonsai_unlock_dialog_close_request;
  signals[SIGNAL_UNLOCKED] = g_signal_new ("unlocked", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                           NULL, NULL, G_TYPE_NONE, 0);
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/unlock-dialog.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiUnlockDialog, unlock_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiUnlockDialog, spinner);
  gtk_widget_class_bind_template_child (widget_class, BonsaiUnlockDialog, group);
  gtk_widget_class_bind_template_child (widget_class, BonsaiUnlockDialog, passphrase_row);
  gtk_widget_class_bind_template_child (widget_class, BonsaiUnlockDialog, problem_label);
  gtk_widget_class_bind_template_callback (widget_class, on_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_unlock);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
bonsai_unlock_dialog_init (BonsaiUnlockDialog *self)
{
  self->cancellable = g_cancellable_new ();
  gtk_widget_init_template (GTK_WIDGET (self));
}

BonsaiUnlockDialog *
bonsai_unlock_dialog_new (GtkWindow *parent, BonsaiVm *vm, const char *disk)
{
  g_autofree char *title = g_strdup_printf (_ ("Unlock “%s”"), bonsai_vm_get_name (vm));
  BonsaiUnlockDialog *self =
    g_object_new (BONSAI_TYPE_UNLOCK_DIALOG, "transient-for", parent, "title", title, NULL);

  self->vm = g_object_ref (vm);
  /* On its own, it keeps the app. */
  if (!parent)
    gtk_window_set_application (GTK_WINDOW (self), GTK_APPLICATION (g_application_get_default ()));
  ask_for (self, disk);
  return self;
}
