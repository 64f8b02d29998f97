/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/snapshot/snapshot-dialogs.h"

#include "ui/base/i18n.h"
#include "ui/base/rows.h"

/* Who is told of the answer. */
typedef struct {
  GCallback told;
  gpointer data;
  GDestroyNotify destroy;
  GtkEditable *name;
  GtkEditable *note;        /* or NULL */
  GtkTextBuffer *long_note; /* or NULL */
  GtkSwitch *linked;        /* or NULL */
} Question;

static void
question_free (gpointer data, GClosure *closure)
{
  Question *question = data;

  if (question->destroy)
    question->destroy (question->data);
  g_free (question);
}

static Question *
question_new (GCallback told, gpointer data, GDestroyNotify destroy)
{
  Question *question = g_new0 (Question, 1);

  *question = (Question){ .told = told, .data = data, .destroy = destroy };
  return question;
}

/* --- forms --- */

static GtkWidget *
make_list (void)
{
  GtkWidget *list = gtk_list_box_new ();

  gtk_list_box_set_selection_mode (GTK_LIST_BOX (list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class (list, "boxed-list");
  return list;
}

static GtkEditable *
add_entry (GtkWidget *list, const char *title, const char *text)
{
  GtkWidget *row = adw_entry_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  gtk_editable_set_text (GTK_EDITABLE (row), text);
  adw_entry_row_set_activates_default (ADW_ENTRY_ROW (row), TRUE);
  gtk_list_box_append (GTK_LIST_BOX (list), row);
  return GTK_EDITABLE (row);
}

static GtkWidget *
make_dialog (GtkWindow *parent, const char *heading, const char *body, const char *response,
             const char *label)
{
  GtkWidget *dialog = adw_message_dialog_new (parent, heading, body);

  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), response, label,
                                    NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), response, ADW_RESPONSE_SUGGESTED);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), response);
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  return dialog;
}

/* Nothing can be made without a name. */
static void
on_name_changed (GtkEditable *name, AdwMessageDialog *dialog)
{
  adw_message_dialog_set_response_enabled (dialog, "make", *gtk_editable_get_text (name) != '\0');
}

static void
ask (GtkWidget *dialog, Question *question, GCallback answered)
{
  g_signal_connect (question->name, "changed", G_CALLBACK (on_name_changed), dialog);
  g_signal_connect_data (dialog, "response", answered, question, question_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  gtk_widget_grab_focus (GTK_WIDGET (question->name));
}

/* --- take --- */

static void
on_take (AdwMessageDialog *dialog, const char *response, Question *question)
{
  if (g_str_equal (response, "make"))
    ((SnapshotNamed)question->told) (gtk_editable_get_text (question->name),
                                     gtk_editable_get_text (question->note), question->data);
}

void
snapshot_dialog_take (GtkWindow *parent, const char *name, SnapshotNamed named, gpointer data,
                      GDestroyNotify destroy)
{
  GtkWidget *dialog = make_dialog (parent, _ ("Take a Snapshot"),
                                   _ ("The machine is kept as it is now. You can go back to it at any time."),
                                   "make", _ ("_Take"));
  Question *question = question_new (G_CALLBACK (named), data, destroy);
  GtkWidget *list = make_list ();

  question->name = add_entry (list, _ ("Name"), name);
  question->note = add_entry (list, _ ("Note"), "");
  adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), list);
  ask (dialog, question, G_CALLBACK (on_take));
}

/* --- go back --- */

static void
on_back (AdwMessageDialog *dialog, const char *response, Question *question)
{
  if (!g_str_equal (response, "cancel"))
    ((SnapshotBackChosen)question->told) (
      g_str_equal (response, "keep") ? SNAPSHOT_BACK_KEEPING : SNAPSHOT_BACK, question->data);
}

void
snapshot_dialog_back (GtkWindow *parent, const SnapshotNode *node, const char *machine, bool suspended,
                      SnapshotBackChosen chosen, gpointer data, GDestroyNotify destroy)
{
  g_autofree char *heading = g_strdup_printf (_ ("Go Back to “%s”?"), node->name);
  g_autofree char *body = g_strdup_printf (
    suspended
      ? _ ("“%s” is suspended: what its guest was doing will be lost.")
      : _ (
        "What “%s” has done since its last snapshot will be lost, unless you keep it as a snapshot first."),
    machine);
  GtkWidget *widget = adw_message_dialog_new (parent, heading, body);
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (widget);

  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "back", _ ("_Go Back"), NULL);
  adw_message_dialog_set_response_appearance (dialog, "back", ADW_RESPONSE_DESTRUCTIVE);
  if (!suspended)
    {
      adw_message_dialog_add_response (dialog, "keep", _ ("_Keep and Go Back"));
      adw_message_dialog_set_response_appearance (dialog, "keep", ADW_RESPONSE_SUGGESTED);
      adw_message_dialog_set_default_response (dialog, "keep");
    }
  adw_message_dialog_set_close_response (dialog, "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_back),
                         question_new (G_CALLBACK (chosen), data, destroy), question_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

/* --- clone --- */

static void
on_clone (AdwMessageDialog *dialog, const char *response, Question *question)
{
  if (g_str_equal (response, "make"))
    ((SnapshotCloneNamed)question->told) (gtk_editable_get_text (question->name),
                                          gtk_switch_get_active (question->linked), question->data);
}

static GtkSwitch *
add_switch (GtkWidget *list, const char *title, const char *subtitle)
{
  GtkWidget *row = adw_action_row_new (), *toggle = gtk_switch_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  gtk_widget_set_valign (toggle, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), toggle);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), toggle);
  gtk_list_box_append (GTK_LIST_BOX (list), row);
  gtk_accessible_update_property (GTK_ACCESSIBLE (toggle), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  return GTK_SWITCH (toggle);
}

void
snapshot_dialog_clone (GtkWindow *parent, const char *name, SnapshotCloneNamed named, gpointer data,
                       GDestroyNotify destroy)
{
  GtkWidget *dialog = make_dialog (parent, _ ("Make a Clone"),
                                   _ ("A new machine that begins as this snapshot."), "make", _ ("_Clone"));
  Question *question = question_new (G_CALLBACK (named), data, destroy);
  GtkWidget *list = make_list ();

  question->name = add_entry (list, _ ("Name"), name);
  question->linked =
    add_switch (list, _ ("Linked"),
                _ ("Is there at once and takes no room, but needs this snapshot as long as it lives"));
  adw_message_dialog_set_extra_child (ADW_MESSAGE_DIALOG (dialog), list);
  ask (dialog, question, G_CALLBACK (on_clone));
}

/* --- rename --- */

static void
on_renamed (GtkWidget *widget, Question *question)
{
  GtkWidget *popover = gtk_widget_get_ancestor (widget, GTK_TYPE_POPOVER);
  GtkTextIter start, end;
  g_autofree char *note = NULL;

  if (*gtk_editable_get_text (question->name) == '\0')
    return;
  gtk_text_buffer_get_bounds (question->long_note, &start, &end);
  note = gtk_text_buffer_get_text (question->long_note, &start, &end, FALSE);
  ((SnapshotNamed)question->told) (gtk_editable_get_text (question->name), note, question->data);
  gtk_popover_popdown (GTK_POPOVER (popover));
}

static GtkWidget *
make_note (const char *text)
{
  GtkWidget *window = gtk_scrolled_window_new (), *view = gtk_text_view_new ();

  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (view)), text ? text : "", -1);
  gtk_text_view_set_wrap_mode (GTK_TEXT_VIEW (view), GTK_WRAP_WORD_CHAR);
  gtk_text_view_set_accepts_tab (GTK_TEXT_VIEW (view), FALSE);
  gtk_text_view_set_left_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_right_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_top_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_bottom_margin (GTK_TEXT_VIEW (view), 9);
  gtk_accessible_update_property (GTK_ACCESSIBLE (view), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Note"), -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (window), view);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (window), 72);
  gtk_scrolled_window_set_min_content_width (GTK_SCROLLED_WINDOW (window), 240);
  gtk_widget_add_css_class (window, "card");
  gtk_widget_set_overflow (window, GTK_OVERFLOW_HIDDEN);
  return window;
}

GtkWidget *
snapshot_popover_rename (const SnapshotNode *node, SnapshotNamed named, gpointer data, GDestroyNotify destroy)
{
  Question *question = question_new (G_CALLBACK (named), data, destroy);
  GtkWidget *popover = gtk_popover_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *name = gtk_entry_new (), *note = make_note (node->note);
  GtkWidget *button = gtk_button_new_with_mnemonic (_ ("_Save"));

  gtk_editable_set_text (GTK_EDITABLE (name), node->name);
  gtk_accessible_update_property (GTK_ACCESSIBLE (name), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Name"), -1);
  gtk_widget_add_css_class (button, "suggested-action");
  gtk_box_append (GTK_BOX (box), name);
  gtk_box_append (GTK_BOX (box), note);
  gtk_box_append (GTK_BOX (box), button);
  gtk_popover_set_child (GTK_POPOVER (popover), box);
  question->name = GTK_EDITABLE (name);
  question->long_note =
    gtk_text_view_get_buffer (GTK_TEXT_VIEW (gtk_scrolled_window_get_child (GTK_SCROLLED_WINDOW (note))));
  g_signal_connect (name, "activate", G_CALLBACK (on_renamed), question);
  g_signal_connect_data (button, "clicked", G_CALLBACK (on_renamed), question, question_free, 0);
  return popover;
}
