/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/rows.h"

#define MAX_CHOICE 100 /* pixels that a choice’s text has in any window */

void
row_set_subtitle (AdwActionRow *row, const char *text)
{
  g_autofree char *markup = g_markup_escape_text (text, -1);

  adw_action_row_set_subtitle (row, markup);
}

static void
set_up_label (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  GtkWidget *label = gtk_label_new (NULL);

  gtk_label_set_xalign (GTK_LABEL (label), 0);
  gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
  gtk_widget_set_size_request (label, GPOINTER_TO_INT (data), -1);
  gtk_list_item_set_child (item, label);
}

static void
bind_label (GtkSignalListItemFactory *factory, GtkListItem *item, gpointer data)
{
  GtkStringObject *string = gtk_list_item_get_item (item);

  gtk_label_set_text (GTK_LABEL (gtk_list_item_get_child (item)), gtk_string_object_get_string (string));
}

/* In pixels: as wide as the longest, within reason, also when text becomes larger. */
static int
width_for (GtkWidget *choice, GtkStringList *labels)
{
  PangoFontMetrics *metrics = pango_context_get_metrics (gtk_widget_get_pango_context (choice), NULL, NULL);
  int character = PANGO_PIXELS_CEIL (pango_font_metrics_get_approximate_char_width (metrics));
  glong width = 0;

  pango_font_metrics_unref (metrics);
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (labels)); i++)
    width = MAX (width, g_utf8_strlen (gtk_string_list_get_string (labels, i), -1));
  return (int)MIN (width * character, MAX_CHOICE);
}

void
row_choice_shrink (GtkDropDown *choice, GtkStringList *labels)
{
  g_autoptr (GtkListItemFactory) shown = gtk_signal_list_item_factory_new ();
  g_autoptr (GtkListItemFactory) listed = g_object_ref (gtk_drop_down_get_factory (choice));
  int width = width_for (GTK_WIDGET (choice), labels);

  g_signal_connect (shown, "setup", G_CALLBACK (set_up_label), GINT_TO_POINTER (width));
  g_signal_connect (shown, "bind", G_CALLBACK (bind_label), NULL);
  if (!gtk_drop_down_get_list_factory (choice))
    gtk_drop_down_set_list_factory (choice, listed);
  gtk_drop_down_set_factory (choice, shown);
}

GtkWidget *
row_choice_new (GtkStringList *labels)
{
  GtkWidget *choice = gtk_drop_down_new (G_LIST_MODEL (labels), NULL);

  row_choice_shrink (GTK_DROP_DOWN (choice), labels);
  gtk_widget_set_valign (choice, GTK_ALIGN_CENTER);
  return choice;
}

void
row_ignore_wheel (GtkWidget *widget)
{
  g_autoptr (GListModel) controllers = gtk_widget_observe_controllers (widget);

  for (guint i = g_list_model_get_n_items (controllers); i-- > 0;)
    {
      g_autoptr (GtkEventController) controller = g_list_model_get_item (controllers, i);

      if (GTK_IS_EVENT_CONTROLLER_SCROLL (controller))
        gtk_widget_remove_controller (widget, controller);
    }
}

GtkWidget *
row_number_new (double min, double max, double step)
{
  GtkWidget *number = gtk_spin_button_new_with_range (min, max, step);

  row_ignore_wheel (number);
  gtk_editable_set_width_chars (GTK_EDITABLE (number), 4);
  gtk_editable_set_max_width_chars (GTK_EDITABLE (number), 8);
  gtk_widget_set_valign (number, GTK_ALIGN_CENTER);
  return number;
}
