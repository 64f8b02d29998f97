/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/settings-usb-rows.h"

#include "app/usb/usb-match.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"

#define OPEN_PORT "bonsai-open-port" /* the rows are made anew: this device’s stay in sight */

/* What a switch is about. */
typedef struct {
  SettingsSection *section;
  HostUsb *usb;
  SettingsHandle *handle; /* of who waits for an answer */
} Subject;

static void
subject_free (gpointer data, GClosure *closure)
{
  Subject *subject = data;

  host_usb_free (subject->usb);
  g_free (subject);
}

static Subject *
subject_new (SettingsSection *section, const HostUsb *usb)
{
  Subject *subject = g_new0 (Subject, 1);

  subject->section = section;
  subject->usb = host_usb_copy (usb);
  return subject;
}

/* --- giving and taking --- */

static void
on_attached (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_attach_usb_finish (BONSAI_VM (source), result, &error) || !section)
    return;
  settings_section_show_error (section, _ ("Can’t Attach the Device"), error);
  settings_usb_refresh (section);
}

static void
on_detached (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (bonsai_vm_detach_usb_finish (BONSAI_VM (source), result, &error) || !section)
    return;
  settings_section_show_error (section, _ ("Can’t Detach the Device"), error);
  settings_usb_refresh (section);
}

static void
attach (SettingsSection *section, const HostUsb *usb)
{
  bonsai_vm_attach_usb_async (settings_section_get_vm (section), usb, NULL, on_attached,
                              settings_section_hold (section));
}

static void
on_response (AdwMessageDialog *dialog, const char *response, gpointer data)
{
  Subject *subject = data;
  SettingsSection *section = settings_handle_release (g_steal_pointer (&subject->handle));

  if (section && g_str_equal (response, "attach"))
    attach (section, subject->usb);
  else if (section)
    settings_usb_refresh (section);
}

static void
ask (SettingsSection *section, const HostUsb *usb)
{
  bool is_keyboard = usb->sole == USB_SOLE_KEYBOARD;
  g_autofree char *label = host_usb_label (usb);
  g_autofree char *body = g_strdup_printf (
    _ ("This computer has no other. Until the machine ends, or its window gives it back, “%s” works in "
       "the machine only."),
    label);
  GtkWidget *dialog = adw_message_dialog_new (
    settings_section_get_window (section),
    is_keyboard ? _ ("Attach the Only Keyboard?") : _ ("Attach the Only Mouse?"), body);
  Subject *subject = subject_new (section, usb);

  subject->handle = settings_section_hold (section);
  adw_message_dialog_add_responses (ADW_MESSAGE_DIALOG (dialog), "cancel", _ ("_Cancel"), "attach",
                                    _ ("_Attach"), NULL);
  adw_message_dialog_set_response_appearance (ADW_MESSAGE_DIALOG (dialog), "attach",
                                              ADW_RESPONSE_DESTRUCTIVE);
  adw_message_dialog_set_default_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  adw_message_dialog_set_close_response (ADW_MESSAGE_DIALOG (dialog), "cancel");
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_response), subject, subject_free, 0);
  gtk_window_present (GTK_WINDOW (dialog));
}

static void
on_attach_switched (GtkSwitch *attached, GParamSpec *pspec, const Subject *subject)
{
  if (!gtk_switch_get_active (attached))
    bonsai_vm_detach_usb_async (settings_section_get_vm (subject->section), subject->usb->port, NULL,
                                on_detached, settings_section_hold (subject->section));
  else if (subject->usb->sole != USB_SOLE_NONE)
    ask (subject->section, subject->usb);
  else
    attach (subject->section, subject->usb);
}

/* --- rules --- */

/* Of a port, whatever is plugged in there; or of the device, wherever it is. */
static bool
is_about (const VmUsbRule *rule, const HostUsb *usb, bool port)
{
  return usb_rule_matches (rule, usb) && port == (rule->device == NULL);
}

static bool
has_rule (const VmConfig *config, const HostUsb *usb, bool port)
{
  for (guint i = 0; i < config->usb_rules->len; i++)
    if (is_about (g_ptr_array_index (config->usb_rules, i), usb, port))
      return true;
  return false;
}

static void
set_rule (const Subject *subject, bool on, bool port)
{
  g_autoptr (VmConfig) config = settings_section_copy (subject->section);

  if (!config || on == has_rule (config, subject->usb, port))
    return;
  for (guint i = config->usb_rules->len; i-- > 0;)
    if (is_about (g_ptr_array_index (config->usb_rules, i), subject->usb, port))
      g_ptr_array_remove_index (config->usb_rules, i);
  if (on && port)
    vm_usb_rules_add (config->usb_rules)->port = g_strdup (subject->usb->port);
  else if (on)
    usb_rules_add_for (config->usb_rules, subject->usb, false);
  config->usb = config->usb || on;
  g_object_set_data_full (G_OBJECT (settings_section_get_group (subject->section)), OPEN_PORT,
                          g_strdup (subject->usb->port), g_free);
  settings_section_apply (subject->section, config);
}

static void
on_always_switched (GtkSwitch *always, GParamSpec *pspec, const Subject *subject)
{
  set_rule (subject, gtk_switch_get_active (always), false);
}

static void
on_port_switched (GtkSwitch *always, GParamSpec *pspec, const Subject *subject)
{
  set_rule (subject, gtk_switch_get_active (always), true);
}

static void
on_remove (GtkButton *button, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  VmUsbRule *rule = config ? vm_usb_rules_find (config->usb_rules, settings_button_id (button)) : NULL;

  if (!rule)
    return;
  g_ptr_array_remove (config->usb_rules, rule);
  settings_section_apply (section, config);
}

/* --- rows --- */

/* @title: of its row. */
static GtkWidget *
make_switch (SettingsSection *section, const HostUsb *usb, const char *title, bool active, GCallback switched)
{
  GtkWidget *widget = gtk_switch_new ();
  g_autofree char *label = host_usb_label (usb);
  g_autofree char *name = g_strdup_printf ("%s: %s", title, label);

  gtk_switch_set_active (GTK_SWITCH (widget), active);
  gtk_widget_set_valign (widget, GTK_ALIGN_CENTER);
  gtk_accessible_update_property (GTK_ACCESSIBLE (widget), GTK_ACCESSIBLE_PROPERTY_LABEL, name, -1);
  g_signal_connect_data (widget, "notify::active", switched, subject_new (section, usb), subject_free, 0);
  return widget;
}

static void
add_rule_row (SettingsSection *section, GtkWidget *parent, const HostUsb *usb, const char *title,
              const char *subtitle, bool port)
{
  GtkWidget *row = adw_action_row_new ();
  GtkWidget *widget =
    make_switch (section, usb, title, has_rule (settings_section_get_config (section), usb, port),
                 port ? G_CALLBACK (on_port_switched) : G_CALLBACK (on_always_switched));

  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), widget);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (row), widget);
  adw_expander_row_add_row (ADW_EXPANDER_ROW (parent), row);
}

/* What tells it from others. (transfer full) */
static char *
describe (const VmUsbOffer *offer)
{
  g_autofree char *id = host_usb_id (offer->usb);
  g_autoptr (GString) text = g_string_new (id);

  if (offer->usb->serial)
    g_string_append_printf (text, _ (", serial number %s"), offer->usb->serial);
  g_string_append_printf (text, _ (", port %s"), offer->usb->port);
  if (offer->holder && !offer->is_attached)
    g_string_append_printf (text, _ (", attached to “%s”"), offer->holder);
  else if (!offer->usb->accessible && !offer->is_attached)
    g_string_append (text, _ (", needs an administrator’s permission"));
  return g_strdup (text->str);
}

void
settings_usb_add_device (SettingsSection *section, const VmUsbOffer *offer)
{
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (settings_section_get_vm (section)));
  g_autofree char *label = host_usb_label (offer->usb), *subtitle = describe (offer);
  g_autofree char *title = g_markup_escape_text (label, -1);
  GtkWidget *row = settings_section_add_expander (section, title, subtitle);
  GtkWidget *attached =
    make_switch (section, offer->usb, _ ("Attached"), offer->is_attached, G_CALLBACK (on_attach_switched));
  const char *open = g_object_get_data (G_OBJECT (settings_section_get_group (section)), OPEN_PORT);
  GtkWidget *icon = gtk_image_new_from_icon_name (host_usb_icon (offer->usb));

  gtk_accessible_update_property (GTK_ACCESSIBLE (row), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
  gtk_widget_set_tooltip_text (attached, alive ? _ ("Attached") : _ ("The machine is off"));
  gtk_widget_set_sensitive (attached, alive && (!offer->holder || offer->is_attached));
  adw_expander_row_add_prefix (ADW_EXPANDER_ROW (row), icon);
  adw_expander_row_add_action (ADW_EXPANDER_ROW (row), attached);
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (row), g_strcmp0 (open, offer->usb->port) == 0);
  add_rule_row (section, row, offer->usb, _ ("Attach Always"),
                _ ("At the machine’s start, and when it is plugged in"), false);
  add_rule_row (section, row, offer->usb, _ ("Attach Whatever Is in This Port"),
                _ ("At the machine’s start, and when something is plugged in there"), true);
}

void
settings_usb_add_absent (SettingsSection *section, const VmUsbRule *rule)
{
  g_autofree char *port = rule->port ? g_strdup_printf (_ ("Whatever is in port %s"), rule->port) : NULL;
  const char *name = rule->name ? rule->name : rule->device ? rule->device : port;
  g_autofree char *title = g_markup_escape_text (name, -1);

  settings_section_add_button (section, NULL, title, _ ("Attached always; it isn’t plugged in"),
                               _ ("_Remove"), G_CALLBACK (on_remove), rule->id);
}
