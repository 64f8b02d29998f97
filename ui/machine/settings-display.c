/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ui/base/i18n.h"
#include "ui/machine/settings-section.h"

static const char *const cards[] = { N_ ("VGA"), N_ ("virtio"), NULL }; /* GraphicsKind */

static const Setting settings[] = {
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_CHOICE,
    .offset = offsetof (VmConfig, graphics),
    .labels = cards,
    .title = N_ ("Display Card"),
    .subtitle =
      N_ ("virtio has several screens, and its picture follows the window, if the guest has a driver") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_NUMBER,
    .offset = offsetof (VmConfig, heads),
    .min = 1,
    .max = 4,
    .step = 1,
    .title = N_ ("Screens"),
    .subtitle = N_ ("Each has a window of its own; more than one with virtio only") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_NUMBER,
    .offset = offsetof (VmConfig, video_memory),
    .min = 1,
    .max = 256,
    .step = 1,
    .title = N_ ("Video Memory (MiB)"),
    .subtitle = N_ ("A power of two, up to 256; 16 are enough for most screens") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_BOOL,
    .offset = offsetof (VmConfig, sound),
    .title = N_ ("Sound Card"),
    .subtitle = N_ ("Heard while the machine has a window") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, sound_record),
    .title = N_ ("Record Sound to File"),
    .subtitle = N_ ("A WAV file for all that the machine plays, made anew at each start; empty: none") },
  { .owner = SETTING_OF_MACHINE,
    .type = SETTING_TEXT,
    .offset = offsetof (VmConfig, sound_microphone),
    .title = N_ ("Microphone from File"),
    .subtitle =
      N_ ("A WAV file that the guest hears instead of this computer’s microphone; empty: the microphone") },
};

static void
fill (SettingsSection *section)
{
  for (guint i = 0; i < G_N_ELEMENTS (settings); i++)
    settings_section_add (section, NULL, &settings[i], NULL);
}

const SettingsSectionClass settings_display = { .title = N_ ("Display and Sound"), .fill = fill };
