/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/machine/setting-binding.h"

#include "ui/base/error-dialog.h"
#include "ui/base/i18n.h"
#include "ui/base/rows.h"

#include <stdlib.h>
#include <string.h>

#define APPLY_MS 400 /* a number that is being turned comes to rest */

struct SettingBinding {
  SettingsSection *section; /* NULL: gone; what is being saved keeps the rest */
  const Setting *setting;
  char *id; /* or NULL */
  GtkWidget *row;
  GtkWidget *control;
  GtkEventController *focus; /* of a number's control; or NULL */
  GtkWidget *later;          /* in a text's row: it takes effect at the next start; or NULL */
  guint pending;             /* a source, or 0: a change that isn't saved yet */
  char *trouble;             /* why the last one was refused; or NULL */
  guint saving;              /* how many changes are on their way to the file */
  bool filling;              /* a value is shown: it isn't a person who changes it */
};

/* --- members --- */

/* (nullable): what has the member. */
static void *
owner_in (const SettingBinding *binding, const VmConfig *config)
{
  guint port;

  switch (binding->setting->owner)
    {
    case SETTING_OF_MACHINE:
      return (void *)config;
    case SETTING_OF_DISK:
      return vm_config_find_disk (config, binding->id);
    case SETTING_OF_NIC:
      return vm_config_find_nic (config, binding->id);
    case SETTING_OF_SERIAL:
      port = (guint)atoi (binding->id);
      return port < config->serials->len ? g_ptr_array_index (config->serials, port) : NULL;
    }
  return NULL;
}

#define MEMBER(type, owner, setting) ((type *)(void *)((char *)(owner) + (setting)->offset))

static void
write_member (const SettingBinding *binding, void *owner)
{
  const Setting *setting = binding->setting;
  const char *text;

  switch (setting->type)
    {
    case SETTING_BOOL:
      *MEMBER (bool, owner, setting) =
        gtk_switch_get_active (GTK_SWITCH (binding->control)) != setting->inverted;
      break;
    case SETTING_NUMBER:
      *MEMBER (unsigned, owner, setting) =
        (unsigned)gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (binding->control));
      break;
    case SETTING_SIZE:
      *MEMBER (uint64_t, owner, setting) =
        (uint64_t)gtk_spin_button_get_value (GTK_SPIN_BUTTON (binding->control)) * setting->unit;
      break;
    case SETTING_CHOICE:
      *MEMBER (unsigned, owner, setting) = gtk_drop_down_get_selected (GTK_DROP_DOWN (binding->control));
      break;
    case SETTING_TEXT:
      text = gtk_editable_get_text (GTK_EDITABLE (binding->control));
      vm_config_set (MEMBER (char *, owner, setting), *text != '\0' || setting->needed ? text : NULL);
      break;
    }
}

static void
show_text (GtkEditable *entry, const char *text)
{
  if (g_strcmp0 (gtk_editable_get_text (entry), text ? text : "") != 0)
    gtk_editable_set_text (entry, text ? text : "");
}

static void
read_member (const SettingBinding *binding, void *owner)
{
  const Setting *setting = binding->setting;

  switch (setting->type)
    {
    case SETTING_BOOL:
      gtk_switch_set_active (GTK_SWITCH (binding->control),
                             *MEMBER (bool, owner, setting) != setting->inverted);
      break;
    case SETTING_NUMBER:
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (binding->control), *MEMBER (unsigned, owner, setting));
      break;
    case SETTING_SIZE:
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (binding->control),
                                 (double)(*MEMBER (uint64_t, owner, setting) / setting->unit));
      break;
    case SETTING_CHOICE:
      gtk_drop_down_set_selected (GTK_DROP_DOWN (binding->control), *MEMBER (unsigned, owner, setting));
      break;
    case SETTING_TEXT:
      show_text (GTK_EDITABLE (binding->control), *MEMBER (char *, owner, setting));
      break;
    }
}

/* --- rows --- */

/* What it is about; what is wrong with it; and when it takes effect. */
static void
show_state (const SettingBinding *binding)
{
  const Setting *setting = binding->setting;
  bool later = !setting->live
               && bonsai_state_is_alive (bonsai_vm_get_state (settings_section_get_vm (binding->section)));
  g_autoptr (GString) text = g_string_new (binding->trouble ? binding->trouble : _ (setting->subtitle));

  if (later && !binding->trouble)
    g_string_append_printf (text, "\n%s", _ ("At next start"));
  if (ADW_IS_ACTION_ROW (binding->row))
    row_set_subtitle (ADW_ACTION_ROW (binding->row), text->str);
  else
    {
      g_autofree char *title = binding->trouble
                                 ? g_strdup_printf ("%s – %s", _ (setting->title), binding->trouble)
                                 : g_strdup (_ (setting->title));
      adw_preferences_row_set_title (ADW_PREFERENCES_ROW (binding->row), title);
      gtk_widget_set_tooltip_text (binding->row, _ (setting->subtitle));
      gtk_widget_set_visible (binding->later, later);
    }
  if (binding->trouble)
    gtk_widget_add_css_class (binding->row, "error");
  else
    gtk_widget_remove_css_class (binding->row, "error");
}

void
setting_binding_update (SettingBinding *binding)
{
  g_autoptr (VmConfig) config = settings_section_copy (binding->section);
  void *owner = NULL;

  if (config && binding->setting->complete)
    binding->setting->complete (config);
  if (config)
    owner = owner_in (binding, config);

  gtk_widget_set_sensitive (binding->row, owner != NULL);
  show_state (binding);
  if (!owner || binding->pending != 0 || binding->saving > 0 || binding->trouble)
    return; /* what somebody is at stays as it is */
  binding->filling = true;
  read_member (binding, owner);
  binding->filling = false;
}

/* The row says which member it is. */
static const char *
without_member (const char *message)
{
  gsize length = strspn (message, "abcdefghijklmnopqrstuvwxyz0123456789.-[]");

  return length > 0 && g_str_has_prefix (message + length, ": ") ? message + length + 2 : message;
}

static void
clear (gpointer data)
{
  SettingBinding *binding = data;

  g_free (binding->trouble);
  g_free (binding->id);
}

/* A newer change, or the next one, says what its fate is. */
static void
on_saved (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingBinding *binding = data;
  g_autoptr (GError) error = NULL;
  bool saved = bonsai_vm_save_finish (BONSAI_VM (source), result, &error);

  binding->saving--;
  if (!binding->section && !saved)
    error_dialog_show (error_dialog_find_parent (), _ ("Can’t Change the Machine"), error);
  if (binding->section && binding->saving == 0)
    {
      if (!saved)
        binding->trouble = g_strdup (without_member (error->message));
      setting_binding_update (binding);
    }
  g_rc_box_release_full (binding, clear);
}

static void
save (SettingBinding *binding)
{
  SettingsSection *section = binding->section;
  g_autoptr (VmConfig) config = settings_section_copy (section);
  void *owner = config ? owner_in (binding, config) : NULL;

  g_clear_handle_id (&binding->pending, g_source_remove);
  g_clear_pointer (&binding->trouble, g_free);
  if (!owner)
    return;
  if (binding->setting->complete)
    binding->setting->complete (config);
  write_member (binding, owner);
  if (binding->setting->adapt)
    binding->setting->adapt (config);
  if (binding->setting->apply)
    binding->setting->apply (section, binding->id, config);
  else
    {
      binding->saving++;
      bonsai_vm_apply_config_async (settings_section_get_vm (section), config, on_saved,
                                    g_rc_box_acquire (binding));
    }
  show_state (binding);
}

static gboolean
on_rest (gpointer data)
{
  SettingBinding *binding = data;

  binding->pending = 0;
  save (binding);
  return G_SOURCE_REMOVE;
}

static void
on_changed (SettingBinding *binding)
{
  if (binding->filling)
    return;
  g_clear_handle_id (&binding->pending, g_source_remove);
  binding->pending = g_timeout_add (APPLY_MS, on_rest, binding);
}

/* Who goes on, or closes the window, has chosen. */
static void
on_left (SettingBinding *binding)
{
  if (binding->pending != 0)
    save (binding);
}

static void
on_chosen (SettingBinding *binding)
{
  if (!binding->filling)
    save (binding);
}

void
setting_binding_free (SettingBinding *binding)
{
  if (binding->pending != 0)
    save (binding);
  g_signal_handlers_disconnect_by_data (binding->control, binding);
  if (binding->focus)
    g_signal_handlers_disconnect_by_data (binding->focus, binding);
  g_object_unref (binding->control);
  binding->section = NULL;
  g_rc_box_release_full (binding, clear);
}

static void
add_control (SettingBinding *binding, GtkWidget *control)
{
  binding->row = adw_action_row_new ();
  binding->control = control;
  gtk_widget_set_valign (control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (binding->row), control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (binding->row), control);
  gtk_accessible_update_property (GTK_ACCESSIBLE (control), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ (binding->setting->title), -1);
}

static GtkWidget *
make_choice (const Setting *setting)
{
  GtkStringList *labels = gtk_string_list_new (NULL);

  for (guint i = 0; setting->labels[i]; i++)
    gtk_string_list_append (labels, _ (setting->labels[i]));
  return row_choice_new (labels);
}

static void
make_row (SettingBinding *binding)
{
  const Setting *setting = binding->setting;

  switch (setting->type)
    {
    case SETTING_BOOL:
      add_control (binding, gtk_switch_new ());
      g_signal_connect_swapped (binding->control, "notify::active", G_CALLBACK (on_chosen), binding);
      break;
    case SETTING_NUMBER:
    case SETTING_SIZE:
      add_control (binding, row_number_new (setting->min, setting->max, setting->step));
      g_signal_connect_swapped (binding->control, "value-changed", G_CALLBACK (on_changed), binding);
      binding->focus = gtk_event_controller_focus_new ();
      g_signal_connect_swapped (binding->focus, "leave", G_CALLBACK (on_left), binding);
      gtk_widget_add_controller (binding->control, binding->focus);
      break;
    case SETTING_CHOICE:
      add_control (binding, make_choice (setting));
      g_signal_connect_swapped (binding->control, "notify::selected", G_CALLBACK (on_chosen), binding);
      break;
    case SETTING_TEXT:
      binding->row = binding->control = adw_entry_row_new ();
      adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (binding->row), TRUE);
      binding->later = gtk_image_new_from_icon_name ("document-open-recent-symbolic");
      gtk_widget_set_tooltip_text (binding->later, _ ("At next start"));
      gtk_accessible_update_property (GTK_ACCESSIBLE (binding->later), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                      _ ("At next start"), -1);
      gtk_widget_add_css_class (binding->later, "dim-label");
      adw_entry_row_add_suffix (ADW_ENTRY_ROW (binding->row), binding->later);
      g_signal_connect_swapped (binding->row, "apply", G_CALLBACK (on_chosen), binding);
      break;
    }
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (binding->row), _ (setting->title));
  g_object_ref (binding->control);
}

GtkWidget *
setting_binding_get_row (SettingBinding *binding)
{
  return binding->row;
}

SettingBinding *
setting_binding_new (SettingsSection *section, const Setting *setting, const char *id)
{
  SettingBinding *binding = g_rc_box_new0 (SettingBinding);

  binding->section = section;
  binding->setting = setting;
  binding->id = g_strdup (id);
  binding->filling = true;
  make_row (binding);
  binding->filling = false;
  setting_binding_update (binding);
  return binding;
}
