/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/error-dialog.h"

#include "ui/base/i18n.h"

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  if (g_strcmp0 (response, "copy") == 0)
    {
      g_autofree char *text = g_strdup_printf ("%s\n%s\n", adw_message_dialog_get_heading (dialog),
                                               adw_message_dialog_get_body (dialog));
      gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (dialog)), text);
    }
}

void
error_dialog_show (GtkWindow *parent, const char *heading, const GError *error)
{
  GtkWidget *dialog = adw_message_dialog_new (parent, heading, error->message);

  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "copy", _ ("_Copy Details"), "close",
                                    _ ("_Close"), NULL);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "close");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "close");
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), NULL);
  /* On its own, it keeps the app. */
  if (!parent)
    gtk_window_set_application (GTK_WINDOW (dialog), GTK_APPLICATION (g_application_get_default ()));
  gtk_window_present (GTK_WINDOW (dialog));
}

GtkWindow *
error_dialog_find_parent (void)
{
  return gtk_application_get_active_window (GTK_APPLICATION (g_application_get_default ()));
}
