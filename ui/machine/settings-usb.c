/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host's USB devices, as they come and go. */
#include "app/usb/usb-match.h"
#include "app/usb/usb-watch.h"
#include "ui/base/i18n.h"
#include "ui/machine/settings-usb-rows.h"

#define VIEW "bonsai-usb-view"

/* What is known of them. It lives with the section's group. */
typedef struct {
  SettingsSection *section;
  UsbWatch *watch;
  BonsaiSession *session; /* (nullable): who is listened to */
  GCancellable *cancellable;
  GPtrArray *offers; /* of VmUsbOffer; (nullable): not known yet */
  char *stamp;       /* of what they look like */
  guint asked;       /* how often they were shown anew because somebody's switch was wrong */
} View;

static const Setting controller = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_BOOL,
  .offset = offsetof (VmConfig, usb),
  .title = N_ ("USB Controller"),
  .subtitle = N_ ("With a tablet: no capturing either, for systems without virtio drivers"),
};

static const Setting keyboard = {
  .owner = SETTING_OF_MACHINE,
  .type = SETTING_BOOL,
  .offset = offsetof (VmConfig, usb_keyboard),
  .title = N_ ("USB Keyboard"),
  .subtitle = N_ ("For systems that know no other"),
};

static View *
view_of (SettingsSection *section)
{
  return g_object_get_data (G_OBJECT (settings_section_get_group (section)), VIEW);
}

/* --- looking --- */

static char *
make_stamp (const View *view)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; view->offers && i < view->offers->len; i++)
    {
      const VmUsbOffer *offer = g_ptr_array_index (view->offers, i);
      g_autofree char *label = host_usb_label (offer->usb);

      g_string_append_printf (text, "%s %u %s %s %d %d %d\n", offer->usb->port, offer->usb->number, label,
                              offer->holder ? offer->holder : "", offer->is_attached, offer->usb->accessible,
                              offer->usb->sole);
    }
  return g_strdup (text->str);
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  View *view = data;
  g_autoptr (GError) error = NULL;
  GPtrArray *offers = bonsai_vm_list_usb_finish (BONSAI_VM (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the view is gone */
  g_clear_pointer (&view->offers, g_ptr_array_unref);
  view->offers = offers;
  g_free (view->stamp);
  view->stamp = make_stamp (view);
  settings_section_update (view->section);
}

static void
look (void *data)
{
  View *view = data;

  bonsai_vm_list_usb_async (settings_section_get_vm (view->section), view->cancellable, on_listed, view);
}

void
settings_usb_refresh (SettingsSection *section)
{
  View *view = view_of (section);

  view->asked++;
  look (view);
}

static void
on_usb_changed (BonsaiSession *session, const char *port, const char *name, const char *state, View *view)
{
  look (view);
}

static void
listen_to (View *view, BonsaiSession *session)
{
  if (session == view->session)
    return;
  if (view->session)
    g_signal_handlers_disconnect_by_data (view->session, view);
  g_set_object (&view->session, session);
  if (session)
    g_signal_connect (session, "usb-changed", G_CALLBACK (on_usb_changed), view);
}

/* --- the view --- */

static void
view_free (gpointer data)
{
  View *view = data;

  g_cancellable_cancel (view->cancellable);
  g_object_unref (view->cancellable);
  listen_to (view, NULL);
  usb_watch_free (view->watch);
  g_clear_pointer (&view->offers, g_ptr_array_unref);
  g_free (view->stamp);
  g_free (view);
}

static View *
ensure_view (SettingsSection *section)
{
  View *view = view_of (section);

  if (!view)
    {
      view = g_new0 (View, 1);
      view->section = section;
      view->cancellable = g_cancellable_new ();
      view->watch = usb_watch_new (host_usb_root (), look, view);
      g_object_set_data_full (G_OBJECT (settings_section_get_group (section)), VIEW, view, view_free);
      look (view);
    }
  return view;
}

/* --- the section --- */

static bool
is_plugged_in (const View *view, const VmUsbRule *rule)
{
  for (guint i = 0; view->offers && i < view->offers->len; i++)
    if (usb_rule_matches (rule, ((const VmUsbOffer *)g_ptr_array_index (view->offers, i))->usb))
      return true;
  return false;
}

static void
add_nothing (SettingsSection *section)
{
  GtkWidget *row = adw_action_row_new ();

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), _ ("No devices are plugged in"));
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), _ ("What is plugged into this computer appears here"));
  settings_section_add_row (section, row);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  View *view = ensure_view (section);
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (settings_section_get_vm (section)));
  g_autoptr (GString) text = g_string_new (view->stamp);

  listen_to (view, bonsai_vm_get_session (settings_section_get_vm (section)));
  for (guint i = 0; i < config->usb_rules->len; i++)
    {
      g_autofree char *rule = usb_rule_describe (g_ptr_array_index (config->usb_rules, i));

      g_string_append_printf (text, "%s\n", rule);
    }
  g_string_append_printf (text, "%d %d %u", alive, view->offers != NULL, view->asked);
  return g_strdup (text->str);
}

static void
fill (SettingsSection *section)
{
  const View *view = ensure_view (section);
  const VmConfig *config = settings_section_get_config (section);

  settings_section_add (section, NULL, &controller, NULL);
  settings_section_add (section, NULL, &keyboard, NULL);
  for (guint i = 0; view->offers && i < view->offers->len; i++)
    settings_usb_add_device (section, g_ptr_array_index (view->offers, i));
  if (view->offers && view->offers->len == 0)
    add_nothing (section);
  for (guint i = 0; view->offers && i < config->usb_rules->len; i++)
    if (!is_plugged_in (view, g_ptr_array_index (config->usb_rules, i)))
      settings_usb_add_absent (section, g_ptr_array_index (config->usb_rules, i));
}

const SettingsSectionClass settings_usb = {
  .title = N_ ("USB Devices"),
  .description = N_ ("What is plugged into this computer can be the machine’s instead, while it runs"),
  .fill = fill,
  .shape = shape,
};
