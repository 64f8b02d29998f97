/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

static const Setting settings[] = {
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, name),
    .needed = true,
    .live = true,
    .title = N_ ("Name"),
    .subtitle = N_ ("How the machine is called here") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, os),
    .live = true,
    .title = N_ ("Operating System"),
    .subtitle =
      N_ ("As libosinfo calls it, such as http://debian.org/debian/12; the icon and advice follow it") },
};

static void
fill (SettingsSection *section)
{
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    settings_section_add (section, NULL, &settings[i], NULL);
}

const SettingsSectionClass settings_general = { .title = N_ ("General"), .fill = fill };
