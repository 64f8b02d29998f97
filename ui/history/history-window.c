/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/history/history-window.h"

#include "ui/base/i18n.h"
#include "ui/history/history-page.h"

void
history_window_show (GtkWindow *parent, BonsaiVm *vm)
{
  GtkWidget *window = adw_window_new (), *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *page = g_object_new (BONSAI_TYPE_HISTORY_PAGE, "vexpand", true, NULL);
  GtkEventController *shortcuts = gtk_shortcut_controller_new ();
  g_autoptr (GString) title = g_string_new (_ ("History of “%s”"));

  g_string_replace (title, "%s", bonsai_vm_get_name (vm), 1);
  gtk_window_set_title (GTK_WINDOW (window), title->str);
  gtk_window_set_transient_for (GTK_WINDOW (window), parent);
  gtk_window_set_destroy_with_parent (GTK_WINDOW (window), true);
  gtk_window_set_default_size (GTK_WINDOW (window), 760, 640);
  gtk_shortcut_controller_add_shortcut (
    GTK_SHORTCUT_CONTROLLER (shortcuts),
    gtk_shortcut_new (gtk_keyval_trigger_new (GDK_KEY_Escape, 0), gtk_named_action_new ("window.close")));
  gtk_widget_add_controller (window, shortcuts);
  gtk_box_append (GTK_BOX (box), adw_header_bar_new ());
  gtk_box_append (GTK_BOX (box), page);
  adw_window_set_content (ADW_WINDOW (window), box);
  bonsai_history_page_set_vm (BONSAI_HISTORY_PAGE (page), vm);
  gtk_window_present (GTK_WINDOW (window));
}
