/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/bundle/vm-config.h"

G_BEGIN_DECLS

/* The options that create and run share: serial ports, panics, watchdog, HPET, balloon, input, agents. All zero: none was
 * given. */
typedef struct {
  char **serials;
  char *on_panic, *watchdog;
  gboolean no_hpet, no_balloon, no_virtio_input, no_sound, merge_memory, no_usb, usb_keyboard;
  char *sound_record, *sound_microphone;
  char *graphics;
  int heads;
  char **without_agents;
} ChipOptions;

#define CHIP_OPTION_ENTRIES(options)                                                                         \
  { "serial",                                                                                                \
    0,                                                                                                       \
    0,                                                                                                       \
    G_OPTION_ARG_FILENAME_ARRAY,                                                                             \
    &(options)->serials,                                                                                     \
    "Where the next serial port leads: console, none, pty[:LINK], socket[:PATH], or a file (console)",       \
    "WHERE" },                                                                                               \
    { "on-panic",                                                                                            \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING,                                                                                   \
      &(options)->on_panic,                                                                                  \
      "When the guest's kernel panics: notify, pause, reset or power-off (notify)",                          \
      "ACTION" },                                                                                            \
    { "watchdog",                                                                                            \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING,                                                                                   \
      &(options)->watchdog,                                                                                  \
      "Add a watchdog that does this: notify, pause, reset or power-off (none)",                             \
      "ACTION" },                                                                                            \
    { "without-agent",                                                                                       \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING_ARRAY,                                                                             \
      &(options)->without_agents,                                                                            \
      "Don't talk to the guest's qemu-guest-agent, or its spice-vdagent",                                    \
      "AGENT" },                                                                                             \
    { "graphics",                                                                                            \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_STRING,                                                                                   \
      &(options)->graphics,                                                                                  \
      "Display card: vga, or virtio for several screens (vga)",                                              \
      "KIND" },                                                                                              \
    { "heads", 0, 0, G_OPTION_ARG_INT, &(options)->heads, "Screens of virtio graphics, 1 to 4 (1)", "N" },    \
    { "no-sound", 0, 0, G_OPTION_ARG_NONE, &(options)->no_sound, "Without a sound card", NULL },             \
    { "record-sound",                                                                                        \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_FILENAME,                                                                                 \
      &(options)->sound_record,                                                                              \
      "A WAV file for all that the machine plays",                                                           \
      "FILE" },                                                                                              \
    { "microphone",                                                                                          \
      0,                                                                                                     \
      0,                                                                                                     \
      G_OPTION_ARG_FILENAME,                                                                                 \
      &(options)->sound_microphone,                                                                          \
      "A WAV file that the machine hears instead of the host's microphone",                                  \
      "FILE" },                                                                                              \
    { "no-hpet", 0, 0, G_OPTION_ARG_NONE, &(options)->no_hpet, "Without an HPET", NULL },                    \
    { "no-balloon", 0,           0, G_OPTION_ARG_NONE, &(options)->no_balloon, "Without a memory balloon",    \
      NULL },                                                                                                \
    { "merge-memory", 0, 0, G_OPTION_ARG_NONE, &(options)->merge_memory,                                     \
      "Let the host hold pages that others have as well once only (KSM)", NULL },                            \
    { "no-usb", 0, 0, G_OPTION_ARG_NONE, &(options)->no_usb,                                                  \
      "Without a USB controller (xHCI) and the tablet on it", NULL },                                        \
    { "usb-keyboard", 0, 0, G_OPTION_ARG_NONE, &(options)->usb_keyboard,                                      \
      "With a USB keyboard, for systems that know no other", NULL },                                         \
  {                                                                                                          \
    "no-virtio-input", 0, 0, G_OPTION_ARG_NONE, &(options)->no_virtio_input,                                 \
      "Without a virtio keyboard and tablet", NULL                                                           \
  }

void chip_options_clear (ChipOptions *options);

/* Change what options were given for. A spec's port may also lead to "stdio". The error names the option. */
bool chip_options_apply_to_config (const ChipOptions *options, VmConfig *config, GError **error);
bool chip_options_apply_to_spec (const ChipOptions *options, MachineSpec *spec, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ChipOptions, chip_options_clear)

G_END_DECLS
