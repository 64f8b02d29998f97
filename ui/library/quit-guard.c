/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/quit-guard.h"

#include "app/vm/vm-settings.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"

#include <adwaita.h>

/* What the window waits for; the window's, and gone with it. */
typedef struct {
  GtkWindow *window;
  BonsaiLibrary *library;
  bool closing; /* when the last guest is off, unless one doesn't go */
} QuitGuard;

#define KEY "quit-guard"

static void
quit_guard_free (gpointer data)
{
  QuitGuard *guard = data;

  g_object_unref (guard->library);
  g_free (guard);
}

static void
close_when_idle (GtkWindow *window)
{
  QuitGuard *guard = g_object_get_data (G_OBJECT (window), KEY);

  if (guard && guard->closing && bonsai_library_count_hosted (guard->library) == 0)
    gtk_window_destroy (window);
}

static void
on_shut_down (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GtkWindow) window = data;
  QuitGuard *guard = g_object_get_data (G_OBJECT (window), KEY);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_control_finish (BONSAI_VM (source), result, &error) || !guard || !guard->closing)
    return;
  guard->closing = false;
  error_dialog_show (window, _ ("Can’t Shut Down a Machine"), error);
}

static void
shut_down (QuitGuard *guard)
{
  guard->closing = true;
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (guard->library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (guard->library), i);
      if (!bonsai_vm_is_hosted_here (vm))
        continue;
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (close_when_idle), guard->window,
                               G_CONNECT_SWAPPED);
      bonsai_vm_control_async (vm, BONSAI_CONTROL_SHUTDOWN, 0, NULL, on_shut_down,
                               g_object_ref (guard->window));
    }
}

static void
on_response (GtkWindow *window, const char *response, AdwMessageDialog *dialog)
{
  if (g_strcmp0 (response, "shutdown") == 0)
    shut_down (g_object_get_data (G_OBJECT (window), KEY));
  else if (g_strcmp0 (response, "keep") == 0)
    {
      /* The dialog goes after us, and would look at its parent then. */
      gtk_window_set_transient_for (GTK_WINDOW (dialog), NULL);
      gtk_window_destroy (window);
    }
}

/* --- what is being saved --- */

typedef struct {
  GtkWindow *window;
  guint left;  /* machines */
  bool failed; /* one of them, of which its owner is told: the window stays */
} SaveWait;

static void
on_saved (GObject *source, GAsyncResult *result, gpointer data)
{
  SaveWait *wait = data;

  wait->failed |= !bonsai_vm_save_finish (BONSAI_VM (source), result, NULL);
  if (--wait->left > 0)
    return;
  if (!wait->failed)
    gtk_window_close (wait->window);
  g_object_unref (wait->window);
  g_free (wait);
}

/* Whether there is something to wait for; then the window is closed when that is done. */
static bool
await_saves (GtkWindow *window, BonsaiLibrary *library)
{
  SaveWait *wait = g_new0 (SaveWait, 1);

  wait->window = g_object_ref (window);
  gtk_window_set_focus (window, NULL); /* what is left is saved */
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);
      if (!bonsai_vm_is_saving (vm))
        continue;
      wait->left++;
      bonsai_vm_await_saves_async (vm, on_saved, wait);
    }
  if (wait->left > 0)
    return true;
  g_object_unref (wait->window);
  g_free (wait);
  return false;
}

bool
quit_guard_ask (GtkWindow *window, BonsaiLibrary *library)
{
  guint n = bonsai_library_count_hosted (library);
  g_autofree char *heading =
    g_strdup_printf (ngettext ("A Machine Is Running", "%u Machines Are Running", n), n);
  QuitGuard *guard;
  GtkWidget *dialog;

  if (await_saves (window, library))
    return true;
  if (n == 0)
    return false;
  guard = g_new0 (QuitGuard, 1);
  *guard = (QuitGuard){ window, g_object_ref (library), false };
  g_object_set_data_full (G_OBJECT (window), KEY, guard, quit_guard_free);
  dialog = adw_message_dialog_new (window, heading,
                                   _ ("They can run on without this window: opening Bonsai again shows it."));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "shutdown",
                                    _ ("_Shut Down"), "keep", _ ("_Keep Running"), NULL);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "keep");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "keep", ADW_RESPONSE_SUGGESTED);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_response), window, G_CONNECT_SWAPPED);
  gtk_window_present (GTK_WINDOW (dialog));
  return true;
}
