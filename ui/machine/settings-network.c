/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-forwards.h"

#define MAX_CARDS 8

static const char *const models[] = { N_ ("virtio"), N_ ("Intel e1000e"), NULL }; /* NicModel */

/* --- the cable --- */

static void
on_link_set (GObject *source, GAsyncResult *result, gpointer data)
{
  SettingsSection *section = settings_handle_release (data);
  g_autoptr (GError) error = NULL;

  if (!bonsai_vm_set_link_finish (BONSAI_VM (source), result, &error) && section)
    {
      settings_section_show_error (section, _ ("Can’t Move the Cable"), error);
      settings_section_update (section);
    }
}

static void
apply_link (SettingsSection *section, const char *id, const VmConfig *config)
{
  bonsai_vm_set_link_async (settings_section_get_vm (section), id,
                            !vm_config_find_nic (config, id)->link_down, NULL, on_link_set,
                            settings_section_hold (section));
}

/* --- members --- */

static const Setting settings[] = {
  { .owner = SETTING_OF_NIC,
    .type = SETTING_BOOL,
    .offset = offsetof (VmNic, link_down),
    .inverted = true,
    .live = true,
    .apply = apply_link,
    .title = N_ ("Cable Plugged In"),
    .subtitle = N_ ("Without it the card is there, but hears nothing") },
  { .owner = SETTING_OF_NIC,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmNic, model),
    .labels = models,
    .title = N_ ("Card"),
    .subtitle = N_ ("virtio is quickest; guests without a driver for it know Intel’s") },
  { .owner = SETTING_OF_NIC,
    .type = SETTING_TEXT,
    .offset = offsetof (VmNic, mac),
    .needed = true,
    .title = N_ ("Hardware Address"),
    .subtitle = N_ ("Six pairs of hexadecimal digits; no two cards may have the same") },
};

/* --- the network --- */

static const char *const networks[] = { "nat", "none" };

static void
on_network (GtkDropDown *choice, GParamSpec *pspec, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  VmNic *nic = config ? vm_config_find_nic (config, settings_button_id (choice)) : NULL;

  if (!nic)
    return;
  vm_config_set (&nic->network, networks[gtk_drop_down_get_selected (choice)]);
  settings_section_apply (section, config);
}

static void
add_network (SettingsSection *section, GtkWidget *parent, const VmNic *nic)
{
  const char *const labels[] = { _ ("NAT"), _ ("None"), NULL };

  settings_section_add_choice (
    section, parent, _ ("Network"), _ ("With NAT the guest reaches what this computer reaches"),
    gtk_string_list_new (labels), g_strcmp0 (nic->network, "none") == 0, G_CALLBACK (on_network), nic->id);
}

/* --- cards --- */

static void
on_remove (GtkButton *button, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);
  VmNic *nic = config ? vm_config_find_nic (config, settings_button_id (button)) : NULL;

  if (!nic)
    return;
  g_ptr_array_remove (config->nics, nic);
  settings_section_apply (section, config);
}

static void
on_add (GtkButton *button, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);

  if (!config)
    return;
  vm_config_add_nic (config, "nat");
  settings_section_apply (section, config);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);
      g_autofree char *forwards = settings_forwards_shape (nic);

      g_string_append_printf (text, "%s %s ", nic->id, forwards);
    }
  return g_strdup (text->str);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);
  bool alive = bonsai_state_is_alive (bonsai_vm_get_state (settings_section_get_vm (section)));

  for (guint i = 0; i < config->nics->len; i++)
    {
      const VmNic *nic = g_ptr_array_index (config->nics, i);
      GtkWidget *row = settings_section_add_expander (section, nic->id, nic->mac);

      for (guint j = 0; j < G_N_ELEMENTS (settings); j++)
        settings_section_add (section, row, &settings[j], nic->id);
      add_network (section, row, nic);
      settings_add_forwards (section, row, nic);
      settings_section_add_button (section, row, _ ("Remove the Card"), alive ? _ ("At next start") : NULL,
                                   _ ("_Remove"), G_CALLBACK (on_remove), nic->id);
    }
  if (config->nics->len < MAX_CARDS)
    settings_section_add_button (section, NULL, _ ("Another Network Card"),
                                 alive ? _ ("At next start") : NULL, _ ("_Add Card"), G_CALLBACK (on_add),
                                 NULL);
}

const SettingsSectionClass settings_network = { .title = N_ ("Network"), .fill = fill, .shape = shape };
