/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

#define N_PORTS 4

/* As SerialKind, without STDIO. */
static const char *const kinds[] = { N_ ("None"),     N_ ("Console"), N_ ("File"),
                                     N_ ("Terminal"), N_ ("Socket"),  NULL };

static const Setting kind = {
  .owner = SETTING_OF_SERIAL,
  .type = SETTING_CHOICE,
  .offset = offsetof (VmSerial, kind),
  .labels = kinds,
  .title = N_ ("Leads To"),
  .subtitle = N_ ("“bonsai console” opens a console; a file takes what the guest says"),
};
static const Setting path = {
  .owner = SETTING_OF_SERIAL,
  .type = SETTING_TEXT,
  .offset = offsetof (VmSerial, path),
  .title = N_ ("Path"),
  .subtitle = N_ ("Of a file, a link to a terminal, or a socket; in the machine’s folder, or absolute"),
};

/* Ports that the description leaves out are consoles. */
static void
on_describe (GtkButton *button, SettingsSection *section)
{
  g_autoptr (VmConfig) config = settings_section_copy (section);

  if (!config)
    return;
  vm_config_add_serial (config, NULL);
  settings_section_apply (section, config);
}

static char *
shape (SettingsSection *section, const VmConfig *config)
{
  return g_strdup_printf ("%u", config->serials->len);
}

static void
fill (SettingsSection *section)
{
  const VmConfig *config = settings_section_get_config (section);

  for (guint i = 0; i < config->serials->len; i++)
    {
      g_autofree char *title = g_strdup_printf ("COM%u", i + 1), *id = g_strdup_printf ("%u", i);
      GtkWidget *row = settings_section_add_expander (section, title, "");

      settings_section_add (section, row, &kind, id);
      settings_section_add (section, row, &path, id);
    }
  if (config->serials->len < N_PORTS)
    {
      g_autofree char *title = config->serials->len + 1 == N_PORTS
                                 ? g_strdup ("COM4")
                                 : g_strdup_printf ("COM%u–COM%u", config->serials->len + 1, N_PORTS);
      settings_section_add_button (section, NULL, title, _ ("Consoles"), _ ("_Change"),
                                   G_CALLBACK (on_describe), NULL);
    }
}

const SettingsSectionClass settings_serial = { .title = N_ ("Serial Ports"), .fill = fill, .shape = shape };
