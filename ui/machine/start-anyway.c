/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/start-anyway.h"

#include "ui/base/i18n.h"

#include <adwaita.h>

typedef struct {
  BonsaiVm *vm;
  void (*start) (BonsaiVm *vm);
} Question;

static void
question_free (gpointer data, GClosure *closure)
{
  g_object_unref (((Question *)data)->vm);
  g_free (data);
}

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  const Question *question = data;

  if (g_str_equal (response, "start"))
    question->start (question->vm);
}

void
start_anyway_ask (GtkWindow *parent, BonsaiVm *vm, const GError *error, void (*start) (BonsaiVm *vm))
{
  g_autofree char *heading = g_strdup_printf (_ ("Not Enough Memory for “%s”"), bonsai_vm_get_name (vm));
  GtkWidget *dialog = adw_message_dialog_new (parent, heading, error->message);
  Question *question = g_new (Question, 1);

  *question = (Question){ g_object_ref (vm), start };
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "start",
                                    _ ("_Start Anyway"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "start", ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_response), question, question_free, 0);
  if (!parent)
    gtk_window_set_application (GTK_WINDOW (dialog), GTK_APPLICATION (g_application_get_default ()));
  gtk_window_present (GTK_WINDOW (dialog));
}
