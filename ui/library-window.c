/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library-window.h"

#include "ui/application.h"
#include "ui/create-wizard.h"
#include "ui/error-dialog.h"
#include "ui/vm-row.h"
#include "vmm/kvm/host-check.h"

struct _BonsaiLibraryWindow {
  AdwApplicationWindow parent;
  BonsaiLibrary *library;
  HostReport *host;
  char *deleted; /* the trash item that undo brings back, or NULL */
  AdwToast *undo_toast;
  bool closing; /* when the machines here are off */

  AdwToastOverlay *toasts;
  GtkStack *stack;
  GtkListBox *list;
  GtkInfoBar *host_bar;
  GtkLabel *host_label;
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryWindow, bonsai_library_window, ADW_TYPE_APPLICATION_WINDOW)

/* --- the host --- */

static const HostFinding *
worst_finding (const HostReport *host)
{
  const HostFinding *worst = NULL;

  for (guint i = 0; i < host->findings->len; i++)
    {
      const HostFinding *finding = g_ptr_array_index (host->findings, i);
      if (finding->level > HOST_FINDING_NOTE && (!worst || finding->level > worst->level))
        worst = finding;
    }
  return worst;
}

static void
show_host (BonsaiLibraryWindow *self)
{
  const HostFinding *finding = worst_finding (self->host);

  gtk_info_bar_set_revealed (self->host_bar, finding != NULL);
  if (!finding)
    return;
  g_autofree char *text =
    finding->remedy ? g_strdup_printf ("%s %s", finding->text, finding->remedy) : g_strdup (finding->text);
  gtk_label_set_text (self->host_label, text);
  gtk_info_bar_set_message_type (self->host_bar, finding->level == HOST_FINDING_ERROR ? GTK_MESSAGE_ERROR
                                                                                      : GTK_MESSAGE_WARNING);
}

static void
on_host_bar_response (GtkInfoBar *bar, int response, gpointer data)
{
  gtk_info_bar_set_revealed (bar, FALSE);
}

/* --- the list --- */

static GtkWidget *
make_row (gpointer item, gpointer data)
{
  return bonsai_vm_row_new (item);
}

static void
on_row_activated (GtkListBox *list, GtkListBoxRow *row, gpointer data)
{
  bonsai_vm_row_activate (BONSAI_VM_ROW (row));
}

static void
update_page (BonsaiLibraryWindow *self)
{
  bool empty = g_list_model_get_n_items (G_LIST_MODEL (self->library)) == 0;

  gtk_stack_set_visible_child_name (self->stack, empty ? "empty" : "list");
}

static BonsaiVmRow *
find_row (BonsaiLibraryWindow *self, BonsaiVm *vm)
{
  GtkListBoxRow *row;

  for (int i = 0; (row = gtk_list_box_get_row_at_index (self->list, i)) != NULL; i++)
    if (bonsai_vm_row_get_vm (BONSAI_VM_ROW (row)) == vm)
      return BONSAI_VM_ROW (row);
  return NULL;
}

static void
on_created (BonsaiCreateWizard *wizard, BonsaiVm *vm, gboolean start, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  BonsaiVmRow *row = find_row (self, vm);
  g_autofree char *title = g_markup_printf_escaped ("“%s” is ready", bonsai_vm_get_name (vm));

  if (start && row)
    bonsai_vm_row_activate (row);
  else
    adw_toast_overlay_add_toast (self->toasts, adw_toast_new (title));
}

static void
on_create (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  BonsaiCreateWizard *wizard = bonsai_create_wizard_new (GTK_WINDOW (self), self->library, self->host);

  g_signal_connect_object (wizard, "created", G_CALLBACK (on_created), self, 0);
  gtk_window_present (GTK_WINDOW (wizard));
}

/* --- delete and undo --- */

static void
enable_undo (BonsaiLibraryWindow *self)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), "undo-delete");

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), self->deleted != NULL);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm = bonsai_library_find (self->library, g_variant_get_string (parameter, NULL));

  if (!vm)
    return;
  g_autofree char *title = g_markup_printf_escaped ("“%s” deleted", bonsai_vm_get_name (vm));
  g_autofree char *item = bonsai_library_delete (self->library, vm, &error);
  if (!item)
    {
      error_dialog_show (GTK_WINDOW (self), "Can’t Delete the Machine", error);
      return;
    }
  g_free (self->deleted);
  self->deleted = g_steal_pointer (&item);
  enable_undo (self);
  if (self->undo_toast)
    adw_toast_dismiss (self->undo_toast);
  AdwToast *toast = adw_toast_new (title);
  adw_toast_set_button_label (toast, "_Undo");
  adw_toast_set_action_name (toast, "win.undo-delete");
  adw_toast_set_timeout (toast, 10);
  g_set_weak_pointer (&self->undo_toast, toast);
  adw_toast_overlay_add_toast (self->toasts, toast);
}

static void
on_undo_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *item = g_steal_pointer (&self->deleted);

  enable_undo (self);
  if (self->undo_toast)
    adw_toast_dismiss (self->undo_toast);
  if (item && !bonsai_library_undelete (self->library, item, &error))
    error_dialog_show (GTK_WINDOW (self), "Can’t Bring the Machine Back", error);
}

/* --- closing with machines that run --- */

/* The window stays until the last guest is off, or one doesn't go. */
static void
close_when_idle (BonsaiLibraryWindow *self)
{
  if (self->closing && bonsai_library_count_hosted (self->library) == 0)
    gtk_window_destroy (GTK_WINDOW (self));
}

static void
on_shut_down (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (BonsaiLibraryWindow) self = data;
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_control_finish (BONSAI_VM (source), result, &error) || !self->closing)
    return;
  self->closing = false;
  error_dialog_show (GTK_WINDOW (self), "Can’t Shut Down a Machine", error);
}

static void
shut_down_hosted (BonsaiLibraryWindow *self)
{
  self->closing = true;
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (self->library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (self->library), i);
      if (!bonsai_vm_is_hosted_here (vm))
        continue;
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (close_when_idle), self, G_CONNECT_SWAPPED);
      bonsai_vm_control_async (vm, BONSAI_CONTROL_SHUTDOWN, 0, NULL, on_shut_down, g_object_ref (self));
    }
}

static void
on_close_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  BonsaiLibraryWindow *self = data;

  if (g_strcmp0 (response, "shutdown") == 0)
    shut_down_hosted (self);
  else if (g_strcmp0 (response, "keep") == 0)
    {
      /* The dialog goes after us, and would look at its parent then. */
      gtk_window_set_transient_for (GTK_WINDOW (dialog), NULL);
      gtk_window_destroy (GTK_WINDOW (self));
    }
}

static gboolean
bonsai_library_window_close_request (GtkWindow *window)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (window);
  guint n = bonsai_library_count_hosted (self->library);

  if (n == 0)
    return FALSE;
  g_autofree char *heading =
    n == 1 ? g_strdup ("A Machine Is Running") : g_strdup_printf ("%u Machines Are Running", n);
  GtkWidget *dialog = adw_message_dialog_new (
    window, heading, "They can run on without this window: opening Bonsai again shows it.");
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", "_Cancel", "shutdown",
                                    "_Shut Down", "keep", "_Keep Running", NULL);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "keep");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "keep", ADW_RESPONSE_SUGGESTED);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_close_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return TRUE;
}

/* --- life --- */

static void
bonsai_library_window_dispose (GObject *object)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (object);

  self->closing = false;
  g_clear_weak_pointer (&self->undo_toast);
  g_clear_object (&self->library);
  g_clear_pointer (&self->host, host_report_free);
  g_clear_pointer (&self->deleted, g_free);
  G_OBJECT_CLASS (bonsai_library_window_parent_class)->dispose (object);
}

static void
bonsai_library_window_class_init (BonsaiLibraryWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_library_window_dispose;
  GTK_WINDOW_CLASS (klass)->close_request = bonsai_library_window_close_request;
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library-window.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, list);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, host_bar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, host_label);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_host_bar_response);
}

static void
bonsai_library_window_init (BonsaiLibraryWindow *self)
{
  static const GActionEntry actions[] = {
    { .name = "create", .activate = on_create },
    { .name = "delete", .activate = on_delete, .parameter_type = "s" },
    { .name = "undo-delete", .activate = on_undo_delete },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  gtk_widget_init_template (GTK_WIDGET (self));
  enable_undo (self);
}

BonsaiLibraryWindow *
bonsai_library_window_new (GtkApplication *application, BonsaiLibrary *library)
{
  BonsaiLibraryWindow *self = g_object_new (BONSAI_TYPE_LIBRARY_WINDOW, "application", application, NULL);

  self->library = g_object_ref (library);
  self->host = host_check (NULL);
  gtk_list_box_bind_model (self->list, G_LIST_MODEL (library), make_row, NULL, NULL);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (update_page), self, G_CONNECT_SWAPPED);
  update_page (self);
  show_host (self);
  return self;
}
