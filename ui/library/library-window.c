/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/library/library-window.h"

#include "ui/application.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/resource.h"
#include "ui/base/stall-watch.h"
#include "ui/dashboard/report-dialog.h"
#include "ui/library/file-drop.h"
#include "ui/library/library-sidebar.h"
#include "ui/library/new-machine.h"
#include "ui/library/place-stack.h"
#include "ui/library/quit-guard.h"
#include "ui/library/undo-delete.h"
#include "ui/library/window-look.h"
#include "ui/machine/machine-actions.h"
#include "vmm/kvm/host-check.h"

#include <string.h>

struct _BonsaiLibraryWindow {
  AdwApplicationWindow parent;
  BonsaiLibrary *library;
  HostReport *host;
  UiState *state;           /* the application's */
  bool remembers;           /* where it is: the first window does */
  guint focus_id, focus_at; /* it is to be on the machine at that place */
  GtkWidget *left;          /* had it in the place that is shown; or NULL */

  AdwToastOverlay *toasts;
  AdwLeaflet *leaflet;
  BonsaiLibrarySidebar *sidebar;
  BonsaiPlaceStack *places;
};

G_DEFINE_FINAL_TYPE (BonsaiLibraryWindow, bonsai_library_window, ADW_TYPE_APPLICATION_WINDOW)

void
bonsai_library_window_toast (BonsaiLibraryWindow *self, const char *text)
{
  g_autofree char *title = g_markup_escape_text (text, -1);

  adw_toast_overlay_add_toast (self->toasts, adw_toast_new (title));
}

static BonsaiLibraryView *
view_of (BonsaiLibraryWindow *self)
{
  return bonsai_place_stack_get_view (self->places);
}

/* --- places --- */

static void
show_place (BonsaiLibraryWindow *self, const char *place)
{
  if (bonsai_place_stack_show (self->places, place) && self->remembers)
    window_look_keep_place (self->state, place);
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
  adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->places));
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
  adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->places));
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

  if (!bonsai_place_stack_is_view (self->places))
    go (self, "all");
  else if (adw_leaflet_get_folded (self->leaflet))
    adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->sidebar));
}

/* To the sidebar, and back to what had the focus: by Tab there may be many a widget between. */
static void
on_other_half (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (self));

  gtk_window_set_focus_visible (GTK_WINDOW (self), TRUE);
  if (!focus || !gtk_widget_is_ancestor (focus, GTK_WIDGET (self->sidebar)))
    {
      g_set_weak_pointer (&self->left, focus);
      adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->sidebar));
      bonsai_library_sidebar_focus (self->sidebar);
      return;
    }
  adw_leaflet_set_visible_child (self->leaflet, GTK_WIDGET (self->places));
  if (!self->left || !gtk_widget_is_ancestor (self->left, GTK_WIDGET (self->places))
      || !gtk_widget_get_mapped (self->left) || !gtk_widget_grab_focus (self->left))
    gtk_widget_child_focus (GTK_WIDGET (self->places), GTK_DIR_TAB_FORWARD);
}

static void
on_search (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;

  if (!bonsai_place_stack_is_view (self->places))
    go (self, "all");
  bonsai_library_view_search (view_of (self));
}

static void
on_toggle_mode (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  gtk_widget_activate_action (GTK_WIDGET (view_of (data)), "view.toggle-mode", NULL);
}

static void
on_organise (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  GtkWidget *page = bonsai_place_stack_get_machine_page (self->places);

  if (page)
    gtk_widget_activate_action (page, "vm.organise", NULL);
  else
    gtk_widget_activate_action (GTK_WIDGET (view_of (self)), "bulk.organise", NULL);
}

static void
on_reports (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  report_dialog_show (data, BONSAI_LIBRARY_WINDOW (data)->library);
}

/* --- creating --- */

static void
on_create (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  BonsaiLibraryWindow *self = data;

  new_machine_show_wizard (self, self->library, self->host);
}

static void
open_file (BonsaiLibraryWindow *self, const char *path)
{
  new_machine_from_file (self, self->library, self->host, path);
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

/* --- deleting --- */

/* The next machine has the focus then, or what else there is. */
static gboolean
give_focus (gpointer data)
{
  BonsaiLibraryWindow *self = data;

  self->focus_id = 0;
  bonsai_place_stack_focus (self->places, self->focus_at);
  return G_SOURCE_REMOVE;
}

/* What has the focus goes with it, unless that is on another place's row. */
static void
on_delete_begun (BonsaiVm *vm, gpointer data)
{
  BonsaiLibraryWindow *self = data;
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (self));
  bool in_sidebar = focus && gtk_widget_is_ancestor (focus, GTK_WIDGET (self->sidebar));

  if (self->focus_id != 0) /* the first of those that go together says where */
    return;
  self->focus_at = bonsai_library_view_find (view_of (self), vm);
  if (!in_sidebar)
    self->focus_id = g_idle_add (give_focus, self);
}

static void
on_delete_over (gpointer data)
{
  BonsaiLibraryWindow *self = data;
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (self));
  bool is_lost = !focus || !gtk_widget_is_ancestor (focus, GTK_WIDGET (self->leaflet));

  if (is_lost && self->focus_id == 0)
    self->focus_id = g_idle_add (give_focus, self);
}

static const UndoDeleteFuncs delete_funcs = { on_delete_begun, on_delete_over };

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

/* --- closing --- */

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

  return is_last (self) && quit_guard_ask (window, self->library);
}

/* --- life --- */

static void
on_view_changed (BonsaiLibraryWindow *self)
{
  window_look_keep_view (self->state, view_of (self));
}

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

/* AdwToastOverlay gives the focus to a toast from wherever in the page Tab is pressed: here when the page is
 * done. */
static void
bonsai_library_window_move_focus (GtkWidget *widget, GtkDirectionType direction)
{
  GtkWidget *leaflet = GTK_WIDGET (BONSAI_LIBRARY_WINDOW (widget)->leaflet);
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (widget));

  if (!focus || !gtk_widget_is_ancestor (focus, leaflet) || !gtk_widget_child_focus (leaflet, direction))
    GTK_WIDGET_CLASS (bonsai_library_window_parent_class)->move_focus (widget, direction);
}

static void
bonsai_library_window_dispose (GObject *object)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (object);

  g_clear_handle_id (&self->focus_id, g_source_remove);
  g_clear_weak_pointer (&self->left);
  g_signal_handlers_disconnect_by_data (self, self->state);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (bonsai_library_window_parent_class)->dispose (object);
}

static void
bonsai_library_window_finalize (GObject *object)
{
  BonsaiLibraryWindow *self = BONSAI_LIBRARY_WINDOW (object);

  g_clear_pointer (&self->host, host_report_free);
  G_OBJECT_CLASS (bonsai_library_window_parent_class)->finalize (object);
}

static void
bonsai_library_window_class_init (BonsaiLibraryWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = bonsai_library_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = bonsai_library_window_finalize;
  widget_class->map = bonsai_library_window_map;
  widget_class->move_focus = bonsai_library_window_move_focus;
  GTK_WINDOW_CLASS (klass)->close_request = bonsai_library_window_close_request;
  g_type_ensure (BONSAI_TYPE_LIBRARY_SIDEBAR);
  g_type_ensure (BONSAI_TYPE_PLACE_STACK);
  gtk_widget_class_set_template_from_resource (widget_class, UI_RESOURCE "library/library-window.ui");
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, toasts);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, sidebar);
  gtk_widget_class_bind_template_child (widget_class, BonsaiLibraryWindow, places);
  gtk_widget_class_bind_template_callback (widget_class, on_place_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_place_opened);
}

static void
bonsai_library_window_init (BonsaiLibraryWindow *self)
{
  static const GActionEntry actions[] = {
    { .name = "create", .activate = on_create },
    { .name = "open-file", .activate = on_open_file, .parameter_type = "s" },
    { .name = "go", .activate = on_go, .parameter_type = "s" },
    { .name = "show-vm", .activate = on_show_vm, .parameter_type = "s" },
    { .name = "search", .activate = on_search },
    { .name = "back", .activate = on_back },
    { .name = "other-half", .activate = on_other_half },
    { .name = "toggle-mode", .activate = on_toggle_mode },
    { .name = "organise", .activate = on_organise },
    { .name = "reports", .activate = on_reports },
  };

  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  gtk_widget_init_template (GTK_WIDGET (self));
  file_drop_add (GTK_WIDGET (self), on_file_dropped, NULL);
}

BonsaiLibraryWindow *
bonsai_library_window_new (GtkApplication *application, BonsaiLibrary *library, const char *place)
{
  BonsaiApplication *app = BONSAI_APPLICATION (application);
  BonsaiLibraryWindow *self = g_object_new (BONSAI_TYPE_LIBRARY_WINDOW, "application", application, NULL);
  BonsaiJobs *jobs = bonsai_application_get_jobs (app);
  UiState *state = bonsai_application_get_state (app);
  g_autofree char *last = window_look_get_place (state);

  self->library = g_object_ref (library);
  self->host = host_check (NULL);
  self->state = state;
  bonsai_place_stack_set_library (self->places, library, bonsai_application_get_trash (app));
  g_signal_connect_object (view_of (self), "opened", G_CALLBACK (on_opened), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (view_of (self), "changed", G_CALLBACK (on_view_changed), self, G_CONNECT_SWAPPED);
  bonsai_library_sidebar_set_library (self->sidebar, library, bonsai_application_get_trash (app));
  undo_delete_add (GTK_APPLICATION_WINDOW (self), self->toasts, library, bonsai_application_get_trash (app),
                   &delete_funcs, self);
  window_look_restore (self->state, GTK_WINDOW (self), self->sidebar, view_of (self));
  go (self, place                                                   ? place
            : last                                                  ? last
            : g_list_model_get_n_items (G_LIST_MODEL (library)) > 0 ? "dashboard"
                                                                    : "all");
  self->remembers = is_last (self);
  if (self->remembers)
    window_look_follow (self->state, GTK_WINDOW (self), self->sidebar);
  g_signal_connect_object (jobs, "items-changed", G_CALLBACK (on_jobs_changed), self, 0);
  bonsai_library_view_show_host (view_of (self), self->host);
  return self;
}
