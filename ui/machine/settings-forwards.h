/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "ui/machine/settings-section.h"

G_BEGIN_DECLS

/* Adds to @parent, the expander row of network card @nic, rows for the ports that lead to it, and one for
 * another. They are changed at once, also while the machine runs. Main thread. */
void settings_add_forwards (SettingsSection *section, GtkWidget *parent, const VmNic *nic);

/* Of what these rows depend. (transfer full) */
char *settings_forwards_shape (const VmNic *nic);

G_END_DECLS
