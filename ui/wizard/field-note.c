/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/wizard/field-note.h"

struct _BonsaiFieldNote {
  AdwPreferencesRow parent;
  GtkLabel *label;
  GtkWidget *field; /* weak */
  guint reveal;     /* source, or 0 */
};

G_DEFINE_FINAL_TYPE (BonsaiFieldNote, bonsai_field_note, ADW_TYPE_PREFERENCES_ROW)

static void
mark (GtkWidget *widget, const char *style, bool on)
{
  if (on)
    gtk_widget_add_css_class (widget, style);
  else
    gtk_widget_remove_css_class (widget, style);
}

/* Who works at the field is to see what is said about it, also at the edge of a small window. */
static gboolean
reveal (gpointer data)
{
  BonsaiFieldNote *self = data;
  GtkWidget *widget = GTK_WIDGET (self), *port = gtk_widget_get_ancestor (widget, GTK_TYPE_VIEWPORT);
  bool is_worked_at =
    self->field != NULL && (gtk_widget_get_state_flags (self->field) & GTK_STATE_FLAG_FOCUS_WITHIN) != 0;
  double x, y;

  self->reveal = 0;
  if (port != NULL && is_worked_at && gtk_widget_get_mapped (widget)
      && gtk_widget_translate_coordinates (widget, port, 0, 0, &x, &y))
    {
      GtkAdjustment *across = gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (port));
      double top = y + gtk_adjustment_get_value (across);

      gtk_adjustment_clamp_page (across, top, top + gtk_widget_get_height (widget) + 12);
    }
  return G_SOURCE_REMOVE;
}

void
bonsai_field_note_say (BonsaiFieldNote *self, GtkWidget *field, FieldNoteKind kind, const char *text)
{
  GtkWidget *label = GTK_WIDGET (self->label);

  gtk_label_set_text (self->label, text != NULL ? text : "");
  mark (label, "dim-label", kind == FIELD_NOTE_HINT);
  mark (label, "warning", kind == FIELD_NOTE_WARNING);
  mark (label, "error", kind == FIELD_NOTE_PROBLEM);
  gtk_widget_set_visible (GTK_WIDGET (self), text != NULL);
  if (field != NULL)
    mark (field, "error", kind == FIELD_NOTE_PROBLEM && text != NULL);
  g_set_weak_pointer (&self->field, field);
  if (text != NULL && self->reveal == 0) /* once it has its place */
    self->reveal = g_timeout_add_full (G_PRIORITY_LOW, 0, reveal, self, NULL);
}

bool
bonsai_field_note_judge (BonsaiFieldNote *self, GtkWidget *field, char *problem, char *advice)
{
  bool is_fine = problem == NULL;

  bonsai_field_note_say (self, field, is_fine ? FIELD_NOTE_WARNING : FIELD_NOTE_PROBLEM,
                         is_fine ? advice : problem);
  g_free (problem);
  g_free (advice);
  return is_fine;
}

/* A list asks only the next row: who comes by Tab is led on to the one after it. */
static gboolean
bonsai_field_note_focus (GtkWidget *widget, GtkDirectionType direction)
{
  bool backward = direction == GTK_DIR_TAB_BACKWARD || direction == GTK_DIR_UP;
  GtkWidget *next = widget;

  do
    next = backward ? gtk_widget_get_prev_sibling (next) : gtk_widget_get_next_sibling (next);
  while (next && !gtk_widget_get_visible (next));
  return next && gtk_widget_child_focus (next, direction);
}

static void
bonsai_field_note_dispose (GObject *object)
{
  BonsaiFieldNote *self = BONSAI_FIELD_NOTE (object);

  g_clear_handle_id (&self->reveal, g_source_remove);
  g_clear_weak_pointer (&self->field);
  G_OBJECT_CLASS (bonsai_field_note_parent_class)->dispose (object);
}

static void
bonsai_field_note_class_init (BonsaiFieldNoteClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_field_note_dispose;
  GTK_WIDGET_CLASS (klass)->focus = bonsai_field_note_focus;
}

static void
bonsai_field_note_init (BonsaiFieldNote *self)
{
  self->label = g_object_new (GTK_TYPE_LABEL, "accessible-role", GTK_ACCESSIBLE_ROLE_ALERT, "wrap", TRUE,
                              "wrap-mode", PANGO_WRAP_WORD_CHAR, "xalign", 0.0, "margin-start", 12,
                              "margin-end", 12, "margin-top", 9, "margin-bottom", 9, NULL);
  gtk_widget_add_css_class (GTK_WIDGET (self->label), "caption");
  gtk_list_box_row_set_child (GTK_LIST_BOX_ROW (self), GTK_WIDGET (self->label));
  g_object_set (self, "activatable", FALSE, "selectable", FALSE, "focusable", FALSE, "visible", FALSE, NULL);
}
