/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/application.h"

#include "ui/error-dialog.h"
#include "ui/library-window.h"

#include <glib-unix.h>

#ifdef GDK_WINDOWING_WAYLAND
#include <gdk/wayland/gdkwayland.h>
#endif

struct _BonsaiApplication {
  AdwApplication parent;
  BonsaiLibrary *library;
  bool holding; /* machines run: the process must stay */
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
  bool needed = bonsai_library_count_hosted (self->library) > 0;

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
      error_dialog_show (NULL, "Can’t Open the Library", error);
      return false;
    }
  bonsai_library_set_video_driver (self->library, video_driver ());
  g_signal_connect_object (self->library, "items-changed", G_CALLBACK (on_library_changed), self, 0);
  on_library_changed (G_LIST_MODEL (self->library), 0, 0,
                      g_list_model_get_n_items (G_LIST_MODEL (self->library)), self);
  return true;
}

static void
bonsai_application_activate (GApplication *application)
{
  BonsaiApplication *self = BONSAI_APPLICATION (application);
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (self));

  if (!self->library && !open_library (self))
    return;
  if (!window)
    window = GTK_WINDOW (bonsai_library_window_new (GTK_APPLICATION (self), self->library));
  gtk_window_present (window);
}

static void
on_about (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  GtkApplication *application = data;

  adw_show_about_window (gtk_application_get_active_window (application), "application-name", "Bonsai",
                         "application-icon", "org.bonsaivm.Bonsai", "version", BONSAI_VERSION, "comments",
                         "Small worlds in pots, with trees you can prune", "license-type",
                         GTK_LICENSE_GPL_3_0, "developer-name", "The Bonsai developers", NULL);
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

/* Asked to end, as by a session's log-out: the machines here lose their power, and their disks are closed. */
static gboolean
on_end_signal (gpointer application)
{
  g_application_quit (application);
  return G_SOURCE_CONTINUE;
}

static void
bonsai_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
    { .name = "about", .activate = on_about },
    { .name = "quit", .activate = on_quit },
  };

  G_APPLICATION_CLASS (bonsai_application_parent_class)->startup (application);
  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions), application);
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "app.quit",
                                         (const char *[]){ "<Control>q", NULL });
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "win.create",
                                         (const char *[]){ "<Control>n", NULL });
  gtk_application_set_accels_for_action (GTK_APPLICATION (application), "win.undo-delete",
                                         (const char *[]){ "<Control>z", NULL });
  gtk_window_set_default_icon_name ("org.bonsaivm.Bonsai");
  g_unix_signal_add (SIGTERM, on_end_signal, application);
  g_unix_signal_add (SIGINT, on_end_signal, application);
}

static void
bonsai_application_dispose (GObject *object)
{
  g_clear_object (&BONSAI_APPLICATION (object)->library);
  G_OBJECT_CLASS (bonsai_application_parent_class)->dispose (object);
}

static void
bonsai_application_class_init (BonsaiApplicationClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = bonsai_application_dispose;
  G_APPLICATION_CLASS (klass)->startup = bonsai_application_startup;
  G_APPLICATION_CLASS (klass)->activate = bonsai_application_activate;
}

static void
bonsai_application_init (BonsaiApplication *self)
{
}

BonsaiApplication *
bonsai_application_new (void)
{
  return g_object_new (BONSAI_TYPE_APPLICATION, "application-id", "org.bonsaivm.Bonsai", "flags",
                       G_APPLICATION_DEFAULT_FLAGS, "resource-base-path", "/org/bonsaivm/Bonsai", NULL);
}
