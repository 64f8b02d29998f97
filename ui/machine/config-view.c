/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/config-view.h"

#include "app/vm/vm-settings.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/spare-title.h"

#define BONSAI_TYPE_CONFIG_VIEW (bonsai_config_view_get_type ())
G_DECLARE_FINAL_TYPE (BonsaiConfigView, bonsai_config_view, BONSAI, CONFIG_VIEW, AdwWindow)

struct _BonsaiConfigView {
  AdwWindow parent;
  BonsaiVm *vm;
  char *before; /* the text as it was read; or NULL */

  GtkWidget *save_button;
  GtkLabel *problem_label;
  GtkTextView *text_view;
};

G_DEFINE_FINAL_TYPE (BonsaiConfigView, bonsai_config_view, ADW_TYPE_WINDOW)

static char *
text_of (BonsaiConfigView *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->text_view);
  GtkTextIter start, end;

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
}

/* "vm.json:12:3: …": puts the cursor there. */
static void
go_to_mistake (BonsaiConfigView *self, const char *message)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->text_view);
  GtkTextIter place;
  int line, column;

  if (sscanf (message, "vm.json:%d:%d:", &line, &column) != 2)
    return;
  gtk_text_buffer_get_iter_at_line_offset (buffer, &place, MAX (line - 1, 0), 0);
  gtk_text_iter_forward_chars (&place, MAX (column - 1, 0));
  gtk_text_buffer_place_cursor (buffer, &place);
  gtk_text_view_scroll_to_iter (self->text_view, &place, 0.1, FALSE, 0, 0);
  gtk_widget_grab_focus (GTK_WIDGET (self->text_view));
}

static void
set_busy (BonsaiConfigView *self, bool busy)
{
  gtk_widget_set_sensitive (self->save_button, !busy);
  gtk_text_view_set_editable (self->text_view, !busy);
}

/* What was typed stays until it is saved. */
static void
on_saved (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiConfigView) self = data;
  g_autoptr (GError) error = NULL;
  bool saved = bonsai_vm_save_finish (BONSAI_VM (source), result, &error);

  if (!self->vm)
    return;
  set_busy (self, false);
  if (saved)
    {
      gtk_window_destroy (GTK_WINDOW (self));
      return;
    }
  gtk_label_set_text (self->problem_label, error->message);
  gtk_widget_set_visible (GTK_WIDGET (self->problem_label), TRUE);
  go_to_mistake (self, error->message);
}

static void
on_save (BonsaiConfigView *self)
{
  g_autofree char *text = text_of (self);

  set_busy (self, true);
  bonsai_vm_apply_text_async (self->vm, self->before, text, on_saved, g_object_ref (self));
}

static void
on_changed (BonsaiConfigView *self)
{
  gtk_widget_set_sensitive (self->save_button, TRUE);
}

/* The file as it is: a machine may be broken, and be mended here. */
static void
fill (BonsaiConfigView *self)
{
  g_autofree char *path = g_build_filename (bonsai_vm_get_path (self->vm), "vm.json", NULL), *text = NULL;
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->text_view);
  g_autoptr (GError) error = NULL;
  GtkTextIter start;
  gsize length;

  if (g_file_get_contents (path, &text, &length, &error) && g_utf8_validate (text, (gssize)length, NULL))
    {
      gtk_text_buffer_set_text (buffer, text, (int)length);
      self->before = g_steal_pointer (&text);
    }
  else
    {
      gtk_label_set_text (self->problem_label, error ? error->message : _ ("vm.json is not text in UTF-8"));
      gtk_widget_set_visible (GTK_WIDGET (self->problem_label), TRUE);
      gtk_text_view_set_editable (self->text_view, FALSE);
    }
  gtk_text_buffer_get_start_iter (buffer, &start);
  gtk_text_buffer_place_cursor (buffer, &start);
  g_signal_connect_object (buffer, "changed", G_CALLBACK (on_changed), self, G_CONNECT_SWAPPED);
}

void
config_view_show (GtkWindow *parent, BonsaiVm *vm)
{
  BonsaiConfigView *self = g_object_new (BONSAI_TYPE_CONFIG_VIEW, "transient-for", parent, NULL);

  self->vm = g_object_ref (vm);
  fill (self);
  gtk_window_present (GTK_WINDOW (self));
}

static void
bonsai_config_view_dispose (GObject *object)
{
  g_clear_object (&BONSAI_CONFIG_VIEW (object)->vm);
  G_OBJECT_CLASS (bonsai_config_view_parent_class)->dispose (object);
}

static void
bonsai_config_view_finalize (GObject *object)
{
  g_free (BONSAI_CONFIG_VIEW (object)->before);
  G_OBJECT_CLASS (bonsai_config_view_parent_class)->finalize (object);
}

static void
bonsai_config_view_class_init (BonsaiConfigViewClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_config_view_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_config_view_finalize;
  g_type_ensure (BONSAI_TYPE_SPARE_TITLE);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "machine/config-view.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiConfigView, save_button);
  gtk_widget_class_bind_template_child (widget_class, BonsaiConfigView, problem_label);
  gtk_widget_class_bind_template_child (widget_class, BonsaiConfigView, text_view);
  gtk_widget_class_bind_template_callback (widget_class, on_save);
}

static void
bonsai_config_view_init (BonsaiConfigView *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}
