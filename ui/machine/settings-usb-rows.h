/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "app/vm/vm-usb.h"
#include "ui/machine/settings-section.h"

G_BEGIN_DECLS

/* The row of one of the host's devices: whether the machine has it, and when it gets it by itself. Main
 * thread. */
void settings_usb_add_device (SettingsSection *section, const VmUsbOffer *offer);

/* The row of a rule for a device that isn't plugged in. */
void settings_usb_add_absent (SettingsSection *section, const VmUsbRule *rule);

/* settings-usb.c: the rows are made anew, as things are: a switch says what isn't so. */
void settings_usb_refresh (SettingsSection *section);

G_END_DECLS
