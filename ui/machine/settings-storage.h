/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/machine/settings-section.h"

G_BEGIN_DECLS

/* What the sections of disks and of CD drives have in common: both are disks of the description, which come
 * and go while the machine runs. What goes wrong is told in a dialog with @heading (static), unless the
 * section is gone by then. Main thread. */

/* Takes @disk out; its image stays. */
void settings_storage_detach (SettingsSection *section, const char *disk, const char *heading);
/* Puts @disk in, wherever there is room. */
void settings_storage_attach (SettingsSection *section, const DiskSpec *disk, const char *heading);

/* @path: of a file; @id: as was given. */
typedef void (*SettingsFileFunc) (SettingsSection *section, const char *path, const char *id);

/* Asks for a file; @chosen is called if there is one. @filter: (nullable) (transfer full); @id: (nullable).
 */
void settings_storage_choose (SettingsSection *section, const char *title, const char *accept,
                              GtkFileFilter *filter, SettingsFileFunc chosen, const char *id);

G_END_DECLS
