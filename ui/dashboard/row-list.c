/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/dashboard/row-list.h"

void
row_list_init (RowList *list, AdwPreferencesGroup *group)
{
  list->group = group;
  list->rows = g_ptr_array_new ();
  list->told = g_strdup ("");
  gtk_widget_set_visible (GTK_WIDGET (group), FALSE);
}

void
row_list_clear (RowList *list)
{
  g_clear_pointer (&list->rows, g_ptr_array_unref);
  g_clear_pointer (&list->told, g_free);
}

bool
row_list_begin (RowList *list, char *what)
{
  bool changed = g_strcmp0 (list->told, what) != 0;

  g_free (list->told);
  list->told = what;
  if (!changed)
    return false;
  for (guint i = 0; i < list->rows->len; i++)
    adw_preferences_group_remove (list->group, g_ptr_array_index (list->rows, i));
  g_ptr_array_set_size (list->rows, 0);
  gtk_widget_set_visible (GTK_WIDGET (list->group), *what != '\0');
  return *what != '\0';
}

void
row_list_add (RowList *list, GtkWidget *row)
{
  adw_preferences_group_add (list->group, row);
  g_ptr_array_add (list->rows, row);
}

GtkWidget *
row_list_row (const char *title, const char *subtitle, const char *icon, const char *uuid)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *label = g_strdup_printf ("%s: %s", title, subtitle);

  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  adw_action_row_set_icon_name (ADW_ACTION_ROW (row), icon);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  if (uuid)
    {
      gtk_actionable_set_action_name (GTK_ACTIONABLE (row), "win.show-vm");
      gtk_actionable_set_action_target (GTK_ACTIONABLE (row), "s", uuid);
    }
  gtk_list_box_row_set_activatable (GTK_LIST_BOX_ROW (row), uuid != NULL);
  return row;
}
