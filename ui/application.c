/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/application.h"

#include "app/host/host-session.h"
#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/shortcuts-window.h"
#include "ui/base/stall-watch.h"
#include "ui/desktop/desktop.h"
#include "ui/desktop/notices.h"
#include "ui/desktop/search-provider.h"
#include "ui/library/library-window.h"

#include <glib-unix.h>

#ifdef GDK_WINDOWING_WAYLAND
#include <gdk/wayland/gdkwayland.h>
#endif

struct _BonsaiApplication {
  AdwApplication parent;
  BonsaiLibrary *library;
  BonsaiTrash *trash; /* when somebody asks */
  BonsaiJobs *jobs;
  UiState *state;
  guint search_id;   /* the search provider on the bus */
  HostSession *host; /* as @library */
  bool ending;       /* as soon as no machine runs here */
  bool holding;      /* machines or jobs run, or something is saved: the process must stay */
};

G_DEFINE_FINAL_TYPE (BonsaiApplication, bonsai_application, ADW_TYPE_APPLICATION)

/* SDL prefers X11 even in a Wayland session: consoles follow GTK's choice. */
static const char *
video_driver (void)
{
#ifdef GDK_WINDOWING_WAYLAND
  if (GDK_IS_WAYLAND_DISPLAY (gdk_display_get_default ()))
    return "wayland";
#endif
  return "x11";
}

static void
update_hold (BonsaiApplication *self)
{
  bool needed = (self->library && bonsai_library_count_hosted (self->library) > 0)
                || bonsai_jobs_get_n_running (self->jobs) > 0
                || (self->library && bonsai_library_is_saving (self->library));

  if (needed && !self->holding)
    g_application_hold (G_APPLICATION (self));
  else if (!needed && self->holding)
    g_application_release (G_APPLICATION (self));
  self->holding = needed;
}

static void
on_vm_state (BonsaiVm *vm, GParamSpec *pspec, BonsaiApplication *self)
{
  update_hold (self);
}

static void
on_library_changed (GListModel *library, guint position, guint removed, guint added, BonsaiApplication *self)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (library, i);
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (on_vm_state), self, 0);
      g_signal_connect_object (vm, "notify::saving", G_CALLBACK (on_vm_state), self, 0);
    }
  update_hold (self);
}

static bool
open_library (BonsaiApplication *self)
{
  g_autoptr (GError) error = NULL;

  self->library = bonsai_library_new (NULL, &error);
  if (!self->library)
    {
      error_dialog_show (NULL, _ ("Can’t Open the Library"), error);
      return false;
    }
  bonsai_library_set_video_driver (self->library, video_driver ());
  self->host = host_session_new (self->library, NULL);
  g_signal_connect_object (self->library, "items-changed", G_CALLBACK (on_library_changed), self, 0);
  on_library_changed (G_LIST_MODEL (self->library), 0, 0,
                      g_list_model_get_n_items (G_LIST_MODEL (self->library)), self);
  desktop_follow_library (self, self->library);
  notices_follow_jobs (GTK_APPLICATION (self), self->jobs);
  return true;
}

BonsaiLibrary *
bonsai_application_get_library (BonsaiApplication *self)
{
  return self->library || open_library (self) ? self->library : NULL;
}

BonsaiJobs *
bonsai_application_get_jobs (BonsaiApplication *self)
{
  return self->jobs;
}

BonsaiTrash *
bonsai_application_get_trash (BonsaiApplication *self)
{
  if (!self->trash)
    self->trash = bonsai_trash_new (self->library);
  return self->trash;
}

UiState *
bonsai_application_get_state (BonsaiApplication *self)
{
  return self->state;
}

GtkWindow *
bonsai_application_new_window (BonsaiApplication *self, const char *place)
{
  return GTK_WINDOW (bonsai_library_window_new (GTK_APPLICATION (self), self->library, place));
}

static void
bonsai_application_activate (GApplication *application)
{
  BonsaiApplication *self = BONSAI_APPLICATION (application);
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  if (!bonsai_application_get_library (self))
    return;
  if (!window)
    window = bonsai_application_new_window (self, NULL);
  gtk_window_present (window);
}

/* A machine's page, or the library as it is in another window. */
static void
on_new_window (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  const char *place = parameter ? g_variant_get_string (parameter, NULL) : "all";

  if (bonsai_application_get_library (data))
    gtk_window_present (bonsai_application_new_window (data, place));
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkApplication *application = data;

  adw_show_about_window (gtk_application_get_active_window (application), "application-name", "Bonsai",
                         "application-icon", "org.bonsaivm.Bonsai", "version", BONSAI_VERSION, "comments",
                         _ ("Small worlds in pots, with trees you can prune"), "license-type",
                         GTK_LICENSE_GPL_3_0, "developer-name", _ ("The Bonsai developers"), NULL);
}

static void
on_shortcuts (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  shortcuts_window_show (data, gtk_application_get_active_window (data));
}

static void
on_quit (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkApplication *application = data;
  GtkWindow *window = gtk_application_get_active_window (application);

  /* The window asks about machines that run. */
  if (window)
    gtk_window_close (window);
  else
    g_application_quit (G_APPLICATION (application));
}

static void
host_ended (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GApplication) application = data;

  host_session_end_finish (result);
  g_application_quit (application);
}

/* Asked to end, as by a session's log-out: the machines here are suspended, or what else they are to be. */
static gboolean
on_end_signal (gpointer application)
{
  BonsaiApplication *self = application;

  if (self->host && !self->ending)
    host_session_end_async (self->host, host_ended, g_object_ref (self));
  else
    g_application_quit (application);
  self->ending = true;
  return G_SOURCE_CONTINUE;
}

/* Ctrl+C in the terminal: the machines here lose their power, and their disks are closed. */
static gboolean
on_interrupt (gpointer application)
{
  g_application_quit (application);
  return G_SOURCE_CONTINUE;
}

/* --- what others ask --- */

static int
bonsai_application_command_line (GApplication *application, GApplicationCommandLine *command_line)
{
  return desktop_run_command_line (BONSAI_APPLICATION (application), command_line);
}

static int
bonsai_application_handle_local_options (GApplication *application, GVariantDict *options)
{
  if (!g_variant_dict_contains (options, "version"))
    return -1;
  g_print ("bonsai-desktop %s\n", BONSAI_VERSION);
  return 0;
}

static void
bonsai_application_open (GApplication *application, GFile **files, int n_files, const char *hint)
{
  desktop_open (BONSAI_APPLICATION (application), files, n_files);
}

static gboolean
bonsai_application_dbus_register (GApplication *application, GDBusConnection *connection,
                                  const char *object_path, GError **error)
{
  BonsaiApplication *self = BONSAI_APPLICATION (application);

  if (!G_APPLICATION_CLASS (bonsai_application_parent_class)
         ->dbus_register (application, connection, object_path, error))
    return FALSE;
  self->search_id = search_provider_register (self, connection, error);
  return self->search_id != 0;
}

static void
bonsai_application_dbus_unregister (GApplication *application, GDBusConnection *connection,
                                    const char *object_path)
{
  BonsaiApplication *self = BONSAI_APPLICATION (application);

  if (self->search_id > 0)
    g_dbus_connection_unregister_object (connection, self->search_id);
  self->search_id = 0;
  G_APPLICATION_CLASS (bonsai_application_parent_class)
    ->dbus_unregister (application, connection, object_path);
}

static void
bonsai_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
    { .name = "about", .activate = on_about },
    { .name = "new-window", .activate = on_new_window },
    { .name = "new-window-at", .activate = on_new_window, .parameter_type = "s" },
    { .name = "quit", .activate = on_quit },
    { .name = "shortcuts", .activate = on_shortcuts },
  };

  static const struct {
    const char *action, *accel, *other;
  } accels[] = {
    { "app.quit", "<Control>q", NULL },
    { "app.new-window", "<Control><Shift>n", NULL },
    { "win.create", "<Control>n", NULL },
    { "win.undo-delete", "<Control>z", NULL },
    { "win.search", "<Control>f", NULL },
    { "win.back", "<Alt>Left", "Back" },
    { "win.go::dashboard", "<Alt>0", "<Alt>Home" },
    { "win.go::all", "<Alt>1", NULL },
    { "win.go::trash", "<Alt>2", NULL },
    { "win.go::host", "<Alt>3", NULL },
    { "win.toggle-mode", "<Control>1", NULL },
    { "win.other-half", "F6", "<Shift>F6" },
    { "win.organise", "<Control>g", NULL },
    { "window.close", "<Control>w", NULL },
    { "app.shortcuts", "<Control>question", NULL },
  };

  G_APPLICATION_CLASS (bonsai_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions), application);
  for (unsigned i = 0; i < G_N_ELEMENTS (accels); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), accels[i].action,
                                           (const char *[]){ accels[i].accel, accels[i].other, NULL });
  desktop_add_actions (BONSAI_APPLICATION (application));
  stall_watch_begin ();
  gtk_window_set_default_icon_name ("org.bonsaivm.Bonsai");
  g_unix_signal_add (SIGTERM, on_end_signal, application);
  g_unix_signal_add (SIGHUP, on_end_signal, application);
  g_unix_signal_add (SIGINT, on_interrupt, application);
}

static void
bonsai_application_dispose (GObject *object)
{
  g_clear_pointer (&BONSAI_APPLICATION (object)->host, host_session_free);
  if (BONSAI_APPLICATION (object)->library)
    {
      bonsai_library_flush_saves (BONSAI_APPLICATION (object)->library);
      bonsai_library_flush_events (BONSAI_APPLICATION (object)->library);
    }
  g_clear_object (&BONSAI_APPLICATION (object)->trash);
  g_clear_object (&BONSAI_APPLICATION (object)->library);
  g_clear_object (&BONSAI_APPLICATION (object)->jobs);
  g_clear_pointer (&BONSAI_APPLICATION (object)->state, ui_state_free);
  G_OBJECT_CLASS (bonsai_application_parent_class)->dispose (object);
}

static void
bonsai_application_class_init (BonsaiApplicationClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_application_dispose;
  G_APPLICATION_CLASS (klass)->startup = bonsai_application_startup;
  G_APPLICATION_CLASS (klass)->activate = bonsai_application_activate;
  G_APPLICATION_CLASS (klass)->command_line = bonsai_application_command_line;
  G_APPLICATION_CLASS (klass)->handle_local_options = bonsai_application_handle_local_options;
  G_APPLICATION_CLASS (klass)->open = bonsai_application_open;
  G_APPLICATION_CLASS (klass)->dbus_register = bonsai_application_dbus_register;
  G_APPLICATION_CLASS (klass)->dbus_unregister = bonsai_application_dbus_unregister;
}

static void
bonsai_application_init (BonsaiApplication *self)
{
  self->jobs = bonsai_jobs_new ();
  self->state = ui_state_new (NULL);
  g_signal_connect_object (self->jobs, "notify::n-running", G_CALLBACK (update_hold), self,
                           G_CONNECT_SWAPPED);
}

BonsaiApplication *
bonsai_application_new (void)
{
  BonsaiApplication *self =
    g_object_new (BONSAI_TYPE_APPLICATION, "application-id", "org.bonsaivm.Bonsai", "flags",
                  G_APPLICATION_HANDLES_COMMAND_LINE | G_APPLICATION_HANDLES_OPEN, "resource-base-path",
                  "/org/bonsaivm/Bonsai", NULL);

  desktop_add_options (G_APPLICATION (self));
  return self;
}
