/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

/* As ClipboardPolicy. */
static const char *const ways[] = { N_ ("Both ways"), N_ ("Into the guest"), N_ ("Out of the guest"),
                                    N_ ("Off"), NULL };
/* As BoardAction. */
static const char *const actions[] = { N_ ("Tell, and run on"), N_ ("Pause"), N_ ("Reset"), N_ ("Power off"),
                                       NULL };

static const Setting settings[] = {
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, agents.guest),
    .title = N_ ("Guest Agent"),
    .subtitle =
      N_ ("Addresses, orderly shutdown and consistent snapshots, if qemu-guest-agent runs in the guest") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, agents.set_time),
    .title = N_ ("Set the Guest’s Clock"),
    .subtitle = N_ ("After a pause, by its agent") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, agents.desktop),
    .title = N_ ("Desktop Agent"),
    .subtitle = N_ ("Clipboard, and a screen with the window’s size, if spice-vdagent runs in the guest") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmConfig, agents.clipboard),
    .labels = ways,
    .title = N_ ("Clipboard"),
    .subtitle = N_ ("Which way it goes between guest and this computer") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, virtio_input),
    .title = N_ ("virtio Keyboard and Tablet"),
    .subtitle = N_ ("The pointer needs no capturing, if the guest has drivers") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, hpet),
    .title = N_ ("Precision Timer (HPET)"),
    .subtitle = N_ ("Some systems fare better without") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmConfig, on_panic),
    .labels = actions,
    .title = N_ ("When the Guest’s Kernel Panics"),
    .subtitle = N_ ("What becomes of the machine") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, watchdog),
    .title = N_ ("Watchdog"),
    .subtitle = N_ ("A timer that the guest must feed, to show that it is alive") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmConfig, watchdog_action),
    .labels = actions,
    .title = N_ ("When the Watchdog Starves"),
    .subtitle = N_ ("What becomes of the machine") },
};

static void
fill (SettingsSection *section)
{
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    settings_section_add (section, NULL, &settings[i], NULL);
}

const SettingsSectionClass settings_guest = { .title = N_ ("Guest"), .fill = fill };
