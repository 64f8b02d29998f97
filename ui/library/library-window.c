/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/library-window.h"

#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/stall-watch.h"
#include "ui/host/host-page.h"
#include "ui/library/file-drop.h"
#include "ui/library/library-sidebar.h"
#include "ui/library/library-view.h"
#include "ui/library/trash-page.h"
#include "ui/machine/machine-actions.h"
#include "ui/machine/machine-page.h"
#include "ui/wizard/create-wizard.h"
#include "vmm/kvm/host-check.h"

#include <string.h>

#define STATE_GROUP "Window"

struct _BonsaiLibraryWindow {
  AdwApplicationWindow parent;
  BonsaiLibrary *library;
  HostReport *host;
  UiState *state;     /* the application's */
  bool remembers;     /* where it is: the first window does */
  GPtrArray *deleted; /* of char *: trash items that undo brings back */
  AdwToast *undo_toast;
  bool closing; /* when the machines here are off */

  AdwToastOverlay *toasts;
  AdwLeaflet *leaflet;
  BonsaiLibrarySidebar *sidebar;
  GtkWidget *content;
  GtkStack *stack;
  BonsaiLibraryView *view;
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryWindow, bonsai_library_window, ADW_TYPE_APPLICATION_WINDOW)

void
bonsai_library_window_toast (BonsaiLibraryWindow *self, const char *text)
{
  g_autofree char *title = g_markup_escape_text (text, -1);

  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (title));
}

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

  if (!finding)
    return;
  g_autofree char *text =
    finding->remedy ? g_strdup_printf ("%s %s", finding->text, finding->remedy) : g_strdup (finding->text);
  bonsai_library_view_show_trouble (self->view, text, finding->level == HOST_FINDING_ERROR);
}

/* --- places --- */

/* A page is made when it is first looked at. */
static GtkWidget *
need_page (BonsaiLibraryWindow *self, const char *name)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, name);
  BonsaiApplication *application = BONSAI_APPLICATION (gtk_window_get_application (GTK_WINDOW (self)));

  if (page)
    return page;
  if (g_str_equal (name, "machine"))
    page = bonsai_machine_page_new (self->library);
  else if (g_str_equal (name, "trash"))
    page = bonsai_trash_page_new (self->library, bonsai_application_get_trash (application));
  else
    page = bonsai_host_page_new (self->library);
  gtk_stack_add_named (self->stack, page, name);
  return page;
}

static bool
show_machine (BonsaiLibraryWindow *self, const char *key)
{
  BonsaiVm *vm = bonsai_library_find (self->library, key);

  if (!vm)
    return false;
  GtkWidget *page = need_page (self, "machine");
  bonsai_machine_page_set_vm (BONSAI_MACHINE_PAGE (page), vm);
  gtk_stack_set_visible_child (self->stack, page);
  return true;
}

/* A machine that isn't looked at any more is let go of. */
static void
leave_machine (BonsaiLibraryWindow *self)
{
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, "machine");

  if (page && gtk_stack_get_visible_child (self->stack) != page)
    bonsai_machine_page_set_vm (BONSAI_MACHINE_PAGE (page), NULL);
}

static void
show_place (BonsaiLibraryWindow *self, const char *place)
{
  if (g_str_has_prefix (place, "machine:"))
    {
      if (!show_machine (self, place + strlen ("machine:")))
        return;
    }
  else if (g_str_equal (place, "trash") || g_str_equal (place, "host"))
    gtk_stack_set_visible_child (self->stack, need_page (self, place));
  else
    {
      if (g_str_equal (place, "templates"))
        bonsai_library_view_set_templates (self->view);
      else
        bonsai_library_view_set_group (self->view,
                                       g_str_has_prefix (place, "group:") ? place + strlen ("group:") : NULL);
      gtk_stack_set_visible_child (self->stack, GTK_WIDGET (self->view));
    }
  bonsai_library_view_capture_keys (
    self->view,
    gtk_stack_get_visible_child (self->stack) == GTK_WIDGET (self->view) ? GTK_WIDGET (self) : NULL);
  leave_machine (self);
  if (self->remembers)
    ui_state_set_string (self->state, STATE_GROUP, "place", place);
}

static void
on_place_changed (BonsaiLibraryWindow *self, const char *place)
{
  show_place (self, place);
}

/* Where there is room for one half only, it is the place's turn. */
static void
on_place_opened (BonsaiLibraryWindow *self, const char *place)
{
  adw_leaflet_set_visible_child (self->leaflet, self->content);
}

static void
go (BonsaiLibraryWindow *self, const char *place)
{
  if (!bonsai_library_sidebar_set_place (self->sidebar, place))
    {
      place = "all";
      bonsai_library_sidebar_set_place (self->sidebar, place);
    }
  show_place (self, place);
  adw_leaflet_set_visible_child (self->leaflet, self->content);
}

static void
on_go (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  go (data, g_variant_get_string (parameter, NULL));
}

static void
on_opened (BonsaiLibraryWindow *self, BonsaiVm *vm)
{
  g_autofree char *key = bonsai_machine_actions_key (vm);
  g_autofree char *place = g_strconcat ("machine:", key, NULL);

  go (self, place);
}

static void
on_show_vm (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  BonsaiVm *vm = bonsai_library_find (self->library, g_variant_get_string (parameter, NULL));

  if (vm)
    on_opened (self, vm);
}

/* From a machine to its neighbours; folded, from any place to all places. */
static void
on_back (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;

  if (gtk_stack_get_visible_child (self->stack) != GTK_WIDGET (self->view))
    go (self, "all");
  else if (adw_leaflet_get_folded (self->leaflet))
    adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->sidebar));
}

static void
on_search (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;

  if (gtk_stack_get_visible_child (self->stack) != GTK_WIDGET (self->view))
    go (self, "all");
  bonsai_library_view_search (self->view);
}

static void
on_toggle_mode (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  gtk_widget_activate_action (GTK_WIDGET (((BonsaiLibraryWindow *)data)->view), "view.toggle-mode", NULL);
}

static void
on_organise (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  GtkWidget *page = gtk_stack_get_child_by_name (self->stack, "machine");

  if (page && gtk_stack_get_visible_child (self->stack) == page)
    gtk_widget_activate_action (page, "vm.organise", NULL);
  else
    gtk_widget_activate_action (GTK_WIDGET (self->view), "bulk.organise", NULL);
}

/* --- creating --- */

static void
on_created (BonsaiCreateWizard *wizard, BonsaiVm *vm, gboolean start, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  g_autofree char *text = g_strdup_printf (_ ("“%s” is ready"), bonsai_vm_get_name (vm));

  if (start)
    bonsai_machine_actions_start (vm);
  else
    bonsai_library_window_toast (self, text);
}

static BonsaiCreateWizard *
open_wizard (BonsaiLibraryWindow *self)
{
  BonsaiCreateWizard *wizard = bonsai_create_wizard_new (GTK_WINDOW (self), self->library, self->host);

  g_signal_connect_object (wizard, "created", G_CALLBACK (on_created), self, 0);
  gtk_window_present (GTK_WINDOW (wizard));
  return wizard;
}

/* (transfer none) (nullable) */
static BonsaiVm *
machine_at (BonsaiLibrary *library, const char *folder)
{
  for (guint i = 0; i < g_list_model_get_n_items (G_LIST_MODEL (library)); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (G_LIST_MODEL (library), i);

      if (g_strcmp0 (bonsai_vm_get_path (vm), folder) == 0)
        return vm;
    }
  return NULL;
}

/* A folder is copied, whoever's it is; a description (file managers can't be told what opens a folder) shows
 * the machine that is here already. */
static void
on_create (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  open_wizard (data);
}

static void
open_file (BonsaiLibraryWindow *self, const char *path)
{
  g_autofree char *bundle = file_drop_bundle (path);
  BonsaiVm *vm = bundle && !g_str_equal (bundle, path) ? machine_at (self->library, bundle) : NULL;

  if (vm)
    on_opened (self, vm);
  else if (bundle)
    file_drop_import (GTK_WINDOW (self), self->library, bundle);
  else
    bonsai_create_wizard_set_file (open_wizard (self), path);
}

static void
on_open_file (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  open_file (data, g_variant_get_string (parameter, NULL));
}

static void
on_file_dropped (GtkWidget *window, const char *path, gpointer data)
{
  open_file (BONSAI_LIBRARY_WINDOW (window), path);
}

/* --- delete and undo --- */

static void
enable_undo (BonsaiLibraryWindow *self)
{
  GAction *action = g_action_map_lookup_action (G_ACTION_MAP (self), "undo-delete");

  g_simple_action_set_enabled (G_SIMPLE_ACTION (action), self->deleted->len > 0);
}

static void
on_undo_toast_gone (BonsaiLibraryWindow *self)
{
  /* What is deleted from now on is undone by itself. Until then Control+Z brings this back. */
  self->undo_toast = NULL;
}

/* One word for those that go together. */
static void
offer_undo (BonsaiLibraryWindow *self, const char *name)
{
  guint n = self->deleted->len;
  g_autofree char *text = n == 1
                            ? g_strdup_printf (_ ("“%s” deleted"), name)
                            : g_strdup_printf (ngettext ("%u machine deleted", "%u machines deleted", n), n);
  g_autofree char *title = g_markup_escape_text (text, -1);

  if (self->undo_toast)
    {
      adw_toast_set_title (self->undo_toast, title);
      return;
    }
  self->undo_toast = adw_toast_new (title);
  adw_toast_set_button_label (self->undo_toast, _ ("_Undo"));
  adw_toast_set_action_name (self->undo_toast, "win.undo-delete");
  adw_toast_set_timeout (self->undo_toast, 10);
  adw_toast_set_priority (self->undo_toast, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_object (self->undo_toast, "dismissed", G_CALLBACK (on_undo_toast_gone), self,
                           G_CONNECT_SWAPPED);
  adw_toast_overlay_add_toast (self->toasts, self->undo_toast);
}

static void
on_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  g_autoptr (GError) error = NULL;
  BonsaiVm *vm = bonsai_library_find (self->library, g_variant_get_string (parameter, NULL));

  if (!vm)
    return;
  g_autofree char *name = g_strdup (bonsai_vm_get_name (vm));
  g_autofree char *item = bonsai_library_delete (self->library, vm, &error);
  if (!item)
    {
      error_dialog_show (GTK_WINDOW (self), _ ("Can’t Delete the Machine"), error);
      return;
    }
  if (!self->undo_toast)
    g_ptr_array_set_size (self->deleted, 0);
  g_ptr_array_add (self->deleted, g_steal_pointer (&item));
  enable_undo (self);
  offer_undo (self, name);
}

static void
on_undo_delete (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  g_autoptr (GPtrArray) items = self->deleted;

  self->deleted = g_ptr_array_new_with_free_func (g_free);
  enable_undo (self);
  if (self->undo_toast)
    adw_toast_dismiss (self->undo_toast);
  /* What went last comes first: linked clones lie on it. */
  for (guint i = items->len; i-- > 0;)
    {
      g_autoptr (GError) error = NULL;
      if (!bonsai_library_undelete (self->library, g_ptr_array_index (items, i), &error))
        error_dialog_show (GTK_WINDOW (self), _ ("Can’t Bring the Machine Back"), error);
    }
}

/* --- jobs --- */

static void
on_job_state (BonsaiJob *job, GParamSpec *pspec, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  BonsaiJobState state = bonsai_job_get_state (job);
  const char *detail = bonsai_job_get_detail (job);

  if (!gtk_window_is_active (GTK_WINDOW (self)))
    return;
  if (state == BONSAI_JOB_DONE && *detail)
    bonsai_library_window_toast (self, detail);
  else if (state == BONSAI_JOB_FAILED)
    {
      g_autofree char *heading = g_strdup_printf (_ ("%s Failed"), bonsai_job_get_title (job));
      error_dialog_show (GTK_WINDOW (self), heading, bonsai_job_get_error (job));
    }
}

static void
on_jobs_changed (GListModel *jobs, guint position, guint removed, guint added, gpointer data)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiJob) job = g_list_model_get_item (jobs, i);
      g_signal_connect_object (job, "notify::state", G_CALLBACK (on_job_state), data, 0);
    }
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
  error_dialog_show (GTK_WINDOW (self), _ ("Can’t Shut Down a Machine"), error);
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

static bool
is_last (BonsaiLibraryWindow *self)
{
  GList *windows = gtk_application_get_windows (gtk_window_get_application (GTK_WINDOW (self)));

  for (; windows; windows = windows->next)
    if (BONSAI_IS_LIBRARY_WINDOW (windows->data) && windows->data != self)
      return false;
  return true;
}

static gboolean
bonsai_library_window_close_request (GtkWindow *window)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (window);
  guint n = bonsai_library_count_hosted (self->library);

  if (n == 0 || !is_last (self))
    return FALSE;
  g_autofree char *heading =
    g_strdup_printf (ngettext ("A Machine Is Running", "%u Machines Are Running", n), n);
  GtkWidget *dialog = adw_message_dialog_new (
    window, heading, _ ("They can run on without this window: opening Bonsai again shows it."));
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "shutdown",
                                    _ ("_Shut Down"), "keep", _ ("_Keep Running"), NULL);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "keep");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "keep", ADW_RESPONSE_SUGGESTED);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_close_response), self, 0);
  gtk_window_present (GTK_WINDOW (dialog));
  return TRUE;
}

/* --- how it looked last time --- */

static void
remember_size (BonsaiLibraryWindow *self)
{
  int width, height;

  if (!self->remembers || !self->state)
    return;
  gtk_window_get_default_size (GTK_WINDOW (self), &width, &height);
  ui_state_set_int (self->state, STATE_GROUP, "width", width);
  ui_state_set_int (self->state, STATE_GROUP, "height", height);
  ui_state_set_bool (self->state, STATE_GROUP, "maximized", gtk_window_is_maximized (GTK_WINDOW (self)));
}

static void
on_view_changed (BonsaiLibraryWindow *self)
{
  ui_state_set_string (self->state, STATE_GROUP, "view", bonsai_library_view_get_mode (self->view));
  ui_state_set_string (self->state, STATE_GROUP, "sort", bonsai_library_view_get_sort (self->view));
}

static void
on_expanded_changed (BonsaiLibraryWindow *self)
{
  g_auto (GStrv) expanded = NULL;

  if (!self->remembers)
    return;
  expanded = bonsai_library_sidebar_get_expanded (self->sidebar);
  ui_state_set_strings (self->state, STATE_GROUP, "expanded", (const char *const *)expanded);
}

static void
restore (BonsaiLibraryWindow *self, const char *place)
{
  g_autofree char *mode = ui_state_get_string (self->state, STATE_GROUP, "view");
  g_autofree char *sort = ui_state_get_string (self->state, STATE_GROUP, "sort");
  g_autofree char *last = place ? g_strdup (place) : ui_state_get_string (self->state, STATE_GROUP, "place");
  g_auto (GStrv) expanded = ui_state_get_strings (self->state, STATE_GROUP, "expanded");

  gtk_window_set_default_size (GTK_WINDOW (self), ui_state_get_int (self->state, STATE_GROUP, "width", 940),
                               ui_state_get_int (self->state, STATE_GROUP, "height", 620));
  if (ui_state_get_bool (self->state, STATE_GROUP, "maximized"))
    gtk_window_maximize (GTK_WINDOW (self));
  if (expanded)
    bonsai_library_sidebar_set_expanded (self->sidebar, (const char *const *)expanded);
  bonsai_library_view_set_sort (self->view, sort);
  bonsai_library_view_set_mode (self->view, mode);
  go (self, last ? last : "all");
}

/* --- life --- */

static void
on_painted (GdkFrameClock *clock, gpointer data)
{
  g_signal_handlers_disconnect_by_func (clock, on_painted, data);
  stall_watch_tell_start ();
}

static void
bonsai_library_window_map (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (bonsai_library_window_parent_class)->map (widget);
  stall_watch_follow (widget);
  if (is_last (BONSAI_LIBRARY_WINDOW (widget)))
    g_signal_connect (gtk_widget_get_frame_clock (widget), "after-paint", G_CALLBACK (on_painted), widget);
}

static void
bonsai_library_window_dispose (GObject *object)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (object);

  self->closing = false;
  self->state = NULL;
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_library_window_parent_class)->dispose (object);
}

static void
bonsai_library_window_finalize (GObject *object)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (object);

  g_clear_pointer (&self->host, host_report_free);
  g_ptr_array_unref (self->deleted);
  G_OBJECT_CLASS (bonsai_library_window_parent_class)->finalize (object);
}

static void
bonsai_library_window_class_init (BonsaiLibraryWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_library_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_window_finalize;
  widget_class->map = bonsai_library_window_map;
  GTK_WINDOW_CLASS (klass)->close_request = bonsai_library_window_close_request;
  g_type_ensure (BONSAI_TYPE_LIBRARY_SIDEBAR);
  g_type_ensure (BONSAI_TYPE_LIBRARY_VIEW);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/library-window.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, sidebar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, content);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, view);
  gtk_widget_class_bind_template_callback (widget_class, on_place_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_place_opened);
  gtk_widget_class_bind_template_callback (widget_class, on_expanded_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_opened);
  gtk_widget_class_bind_template_callback (widget_class, on_view_changed);
}

static void
bonsai_library_window_init (BonsaiLibraryWindow *self)
{
  static const GActionEntry actions[] = {
    { .name = "create", .activate = on_create },
    { .name = "open-file", .activate = on_open_file, .parameter_type = "s" },
    { .name = "go", .activate = on_go, .parameter_type = "s" },
    { .name = "show-vm", .activate = on_show_vm, .parameter_type = "s" },
    { .name = "delete", .activate = on_delete, .parameter_type = "s" },
    { .name = "undo-delete", .activate = on_undo_delete },
    { .name = "search", .activate = on_search },
    { .name = "back", .activate = on_back },
    { .name = "toggle-mode", .activate = on_toggle_mode },
    { .name = "organise", .activate = on_organise },
  };

  self->deleted = g_ptr_array_new_with_free_func (g_free);
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  gtk_widget_init_template (GTK_WIDGET (self));
  file_drop_add (GTK_WIDGET (self), on_file_dropped, NULL);
  enable_undo (self);
}

BonsaiLibraryWindow *
bonsai_library_window_new (GtkApplication *application, BonsaiLibrary *library, const char *place)
{
  BonsaiApplication *app = BONSAI_APPLICATION (application);
  BonsaiLibraryWindow *self = g_object_new (BONSAI_TYPE_LIBRARY_WINDOW, "application", application, NULL);
  BonsaiJobs *jobs = bonsai_application_get_jobs (app);

  self->library = g_object_ref (library);
  self->host = host_check (NULL);
  self->state = bonsai_application_get_state (app);
  bonsai_library_view_set_library (self->view, library);
  bonsai_library_sidebar_set_library (self->sidebar, library, bonsai_application_get_trash (app));
  restore (self, place);
  self->remembers = is_last (self);
  g_signal_connect (self, "notify::default-width", G_CALLBACK (remember_size), NULL);
  g_signal_connect (self, "notify::default-height", G_CALLBACK (remember_size), NULL);
  g_signal_connect (self, "notify::maximized", G_CALLBACK (remember_size), NULL);
  g_signal_connect_object (jobs, "items-changed", G_CALLBACK (on_jobs_changed), self, 0);
  show_host (self);
  return self;
}
