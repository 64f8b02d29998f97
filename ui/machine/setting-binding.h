/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/machine/settings-section.h"

G_BEGIN_DECLS

/*
 * SettingBinding: a member of the description, and the row that shows it: what is changed in either is
 * brought into the other. What was refused stays in the row, with the reason.
 *
 * Main thread.
 */
typedef struct SettingBinding SettingBinding;

/* @section outlives it. @id: (nullable): as for settings_section_add. */
SettingBinding *setting_binding_new (SettingsSection *section, const Setting *setting, const char *id);
/* Saves what isn't yet. Its row may be gone already. */
void setting_binding_free (SettingBinding *binding);

/* (transfer none): its row, which is to be shown. */
GtkWidget *setting_binding_get_row (SettingBinding *binding);

/* The description, or what the machine does, has changed. */
void setting_binding_update (SettingBinding *binding);

G_END_DECLS
