/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/notes-view.h"

#include "app/vm/vm-settings.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"

struct _BonsaiNotesView {
  GtkTextView parent;
  BonsaiVm *vm; /* or NULL */
};

G_DEFINE_FINAL_TYPE (BonsaiNotesView, bonsai_notes_view, GTK_TYPE_TEXT_VIEW)

#define UNSAVED "bonsai-unsaved-notes" /* of a machine: a text that could not be saved */

static const char *
notes_in (const VmConfig *config)
{
  return config->notes ? config->notes : "";
}

/* (transfer full) */
static char *
get_text (BonsaiNotesView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (self));
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
}

static void
show (BonsaiNotesView *self)
{
  const VmConfig *config = bonsai_vm_get_wanted_config (self->vm);
  const char *unsaved = g_object_get_data (G_OBJECT (self->vm), UNSAVED);
  const char *text = unsaved || !config ? unsaved : notes_in (config);
  g_autofree char *shown = get_text (self);

  gtk_widget_set_sensitive (GTK_WIDGET (self), config != NULL);
  if (!gtk_widget_has_focus (GTK_WIDGET (self)) && text && !g_str_equal (shown, text))
    gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (self)), text, -1);
}

/* @data: (transfer full): the text. */
static void
on_saved (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autofree char *text = data, *heading = NULL;
  BonsaiVm *vm = BONSAI_VM (source);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_save_finish (vm, result, &error))
    return;
  g_object_set_data_full (source, UNSAVED, g_steal_pointer (&text), g_free);
  g_object_notify (source, "config");
  heading = g_strdup_printf (_ ("Can’t Save the Notes of “%s”"), bonsai_vm_get_name (vm));
  error_dialog_show (error_dialog_find_parent (), heading, error);
}

static void
save (BonsaiNotesView *self)
{
  const VmConfig *wanted = self->vm ? bonsai_vm_get_wanted_config (self->vm) : NULL;
  g_autofree char *text = get_text (self);
  g_autoptr (VmConfig) config = NULL;

  if (!wanted || g_str_equal (notes_in (wanted), text))
    return;
  config = vm_config_copy (wanted);
  vm_config_set (&config->notes, *text != '\0' ? text : NULL);
  g_object_set_data (G_OBJECT (self->vm), UNSAVED, NULL);
  bonsai_vm_save_config_async (self->vm, config, on_saved, g_steal_pointer (&text));
}

void
bonsai_notes_view_set_vm (BonsaiNotesView *self, BonsaiVm *vm)
{
  if (self->vm)
    {
      save (self);
      g_signal_handlers_disconnect_by_data (self->vm, self);
    }
  g_set_object (&self->vm, vm);
  if (!vm)
    return;
  g_signal_connect_swapped (vm, "notify::config", G_CALLBACK (show), self);
  show (self);
}

static void
bonsai_notes_view_dispose (GObject *object)
{
  bonsai_notes_view_set_vm (BONSAI_NOTES_VIEW (object), NULL);
  G_OBJECT_CLASS (bonsai_notes_view_parent_class)->dispose (object);
}

static void
bonsai_notes_view_class_init (BonsaiNotesViewClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_notes_view_dispose;
}

static void
bonsai_notes_view_init (BonsaiNotesView *self)
{
  GtkEventController *focus = gtk_event_controller_focus_new ();

  g_signal_connect_swapped (focus, "leave", G_CALLBACK (save), self);
  gtk_widget_add_controller (GTK_WIDGET (self), focus);
}
