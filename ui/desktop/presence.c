/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/desktop/presence.h"

#include "app/demand/demand.h"
#include "ui/base/i18n.h"
#include "ui/desktop/notices.h"

/* A machine that starts has no window for a moment, nor has one that goes back to a snapshot. */
#define REST_MS 1000

#define PRESENCE_TYPE (presence_get_type ())
G_DECLARE_FINAL_TYPE (Presence, presence, PRESENCE, PRESENCE, GObject)

struct _Presence {
  GObject parent;
  GtkApplication *application; /* it owns us */
  GListModel *library;
  guint hosted;
  guint cookie;     /* of the inhibitor; 0: none */
  guint background; /* machines here that no window shows */
  guint look_id;
  Demand *demand; /* or NULL */
};

G_DEFINE_FINAL_TYPE (Presence, presence, G_TYPE_OBJECT)

/* XDG Desktop Portal, org.freedesktop.portal.Background: a sandbox may be ended once it has no window. */
static void
ask_portal (Presence *self)
{
  GDBusConnection *bus = g_application_get_dbus_connection (G_APPLICATION (self->application));
  GVariantBuilder options;

  if (!bus || !g_file_test ("/.flatpak-info", G_FILE_TEST_EXISTS))
    return;
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&options, "{sv}", "reason",
                         g_variant_new_string (_ ("Machines run on when their windows are closed.")));
  g_dbus_connection_call (bus, "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop",
                          "org.freedesktop.portal.Background", "RequestBackground",
                          g_variant_new ("(sa{sv})", "", &options), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                          NULL, NULL);
}

static void
update_inhibitor (Presence *self)
{
  guint old = self->cookie;
  g_autofree char *reason = NULL;

  self->cookie = 0;
  if (self->hosted > 0)
    {
      reason = g_strdup_printf (ngettext ("%u machine is running", "%u machines are running", self->hosted),
                                self->hosted);
      self->cookie =
        gtk_application_inhibit (self->application, gtk_application_get_active_window (self->application),
                                 GTK_APPLICATION_INHIBIT_LOGOUT, reason);
    }
  if (old > 0)
    gtk_application_uninhibit (self->application, old);
}

/* *@hidden: those of them that have no window. */
static guint
count_hosted (Presence *self, guint *hidden)
{
  guint hosted = 0;

  *hidden = 0;
  for (guint i = 0; i < g_list_model_get_n_items (self->library); i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (self->library, i);

      if (!bonsai_vm_is_hosted_here (vm) || !bonsai_state_is_alive (bonsai_vm_get_state (vm)))
        continue;
      hosted++;
      if (!bonsai_vm_get_console_open (vm))
        (*hidden)++;
    }
  return hosted;
}

static gboolean
look (gpointer data)
{
  Presence *self = data;
  guint hidden, hosted = count_hosted (self, &hidden);
  guint background = gtk_application_get_windows (self->application) ? 0 : hidden;

  self->look_id = 0;
  if (hosted != self->hosted)
    {
      self->hosted = hosted;
      update_inhibitor (self);
    }
  if (background == self->background)
    return G_SOURCE_REMOVE;
  if (self->background == 0)
    ask_portal (self);
  self->background = background;
  notices_tell_background (G_APPLICATION (self->application), background);
  return G_SOURCE_REMOVE;
}

static void
schedule (Presence *self)
{
  if (self->look_id == 0)
    self->look_id = g_timeout_add (REST_MS, look, self);
}

static void
on_machines (Presence *self, guint position, guint removed, guint added)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (BonsaiVm) vm = g_list_model_get_item (self->library, i);

      g_signal_handlers_disconnect_by_func (vm, schedule, self); /* it may only have moved */
      g_signal_connect_object (vm, "notify::state", G_CALLBACK (schedule), self, G_CONNECT_SWAPPED);
      g_signal_connect_object (vm, "notify::console-open", G_CALLBACK (schedule), self, G_CONNECT_SWAPPED);
    }
  schedule (self);
}

static void
presence_dispose (GObject *object)
{
  Presence *self = PRESENCE_PRESENCE (object);

  g_clear_handle_id (&self->look_id, g_source_remove);
  g_clear_pointer (&self->demand, demand_free);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (presence_parent_class)->dispose (object);
}

static void
presence_class_init (PresenceClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = presence_dispose;
}

static void
presence_init (Presence *self)
{
}

void
presence_follow (GtkApplication *application, BonsaiLibrary *library)
{
  Presence *self = g_object_new (PRESENCE_TYPE, NULL);

  self->application = application;
  self->library = G_LIST_MODEL (g_object_ref (library));
  g_object_set_data_full (G_OBJECT (application), "bonsai-presence", self, g_object_unref);
  g_signal_connect_object (application, "window-removed", G_CALLBACK (schedule), self,
                           G_CONNECT_SWAPPED | G_CONNECT_AFTER);
  g_signal_connect_object (application, "window-added", G_CALLBACK (schedule), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (library, "items-changed", G_CALLBACK (on_machines), self, G_CONNECT_SWAPPED);
  on_machines (self, 0, 0, g_list_model_get_n_items (self->library));
  self->demand = demand_new (library, NULL); /* unless a service does so */
}
